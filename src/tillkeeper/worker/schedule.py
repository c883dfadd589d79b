"""The one table of what workers do, which our own loop and Celery share.

Most jobs empty a queue: their rows are the work and are leased, so that it does no harm to look twice. Those with a
calendar are due at certain moments, and a row for each moment lets one worker do it, however many there are.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.check_certificate import check_certificate
from tillkeeper.flows.check_versions import check_versions
from tillkeeper.flows.correct_fees import correct_fees
from tillkeeper.flows.correspond import correspond
from tillkeeper.flows.deliver import Courier
from tillkeeper.flows.drill import MONDAYS, carry_out, drill_seconds_max, plan_drill
from tillkeeper.flows.examine import examine
from tillkeeper.flows.expire import expire
from tillkeeper.flows.fan_out import fan_out
from tillkeeper.flows.fulfil import fulfil
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.keep_appointment import by_database, keep_appointment
from tillkeeper.flows.lapse import lapse
from tillkeeper.flows.let_go import let_go
from tillkeeper.flows.notify import notify
from tillkeeper.flows.operate import operate
from tillkeeper.flows.reconcile import plan, reconcile
from tillkeeper.flows.retain import retain
from tillkeeper.flows.revoke import revoke
from tillkeeper.flows.seal import seal, seal_journals_max
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.settle import rescue, settle
from tillkeeper.flows.sum_up import sum_up
from tillkeeper.flows.sweep import forget_bodies, forget_calls, forget_runs, purge, sweep
from tillkeeper.flows.watch_secrets import watch_secrets
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import TillError
from tillkeeper.schedules import HOURLY, Calendar
from tillkeeper.till import Till

Work = Callable[[Till], Awaitable[int]]

poll_seconds = 1
settlers = 2
"""While PostgreSQL works on the batch of one, the other thinks about the next; more would only wait for its locks."""
look_seconds = 15
"""How often it is looked whether a moment has come, and whether whoever took it is still alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hold a flow that is run again and again: at once while it finds work, then every so often."""

    name: str
    run: Work
    every_seconds: int
    calendar: Calendar | None = None
    """When it is due; without, whenever there is work."""
    woken: bool = False
    calls: bool = False
    """It waits for others over the network, so it may keep whoever runs it for long."""
    seconds_max: int | None = None
    """How long Celery lets it go on, when that is longer than for others."""
    side_by_side: int = 1
    """How often one process runs it at once."""
    finish: Callable[[], Awaitable[None]] | None = None
    """What is left to wait for when the work ends."""


def _once(run: Callable[[Till], Awaitable[object]]) -> Work:
    """Run it once: what it found is not found anew by looking again at once."""

    async def look(till: Till) -> int:
        await run(till)
        return 0

    return look


async def _announce(till: Till) -> int:
    """Give new events their numbers, and owe them to whoever wants to hear of them."""
    return await sequence(till) + await fan_out(till)


async def _seal(till: Till) -> int:
    """Seal once; only after a full block the next one is made at once, or there would be a block for each payment."""
    return int(await seal(till) >= seal_journals_max)


def _by_database(run: Work) -> Work:
    """Run it by the database's clock where this machine's is wrong."""

    async def go(till: Till) -> int:
        return await run(await by_database(till))

    return go


def _due(name: str, calendar: Calendar, run: Work, *, calls: bool = False) -> Job:
    """Make a job of what is due at certain moments."""
    keep = partial(keep_appointment, name=name, calendar=calendar, run=run)
    return Job(name=name, run=_by_database(keep), every_seconds=look_seconds, calendar=calendar, calls=calls)


DRAINS = (
    Job(name="settle", run=settle, every_seconds=poll_seconds, woken=True, side_by_side=settlers),
    Job(name="rescue", run=rescue, every_seconds=5),
    Job(name="announce", run=_announce, every_seconds=poll_seconds),
    Job(name="notify", run=notify, every_seconds=5),
    Job(name="correspond", run=correspond, every_seconds=5, calls=True),
    Job(name="sweep", run=sweep, every_seconds=poll_seconds),
    Job(name="fulfil", run=fulfil, every_seconds=5),
    Job(name="revoke", run=revoke, every_seconds=5),
    Job(name="expire", run=expire, every_seconds=5),
    Job(name="let_go", run=let_go, every_seconds=60),
    Job(name="lapse", run=lapse, every_seconds=5),
    Job(name="catch_up", run=_by_database(_once(catch_up)), every_seconds=300, calls=True),
    Job(name="forget_calls", run=forget_calls, every_seconds=60),
    Job(name="reconcile", run=reconcile, every_seconds=30),
    Job(name="seal", run=_seal, every_seconds=5),
    # It has slots of its own, a row for each look, so that a minute is no row for ever.
    Job(name="examine", run=_once(examine), every_seconds=20),
    Job(name="sum_up", run=sum_up, every_seconds=10),
    Job(name="drill", run=carry_out, every_seconds=10, calls=True, seconds_max=drill_seconds_max),
)
APPOINTMENTS = (
    _due("purge", HOURLY, purge),
    _due("import_settlement", HOURLY, _once(import_settlement), calls=True),
    # Days end at the full hour or at the half, by the gateway's own clock.
    _due("plan_reconciliation", Calendar(every=timedelta(minutes=30)), _once(plan)),
    # It corrects whole weeks; lines that come late need not wait for another one.
    _due("correct_fees", HOURLY, correct_fees),
    _due("forget_bodies", Calendar(every=timedelta(days=1), after=timedelta(hours=4)), forget_bodies),
    _due("retain", Calendar(every=timedelta(days=1), after=timedelta(hours=4, minutes=30)), retain),
    _due("forget_runs", Calendar(every=timedelta(days=1), after=timedelta(hours=4)), _once(forget_runs)),
    _due("plan_drill", MONDAYS, _once(plan_drill)),
    _due("watch_secrets", HOURLY, _once(watch_secrets)),
    _due("check_versions", Calendar(every=timedelta(weeks=1), after=timedelta(hours=9)), _once(check_versions)),
    _due(
        "check_certificate",
        Calendar(every=timedelta(weeks=1), after=timedelta(hours=9)),
        _once(check_certificate),
        calls=True,
    ),
)


def jobs_for(gateways: Iterable[str]) -> list[Job]:
    """List the jobs; each gateway is called on its own, so that one that hangs delays no other."""
    calls = [
        Job(name=f"operate.{name}", run=partial(operate, gateway=name), every_seconds=poll_seconds, calls=True)
        for name in gateways
    ]
    courier = Courier()
    sending = Job(name="deliver", run=courier.dispatch, every_seconds=poll_seconds, calls=True, finish=courier.finish)
    return [*DRAINS, *APPOINTMENTS, *calls, sending]


async def run(till: Till, job: Job) -> int | None:
    """Run a job once; None when it failed, which is in the log and no reason for anything else to end."""
    try:
        return await job.run(till)
    except TillError as error:
        logs.worker.warning("job_failed", job=job.name, code=error.code, detail=error.detail)
    except Exception:  # noqa: BLE001 (a bug in one job must not end the others)
        logs.worker.exception("job_failed", job=job.name)
    return None
