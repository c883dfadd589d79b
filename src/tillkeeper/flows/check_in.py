"""Say that a worker is at work, and when it has ended."""

from tillkeeper import schedules
from tillkeeper.schedules import Worker
from tillkeeper.till import Till


async def check_in(till: Till, worker: Worker) -> None:
    """Note that a worker is at work now."""
    async with till.db.transaction() as tx:
        await schedules.beat(tx, worker)


async def check_out(till: Till, worker: Worker) -> None:
    """Note that a worker has ended in good order: nobody has to look for it."""
    async with till.db.transaction() as tx:
        await schedules.end(tx, worker)
