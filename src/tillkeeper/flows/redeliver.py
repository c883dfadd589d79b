"""Send events again: one delivery, or all that an endpoint has missed since a moment."""

from datetime import datetime
from uuid import UUID

from tillkeeper import audit, outbox
from tillkeeper.audit import Action
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.outbox import deliveries, endpoints
from tillkeeper.till import Till


@retry_conflicts
async def resend(till: Till, delivery: UUID) -> None:
    """Begin a delivery anew under the same event id; raises NotFoundError or InvalidStateError."""
    async with till.db.transaction() as tx:
        await deliveries.resend(tx, delivery)
        shown = ids.text("delivery", delivery)
        await audit.record(tx, till.by, Action.DELIVERY_RESENT, shown, at=till.now())


@retry_conflicts
async def recover(till: Till, endpoint: UUID, *, since: datetime) -> int:
    """Owe an endpoint every event since a moment that it has not taken; return how many are looked at again.

    What it was owed and never given, because it was switched off or not there yet, is added; what waits for its next
    try or was given up begins anew; what it has taken is not sent again. Raises NotFoundError or InvalidStateError.
    """
    async with till.db.transaction() as tx:
        found = await endpoints.lock(tx, endpoint)
        if not found.enabled:
            message = "The endpoint is switched off; switch it on first."
            raise InvalidStateError(message)
        newest = await outbox.newest(tx)
        seq = min(newest, await outbox.last_before(tx, since))
        await endpoints.rewind(tx, endpoint, seq)
        asked, shown = {"since": since.isoformat()}, ids.text("endpoint", endpoint)
        await audit.record(tx, till.by, Action.ENDPOINT_RECOVERED, shown, after=asked, at=till.now())
    return newest - seq
