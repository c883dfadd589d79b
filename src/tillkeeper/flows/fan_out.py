"""Owe each endpoint of the merchant the events that it wants."""

from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.outbox import deliveries, endpoints
from tillkeeper.till import Till

fan_out_batch_max = 500


@retry_conflicts
async def fan_out(till: Till, *, limit: int = fan_out_batch_max) -> int:
    """Make the deliveries of the next stretch of events for every endpoint that is behind; return for how many."""
    async with till.db.transaction() as tx:
        spans = await endpoints.behind(tx, limit)
        if spans:
            await deliveries.owe(tx, spans)
            await endpoints.advance(tx, spans)
    return len(spans)
