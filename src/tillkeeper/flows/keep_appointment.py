"""Do what is due at a certain moment: once, whoever of all workers comes first, and by another when that one dies."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tillkeeper import schedules
from tillkeeper.flows.notify import alert
from tillkeeper.kernel import failpoints, ids, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import TillError
from tillkeeper.schedules import Calendar, Turn
from tillkeeper.till import Till

run_seconds_max = 240
"""Less than what Celery gives a task: whoever takes longer is ended here, in good order, and the next try goes on."""
renew_seconds = 15
clock_apart_max = timedelta(seconds=60)
"""How far the clock of this machine may be from the database's before it is not believed."""
reason_length_max = 300
MISSED = UUID(int=0)
"""What the ids of alerts are derived from, together with a name and a day."""


async def by_database(till: Till) -> Till:
    """Lend a till that goes by the database's clock, where this machine's is plainly wrong.

    What is due, up to when a gateway was asked and what is old enough to be forgotten follow from it: after one jump
    ahead nothing would be due until the time has come, and what was taken for old would be gone.
    """
    async with till.db.transaction() as tx:
        apart = till.now() - await schedules.clock(tx)
    if abs(apart) <= clock_apart_max:
        return till
    logs.worker.error("clock_wrong", seconds_ahead=round(apart.total_seconds()))
    shown = till.now
    return replace(till, now=lambda: shown() - apart)


async def keep_appointment(till: Till, *, name: str, calendar: Calendar, run: Callable[[Till], Awaitable[int]]) -> int:
    """Run a job for its latest slot, unless that is done, until nothing of it is left; return how often it ran."""
    async with till.db.transaction() as tx:
        turn = await schedules.take(tx, name, calendar, till.now())
        if turn and turn.tries > schedules.tries_max:
            await _fail(tx, till, turn, "Each worker that ran it ended before it was done.")
            return 0
    if turn is None:
        return 0
    failpoints.reach(f"appointment:{name}")
    error = await _attend(till, turn, run)
    async with till.db.transaction() as tx:
        if error is None:
            await schedules.finish(tx, turn)
        else:
            await _fail(tx, till, turn, error)
    return 1


async def _attend(till: Till, turn: Turn, run: Callable[[Till], Awaitable[int]]) -> str | None:
    """Run the job while the lease is ours; return why it failed, if it did."""
    running = asyncio.create_task(_drain(till, run))
    try:
        async with asyncio.timeout(run_seconds_max):
            while not running.done():
                await asyncio.wait({running}, timeout=renew_seconds)
                async with till.db.transaction() as tx:
                    if not running.done() and not await schedules.renew(tx, turn):
                        return None  # somebody else has it by now, and writes down what comes of it
        await running
    except TimeoutError:
        return f"It was not done after {run_seconds_max} s."
    except TillError as error:
        logs.worker.warning("job_failed", job=turn.job, code=error.code, detail=error.detail)
        return logs.mask(error.detail)[:reason_length_max]
    except Exception as error:  # noqa: BLE001 (whatever it is, it is kept as the reason, and tried again)
        logs.worker.exception("job_failed", job=turn.job)
        return logs.mask(f"{type(error).__name__}: {error}")[:reason_length_max]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return None


async def _drain(till: Till, run: Callable[[Till], Awaitable[int]]) -> None:
    while await run(till):
        pass


async def _fail(tx: Transaction, till: Till, turn: Turn, error: str) -> None:
    """Write down why a try failed; operators hear of the last one, once a day for each job."""
    if await schedules.fail(tx, turn, error):
        logs.worker.error("appointment_missed", job=turn.job, slot=turn.slot.isoformat(), error=error)
        source = ids.derive(MISSED, turn.job, till.now().date().isoformat())
        await alert(tx, till, "appointment.missed", source, job=turn.job, slot=turn.slot.isoformat(), reason=error)
