"""What is sent where: one row for each event and endpoint, tried until it is taken or given up."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel import backoff, ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.egress import Reply
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.outbox.deliveries import rules, store
from tillkeeper.outbox.deliveries.values import Delivery, Status, Verdict
from tillkeeper.outbox.endpoints import Span

__all__ = ["Delivery", "Status", "Verdict", "cancel", "claim", "owe", "record", "resend"]

lease_seconds = 30
"""Longer than the longest try (17 s) with its record, so that a lease runs out only under a dead worker; not by much,
for until then what a dead worker held takes up its endpoint's places."""
concurrency_max = 64
"""How many a worker has on the way at once; the endpoints have equal shares, so that all may be slow and none waits."""
endpoint_concurrency_max = 16
"""How many are on the way to one endpoint at once, however few share with it: it may be a small machine."""


async def owe(tx: Transaction, spans: Sequence[Span]) -> int:
    """Owe locked endpoints what they want of their stretches of events; return how much.

    What was delivered already stays so; what waits for its next try or was given up begins anew, for a stretch comes
    twice only by request.
    """
    owed = await store.wanted(tx, spans)
    if owed:
        await store.insert(tx, [(ids.new(), *each) for each in owed])
    return len(owed)


async def claim(tx: Transaction, limit: int) -> list[Delivery]:
    """Lease deliveries that are due, the oldest first, a few for each endpoint at a time, however many workers ask."""
    await store.queue_up(tx)
    return await store.claim(
        tx,
        ids.new(),
        limit,
        shared=concurrency_max,
        endpoint_max=endpoint_concurrency_max,
        lease_seconds=lease_seconds,
    )


async def record(tx: Transaction, delivery: Delivery, reply: Reply) -> Verdict | None:
    """Decide how a delivery goes on after a try, and write it down; None when its lease was lost, and nothing is.

    It is judged as it stands by now: somebody may have begun it anew meanwhile, or given its endpoint another address.
    """
    held = await store.hold(tx, delivery)
    if held is None:
        return None
    failures, moved = held
    verdict = rules.judge(
        reply.status,
        failures=failures,
        jitter_percent=backoff.jitter_percent(),
        retry_after_seconds=reply.retry_after_seconds,
        moved=moved,
    )
    await store.record(tx, delivery, reply, verdict)
    return verdict


async def resend(tx: Transaction, delivery: UUID) -> None:
    """Begin a delivery anew; raises NotFoundError, and InvalidStateError when its endpoint is off or gone."""
    enabled = await store.endpoint_of(tx, delivery)
    if enabled is None:
        message = "No delivery has this id."
        raise NotFoundError(message)
    if not enabled:
        message = "The endpoint is switched off or deleted, so nothing is sent there."
        raise InvalidStateError(message)
    await store.resend(tx, delivery)


async def cancel(tx: Transaction, endpoint: UUID) -> None:
    """End what is still owed to an endpoint."""
    await store.cancel(tx, endpoint)
