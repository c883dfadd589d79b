"""What is to be done at certain moments, each of them once, and who is there to do it."""

from datetime import datetime

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.schedules import rules, store
from tillkeeper.schedules.store import clock
from tillkeeper.schedules.values import HOURLY, Calendar, Kind, Turn, Worker

__all__ = [
    "HOURLY",
    "Calendar",
    "Kind",
    "Turn",
    "Worker",
    "beat",
    "clock",
    "end",
    "fail",
    "finish",
    "forget",
    "renew",
    "take",
]

lease_seconds = 60
"""A worker renews its lease while it lives; without it, another one goes on after this."""
retry_seconds = (15, 60, 300)
"""How long a run that failed waits for its next try."""
tries_max = len(retry_seconds) + 1
runs_kept_days = 90
workers_kept_days = 7


async def take(tx: Transaction, job: str, calendar: Calendar, now: datetime) -> Turn | None:
    """Take the latest slot of a job, whoever of all workers comes first; None when there is nothing to do.

    What was missed before it, or put off until now, is made up for with it. A slot whose worker has died, or whose next
    try is due, is taken as well.
    """
    slot = rules.latest(calendar, now)
    turn = Turn(job=job, slot=slot, token=ids.new())
    tries = await store.take(tx, turn, rules.following(calendar, slot), lease_seconds)
    if tries is None:
        return None
    await store.supersede(tx, job, slot)
    return Turn(job=job, slot=slot, token=turn.token, tries=tries)


async def renew(tx: Transaction, turn: Turn) -> bool:
    """Keep a slot for as long again; false when it was lost to somebody else."""
    return await store.renew(tx, turn, lease_seconds)


async def finish(tx: Transaction, turn: Turn) -> bool:
    """Write down that a slot is done; false when it was lost to somebody else, who says what came of it."""
    return await store.close(tx, turn, "done", None)


async def fail(tx: Transaction, turn: Turn, error: str) -> bool:
    """Write down why a try failed, and let the next one wait; true when it was the last, and the slot is given up."""
    if turn.tries >= tries_max:
        return await store.close(tx, turn, "failed", error)
    await store.put_off(tx, turn, error, retry_seconds[turn.tries - 1])
    return False


async def beat(tx: Transaction, worker: Worker) -> None:
    """Note that a worker is at work."""
    await store.beat(tx, worker)


async def end(tx: Transaction, worker: Worker) -> None:
    """Note that a worker has ended in good order."""
    await store.end(tx, worker)


async def forget(tx: Transaction) -> int:
    """Forget runs and workers of long ago; return how many."""
    return await store.forget(tx, runs_kept_days, workers_kept_days)
