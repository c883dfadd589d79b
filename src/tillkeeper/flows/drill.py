"""Try whether a backup can be restored: into a database beside all others, which is proved and dropped again."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from tillkeeper import audit, backups
from tillkeeper.audit import Action
from tillkeeper.backups import SCRATCH, Check, Facts, Report, Server
from tillkeeper.flows.back_up import Say, hush, save
from tillkeeper.flows.notify import alert
from tillkeeper.flows.restore import create, prove, restore
from tillkeeper.flows.unseal import Keys
from tillkeeper.kernel import brokers, clock, logs
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import InvalidStateError, TillError
from tillkeeper.kernel.postgres_programs import Address, renamed
from tillkeeper.schedules import Calendar
from tillkeeper.till import Till

MONDAYS = Calendar(every=timedelta(weeks=1), after=timedelta(hours=5))
"""When a drill is due: on Mondays at 5:00 UTC."""
renew_seconds = 15
drill_seconds_max = 4 * 3_600
ms = 1_000


class DrillUnderWayError(InvalidStateError):
    """Report that a drill is asked for already, or under way."""

    code = "drill_under_way"
    title = "A drill is under way already"
    next_step = "Wait until it is done; the page “Jobs” of the dashboard shows what came of it."


class DrillAliveError(InvalidStateError):
    """Report that the drill that was taken over still holds its database."""

    code = "drill_alive"
    title = "The drill that was taken over still holds its database"
    next_step = "Find the process that made it, end it, and try again; what it left is dropped then."


@dataclass(kw_only=True)
class _Trial:
    """Gather what comes of a drill while it goes on."""

    path: Path | None = None
    """The very file that was chosen: another of its name may lie elsewhere."""
    facts: Facts | None = None
    size: int = 0
    snapshot: str | None = None
    server: Server | None = None
    """Holds the scratch database for us, once we have it; a drill that dies lets go of it."""
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
    """Carry out a drill now, for a person who waits, or take over one that nobody is at work at.

    Raises DrillUnderWayError, and BackupsOffError.
    """
    with suppress(DrillUnderWayError):  # whoever was at work at it may have died
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
    trying = asyncio.create_task(_try(till, id_, file=file, snapshot=snapshot, say=say))
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


async def _try(till: Till, id_: UUID, *, file: str | None, snapshot: bool, say: Say) -> Report:
    """Choose the backup, save the present state, restore, prove, and remove every trace."""
    trial, rto_ms = _Trial(), 0
    # Named after the drill, so that whatever a killed one leaves is known again.
    scratch = renamed(till.settings.drills_url, f"{SCRATCH}{id_.hex}")
    asked_at = till.now()
    if await trial.step("backup", lambda: _choose(till, trial, file)):
        if snapshot:
            await trial.step("safety snapshot", lambda: _save(till, trial, say))
        elapsed_ms = clock.timer_ms()
        try:
            if await trial.step("restore", lambda: _restore(till, trial, scratch, say)):
                await trial.step("look", lambda: _look(till, trial, scratch, say))
        finally:
            rto_ms = elapsed_ms()
            if trial.server:
                await trial.step("scratch database", partial(_remove, trial.server, scratch))
                await trial.server.close()
    if till.settings.broker_url:
        await trial.step("broker", lambda: _greet(till.settings.broker_url))
    age = asked_at - trial.facts.taken_at if trial.facts else None
    return Report(
        file=trial.path.name if trial.path else None,
        checks=tuple(trial.checks),
        rto_ms=rto_ms,
        rpo_seconds=int(age.total_seconds()) if age is not None else None,
        size=trial.size,
        rows=trial.facts.rows if trial.facts else 0,
        snapshot=trial.snapshot,
        times_ms=trial.times_ms,
    )


async def _choose(till: Till, trial: _Trial, file: str | None) -> str:
    trial.path = path = backups.needed(till.vault).choose(file)
    trial.facts = backups.facts_of(path)
    trial.size = path.stat().st_size
    return f"{path.name}, {trial.size:,} bytes, {trial.facts.rows:,} rows"


async def _save(till: Till, trial: _Trial, say: Say) -> str:
    assert trial.path, "a backup was chosen"
    made = await save(till, tried=trial.path, say=say)
    trial.snapshot = made.name
    return f"{made.name} holds the present state"


async def _restore(till: Till, trial: _Trial, scratch: str, say: Say) -> str:
    """Restore into a database that is made for it: no other is touched but what dead drills of ours left."""
    assert trial.path, "a backup was chosen"
    assert trial.facts, "and it was read"
    trial.server = await _hold(till, scratch)
    await create(scratch, trial.facts)
    await restore(backups.needed(till.vault), trial.path, scratch, now=till.now(), say=say)
    return "all of it, into a database of its own"


async def _look(till: Till, trial: _Trial, scratch: str, say: Say) -> str:
    assert trial.facts, "a backup was chosen"
    say("proving the copy", 0)
    db = await Database.connect(scratch)
    try:
        trial.checks += await prove(db, trial.facts, Keys.read(till.settings.secret_key, till.secrets))
    finally:
        await db.close()
    return "everything was looked at"


async def _hold(till: Till, scratch: str) -> Server:
    """Get hold of the database of this drill, so that no other drops it."""
    server = await Server.connect(scratch)
    try:
        await _clear(till, server, _named(scratch))
    except BaseException:
        await server.close()
        raise
    return server


async def _clear(till: Till, server: Server, own: str) -> None:
    """Hold the database of this drill, and drop what dead ones left under its name and under theirs."""
    if not await server.hold(own):
        raise DrillAliveError
    for name in await _left(till, server):
        if name == own:
            await server.drop(name)
        elif await server.hold(name):
            await server.drop(name)
            await server.let_go(name)


async def _left(till: Till, server: Server) -> list[str]:
    """List the databases there that drills of this installation made."""
    found = {}
    for name in await server.databases(SCRATCH):
        with suppress(ValueError):
            found[UUID(hex=name.removeprefix(SCRATCH))] = name
    async with till.db.transaction() as tx:
        ours = await backups.drills_among(tx, list(found))
    return [found[id_] for id_ in ours]


def _named(scratch: str) -> str:
    return Address.of(scratch).database


async def _remove(server: Server, scratch: str) -> str:
    await server.drop(_named(scratch))
    return "dropped"


async def _greet(url: str) -> str:
    await brokers.greet(url)
    return "it answers"
