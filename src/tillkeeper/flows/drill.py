"""Try whether a backup can be restored: into a database beside all others, which is proved and dropped again."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from tillkeeper import audit, backups
from tillkeeper.audit import Action
from tillkeeper.backups import Check, Facts, Report
from tillkeeper.flows.back_up import Say, back_up, hush
from tillkeeper.flows.notify import alert
from tillkeeper.flows.restore import create, drop, prove, restore
from tillkeeper.kernel import brokers, clock, logs
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import InvalidStateError, TillError
from tillkeeper.kernel.postgres_programs import renamed
from tillkeeper.schedules import Calendar
from tillkeeper.till import Till

MONDAYS = Calendar(every=timedelta(weeks=1), after=timedelta(hours=5))
"""When a drill is due: on Mondays at 5:00 UTC."""
SCRATCH = "tillkeeper_drill_"
scratch_bytes = 6
renew_seconds = 15
drill_seconds_max = 4 * 3_600
ms = 1_000


class DrillUnderWayError(InvalidStateError):
    """Report that a drill is asked for already, or under way."""

    code = "drill_under_way"
    title = "A drill is under way already"
    next_step = "Wait until it is done; the page “Jobs” of the dashboard shows what came of it."


@dataclass(kw_only=True)
class _Trial:
    """Gather what comes of a drill while it goes on."""

    file: str | None = None
    facts: Facts | None = None
    size: int = 0
    snapshot: str | None = None
    made: bool = False
    """Whether the scratch database is ours, and so ours to drop."""
    checks: list[Check] = field(default_factory=list)
    times_ms: dict[str, int] = field(default_factory=dict)

    async def step(self, name: str, do: Callable[[], Awaitable[str]]) -> bool:
        """Do one thing, and note how it went and how long it took."""
        elapsed_ms = clock.timer_ms()
        try:
            self.checks.append(Check(name=name, ok=True, found=await do()))
        except TillError as error:
            self.checks.append(Check(name=name, ok=False, found=logs.mask(error.detail)))
        except (OSError, TimeoutError) as error:
            self.checks.append(Check(name=name, ok=False, found=logs.mask(str(error) or type(error).__name__)))
        self.times_ms[name] = elapsed_ms()
        return self.checks[-1].ok


async def wish_drill(till: Till) -> None:
    """Ask for a drill, which the next worker carries out; raises DrillUnderWayError, and BackupsOffError."""
    backups.needed(till.vault)
    async with till.db.transaction() as tx:
        if not await backups.wish_drill(tx, till.by.name):
            raise DrillUnderWayError
        await audit.record(tx, till.by, Action.DRILL_WISHED, "drill", at=till.now())


async def plan_drill(till: Till) -> int:
    """Ask for the drill of the week, where backups are made at all."""
    if till.vault:
        async with till.db.transaction() as tx:
            await backups.wish_drill(tx, till.by.name)
    return 0


async def carry_out(till: Till) -> int:
    """Carry out the drill that somebody asked for, if there is one; return how many there were."""
    if till.vault is None:
        return 0
    async with till.db.transaction() as tx:
        taken = await backups.take_drill(tx)
    if taken is None:
        return 0
    await _keep(till, *taken)
    return 1


async def drill(till: Till, *, file: str | None = None, snapshot: bool = True, say: Say = hush) -> Report:
    """Carry out a drill now, for a person who waits; raises DrillUnderWayError, and BackupsOffError."""
    await wish_drill(till)
    async with till.db.transaction() as tx:
        taken = await backups.take_drill(tx)
    if taken is None:
        raise DrillUnderWayError
    return await _keep(till, *taken, file=file, snapshot=snapshot, say=say)


async def _keep(
    till: Till, id_: UUID, token: UUID, *, file: str | None = None, snapshot: bool = True, say: Say = hush
) -> Report:
    """Try it while the lease is ours, write down what came of it, and let operators hear of a failure."""
    trying = asyncio.create_task(_try(till, file=file, snapshot=snapshot, say=say))
    try:
        async with asyncio.timeout(drill_seconds_max):
            while not trying.done():
                await asyncio.wait({trying}, timeout=renew_seconds)
                async with till.db.transaction() as tx:
                    if not trying.done() and not await backups.renew_drill(tx, token):
                        raise DrillUnderWayError
        report = await trying
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
    async with till.db.transaction() as tx:
        await backups.finish_drill(tx, token, report)
        if not report.passed:
            await alert(tx, till, "drill.failed", id_, file=report.file, reason="; ".join(report.failures))
    if report.passed:
        logs.worker.info("drill_passed", file=report.file, rto_ms=report.rto_ms, rpo_seconds=report.rpo_seconds)
    else:
        logs.worker.error("drill_failed", file=report.file, reasons=report.failures)
    return report


async def _try(till: Till, *, file: str | None, snapshot: bool, say: Say) -> Report:
    """Choose the backup, save the present state, restore, prove, and remove every trace."""
    trial, rto_ms = _Trial(), 0
    scratch = renamed(
        till.settings.database_drill_url or till.settings.migrations_url, f"{SCRATCH}{secrets.token_hex(scratch_bytes)}"
    )
    asked_at = till.now()
    if await trial.step("backup", lambda: _choose(till, trial, file)):
        if snapshot:
            await trial.step("safety snapshot", lambda: _save(till, trial, say))
        elapsed_ms = clock.timer_ms()
        try:
            if await trial.step("restore", lambda: _restore(till, trial, scratch, say)):
                await trial.step("look", lambda: _look(trial, scratch, say))
        finally:
            rto_ms = elapsed_ms()
            if trial.made:
                await trial.step("scratch database", lambda: _remove(scratch))
    if till.settings.broker_url:
        await trial.step("broker", lambda: _greet(till.settings.broker_url))
    age = asked_at - trial.facts.taken_at if trial.facts else None
    return Report(
        file=trial.file,
        checks=tuple(trial.checks),
        rto_ms=rto_ms,
        rpo_seconds=int(age.total_seconds()) if age is not None else None,
        size=trial.size,
        rows=trial.facts.rows if trial.facts else 0,
        snapshot=trial.snapshot,
        times_ms=trial.times_ms,
    )


async def _choose(till: Till, trial: _Trial, file: str | None) -> str:
    path = backups.needed(till.vault).choose(file)
    trial.file = path.name
    trial.facts = backups.facts_of(path)
    trial.size = path.stat().st_size
    return f"{path.name}, {trial.size:,} bytes, {trial.facts.rows:,} rows"


async def _save(till: Till, trial: _Trial, say: Say) -> str:
    made = await back_up(till, say=say)
    trial.snapshot = made.name
    return f"{made.name} holds the present state"


async def _restore(till: Till, trial: _Trial, scratch: str, say: Say) -> str:
    """Restore into a database that is made for it: one that is there already is never touched."""
    assert trial.facts, "a backup was chosen"
    vault = backups.needed(till.vault)
    await create(scratch, trial.facts)
    trial.made = True
    await restore(vault, vault.choose(trial.file), scratch, now=till.now(), say=say)
    return "all of it, into a database of its own"


async def _look(trial: _Trial, scratch: str, say: Say) -> str:
    assert trial.facts, "a backup was chosen"
    say("proving the copy", 0)
    db = await Database.connect(scratch)
    try:
        trial.checks += await prove(db, trial.facts)
    finally:
        await db.close()
    return "everything was looked at"


async def _remove(scratch: str) -> str:
    await drop(scratch)
    return "dropped"


async def _greet(url: str) -> str:
    await brokers.greet(url)
    return "it answers"
