"""The worker: woken by a notification or by the clock, it runs flows until nothing is left to do."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.correct_fees import correct_fees
from tillkeeper.flows.correspond import correspond
from tillkeeper.flows.deliver import Courier
from tillkeeper.flows.examine import examine
from tillkeeper.flows.expire import expire
from tillkeeper.flows.fan_out import fan_out
from tillkeeper.flows.fulfil import fulfil
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.lapse import lapse
from tillkeeper.flows.let_go import let_go
from tillkeeper.flows.notify import notify
from tillkeeper.flows.operate import operate
from tillkeeper.flows.reconcile import plan, reconcile
from tillkeeper.flows.revoke import revoke
from tillkeeper.flows.seal import seal, seal_journals_max
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.settle import rescue, settle
from tillkeeper.flows.sum_up import sum_up
from tillkeeper.flows.sweep import forget_bodies, forget_calls, purge, sweep
from tillkeeper.kernel import logs
from tillkeeper.kernel.db import Listener
from tillkeeper.kernel.errors import TillError
from tillkeeper.till import Till

CHANNEL = "till_work"
poll_seconds = 1
failure_pause_seconds_max = 5
"""A job that failed is run again after its own time or this one, whichever is shorter."""
settlers = 2
"""While PostgreSQL works on the batch of one, the other thinks about the next; more would only wait for its locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hold a flow that is run again and again: at once while it finds work, then every so often."""

    name: str
    run: Callable[[Till], Awaitable[int]]
    every_seconds: int
    woken: bool = False
    finish: Callable[[], Awaitable[None]] | None = None
    """What is left to wait for when the work ends."""


async def _catch_up(till: Till) -> int:
    """Catch up once; a look that found something is not repeated at once."""
    await catch_up(till)
    return 0


async def _import(till: Till) -> int:
    """Read the gateways' accounts once; what is new in them waits for its comparison."""
    await import_settlement(till)
    return 0


async def _plan(till: Till) -> int:
    """Plan once: a plan that found something to do is not made again at once."""
    await plan(till)
    return 0


async def _announce(till: Till) -> int:
    """Give new events their numbers, and owe them to whoever wants to hear of them."""
    return await sequence(till) + await fan_out(till)


async def _seal(till: Till) -> int:
    """Seal once; only after a full block the next one is made at once, or there would be a block for each payment."""
    return int(await seal(till) >= seal_journals_max)


async def _examine(till: Till) -> int:
    """Examine once; what is broken stays broken, so it is not looked at again at once."""
    await examine(till)
    return 0


JOBS = (
    *(Job(name="settle", run=settle, every_seconds=poll_seconds, woken=True) for _ in range(settlers)),
    Job(name="rescue", run=rescue, every_seconds=5),
    Job(name="announce", run=_announce, every_seconds=poll_seconds),
    Job(name="notify", run=notify, every_seconds=5),
    Job(name="correspond", run=correspond, every_seconds=5),
    Job(name="sweep", run=sweep, every_seconds=poll_seconds),
    Job(name="fulfil", run=fulfil, every_seconds=5),
    Job(name="revoke", run=revoke, every_seconds=5),
    Job(name="expire", run=expire, every_seconds=5),
    Job(name="let_go", run=let_go, every_seconds=60),
    Job(name="lapse", run=lapse, every_seconds=5),
    Job(name="catch_up", run=_catch_up, every_seconds=300),
    Job(name="purge", run=purge, every_seconds=3600),
    Job(name="forget_bodies", run=forget_bodies, every_seconds=3600),
    Job(name="forget_calls", run=forget_calls, every_seconds=60),
    Job(name="import_settlement", run=_import, every_seconds=3600),
    Job(name="plan_reconciliation", run=_plan, every_seconds=600),
    Job(name="reconcile", run=reconcile, every_seconds=30),
    Job(name="correct_fees", run=correct_fees, every_seconds=3600),
    Job(name="seal", run=_seal, every_seconds=5),
    Job(name="examine", run=_examine, every_seconds=20),
    Job(name="sum_up", run=sum_up, every_seconds=10),
)


def jobs_of(till: Till) -> list[Job]:
    """List the jobs of an installation; each gateway is called on its own, so that one that hangs delays no other."""
    calls = [
        Job(name=f"operate {name}", run=partial(operate, gateway=name), every_seconds=poll_seconds)
        for name in till.gateways
    ]
    courier = Courier()
    sending = Job(name="deliver", run=courier.dispatch, every_seconds=poll_seconds, finish=courier.finish)
    return [*JOBS, *calls, sending]


async def work(till: Till, stop: asyncio.Event) -> None:
    """Run every job until `stop` is set; what is under way is finished first."""
    bell = asyncio.Event()
    jobs = [asyncio.create_task(_repeat(till, job, stop, bell)) for job in jobs_of(till)]
    listening = asyncio.create_task(_listen(till, bell))
    try:
        await stop.wait()
        bell.set()
        await asyncio.gather(*jobs)
    finally:
        listening.cancel()
        for job in jobs:
            job.cancel()
        await asyncio.gather(listening, *jobs, return_exceptions=True)


async def _repeat(till: Till, job: Job, stop: asyncio.Event, bell: asyncio.Event) -> None:
    while not stop.is_set():
        if job.woken:
            bell.clear()
        pause = job.every_seconds
        try:
            if await job.run(till):
                continue
        except TillError as error:
            logs.worker.warning("job_failed", job=job.name, code=error.code, detail=error.detail)
            pause = min(job.every_seconds, failure_pause_seconds_max)
        except Exception:  # noqa: BLE001 (a bug in one job must not end the others)
            logs.worker.exception("job_failed", job=job.name)
            pause = min(job.every_seconds, failure_pause_seconds_max)
        await _wait(bell if job.woken else stop, pause)
    if job.finish:
        await job.finish()


async def _wait(event: asyncio.Event, seconds: int) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout=seconds)
    except TimeoutError:
        return


async def _listen(till: Till, bell: asyncio.Event) -> None:
    """Ring when webhooks come; the clock rings too, so a lost notification costs a second and no money."""
    listener: Listener | None = None
    try:
        while True:
            if listener is None or listener.lost:
                try:
                    listener = await till.db.listen(CHANNEL, bell.set)
                except TillError:
                    listener = None
            await asyncio.sleep(poll_seconds)
    finally:
        if listener:
            await listener.close()
