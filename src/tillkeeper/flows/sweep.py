"""Finish what was left behind, and fold what was put off."""

from datetime import timedelta

from tillkeeper import access, idempotency, inbox, ledger, operations, refund_requests, schedules
from tillkeeper.till import Till

roll_batch_max = 5000
keys_batch_max = 5000
"""Whatever piled up goes in steps: one statement over all of it would end at the time limit, and then always."""
windows_batch_max = 5000
bodies_batch_max = 1000


async def sweep(till: Till, *, limit: int = roll_batch_max) -> int:
    """Fold waiting deltas into the balances of busy accounts; return how many.

    Webhooks and gateway calls need no sweeping: their rows are the queue, locks vanish with a dead worker,
    and a lease that ran out makes a call due again.
    """
    async with till.db.transaction() as tx:
        return await ledger.roll(tx, limit)


async def purge(till: Till, *, limit: int = keys_batch_max) -> int:
    """Forget idempotency keys that were answered more than a day ago and whose outcome is known; return how many."""
    async with till.db.transaction() as tx:
        unresolved = await operations.unresolved(tx)
        requests = await refund_requests.of_refunds(tx, unresolved)
        return await idempotency.purge(tx, unresolved=[*unresolved, *requests], limit=limit)


async def forget_calls(till: Till, *, limit: int = windows_batch_max) -> int:
    """Forget how often everybody called in minutes that are long over; return how many counts that were."""
    async with till.db.transaction() as tx:
        return await access.forget_calls(tx, till.now(), limit=limit)


async def forget_bodies(till: Till, *, limit: int = bodies_batch_max) -> int:
    """Forget what webhooks said that were applied long ago; that they came, and what came of them, stays."""
    before = till.now() - timedelta(days=till.settings.webhook_days_kept)
    async with till.db.transaction() as tx:
        return await inbox.forget_bodies(tx, before, limit=limit)


async def forget_runs(till: Till) -> int:
    """Forget when what was done a quarter of a year ago, and workers that are long gone; return how many rows."""
    async with till.db.transaction() as tx:
        return await schedules.forget(tx)
