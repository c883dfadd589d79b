"""Give committed events their place in one order without gaps."""

from tillkeeper import outbox
from tillkeeper.till import Till

sequence_batch_max = 1000


async def sequence(till: Till, *, limit: int | None = sequence_batch_max) -> int:
    """Give a number to the events that have none yet, or to the oldest of them; return to how many."""
    async with till.db.transaction() as tx:
        return await outbox.sequence(tx, limit)
