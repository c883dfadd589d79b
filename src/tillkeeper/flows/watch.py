"""Look at what has just happened, for everybody who watches at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tillkeeper import outbox
from tillkeeper.access import staff
from tillkeeper.outbox import Numbered
from tillkeeper.till import Till

watch_batch_max = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Hold events in their order, and which sessions still count."""

    events: Sequence[Numbered]
    sessions: frozenset[bytes]


async def watch(till: Till, *, after: int, sessions: Collection[bytes]) -> News:
    """Read the events after a number, and see which sessions are over; that keeps none of them alive."""
    async with till.db.transaction(read_only=True) as tx:
        return News(
            events=await outbox.following(tx, after, watch_batch_max),
            sessions=await staff.standing(tx, sessions, till.now()),
        )


async def newest(till: Till) -> int:
    """Tell the number of the newest event."""
    async with till.db.transaction(read_only=True) as tx:
        return await outbox.newest(tx)
