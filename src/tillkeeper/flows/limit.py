"""Let nobody call more often than is fair: counted for all processes together, at next to no cost."""

from datetime import datetime

from tillkeeper import access
from tillkeeper.access import limits
from tillkeeper.access.limits import Meter, Standing, Window
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.till import Till


async def admit(till: Till, meter: Meter, who: str, *, limit: int, name: str) -> Standing:
    """Count one call of somebody; raises RateLimitedError beyond `limit` calls a minute.

    A process takes calls in blocks, so a limit is kept exactly over all processes, and reached a little early by some
    of them when there are many.
    """
    now = till.now()
    window = meter.window(who, limits.start_of(now))
    while window.unused <= 0 and window.taken < limit:
        async with window.taking:  # of many calls at once one takes a block, or a process that dies takes it all along
            if window.unused <= 0 and window.taken < limit:
                await _take(till, window, who, limits.start_of(now), limit)
        now = till.now()  # the minute may have ended meanwhile, and then what was taken of it is worth nothing any more
        window = meter.window(who, limits.start_of(now))
    if window.unused <= 0:
        raise limits.refuse(limit, now, name)
    return limits.spend(window, limit, now)


@retry_conflicts
async def _take(till: Till, window: Window, who: str, start: datetime, limit: int) -> None:
    wanted = limits.block(limit)
    async with till.db.transaction() as tx:
        taken = await access.take_calls(tx, who, start, wanted)
    window.unused += max(0, min(wanted, wanted - (taken - limit)))
    window.taken = max(window.taken, taken)
