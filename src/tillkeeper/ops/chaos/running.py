"""One run: a new installation, its clients, the disturbances, the time until all is quiet, and the verdict."""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx2

from tillkeeper.kernel import clock
from tillkeeper.ops.chaos import clients, disturbing, oracle, timeline
from tillkeeper.ops.chaos.disturbing import COUNTED, Disturber, Happening, Progress
from tillkeeper.ops.chaos.oracle import evidence
from tillkeeper.ops.chaos.oracle.case import Finding
from tillkeeper.ops.chaos.oracle.evidence import Evidence
from tillkeeper.ops.chaos.schedule import Schedule, What
from tillkeeper.ops.chaos.stage import CLIENTS, ChaosError, Stage, hurrying, opened

stalled_seconds_max = 90
"""A busy machine may need its time, but a time in which nothing moves is a violation."""
converge_seconds_max = 60
"""The goal, which an idle machine reaches; a run that misses it says so."""
restless_seconds_max = 900
"""What still moves after that will not end: something asks or tells itself anew for ever."""
look_ms = 500
said_length_max = 1_000
still_ms = 2_000
"""One look at nothing is not enough: what is about to begin is in no table yet."""
shown_findings_max = 3
OUTAGE = (OSError, TimeoutError, KeyError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx2.HTTPError, ValueError)

INTERRUPTING = {What.KILL, What.FAILPOINT, What.STOP, What.PARTITION, What.RESET, What.LOSE}
"""What may keep somebody from writing down what they have just done."""

Say = Callable[[str], None]
Meddle = Callable[[Stage], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Hold what one run found and what it was made of; a run is sound when nothing was found."""

    plan: Schedule
    findings: Sequence[Finding]
    happened: Sequence[Happening]
    injected: dict[str, int]
    links: dict[str, dict[str, int]]
    answers: dict[str, int]
    ends: dict[str, int]
    flagged: Sequence[str]
    met: dict[str, int]
    """At which places failpoints let something die."""
    missed: Sequence[str]
    """The failpoints at which nothing came by in time."""
    payments: int
    refunds: int
    took_ms: int
    bought_ms: int
    quiet_ms: int | None
    timelines: list[str] = field(default_factory=list)

    @property
    def unmet(self) -> list[str]:
        """List the faults and failpoints that were asked for and met nobody: they prove less than it seems."""
        asked = {each.how for each in self.plan.disturbances if each.what is What.FAULT}
        return sorted([*(name for name in asked if not self.injected[COUNTED[name]]), *self.missed])


async def run(plan: Schedule, folder: Path, say: Say, meddle: Meddle | None = None) -> Outcome:
    """Run one schedule in a folder of its own; `meddle` may touch the stage before it is judged."""
    took_ms = clock.timer_ms()
    async with opened(folder, plan) as stage, hurrying(stage):
        say(f"{took_ms() / 1000:.0f} s: {', '.join(stage.parts)} and PostgreSQL run, with a proxy on each link")
        progress, disturber, bought_ms = await _trade(stage, say)
        quiet_ms, left = await _quiet(stage)
        say(f"{took_ms() / 1000:.0f} s: " + (f"quiet after {quiet_ms:,} ms" if quiet_ms is not None else "not quiet"))
        if meddle:
            await meddle(stage)
        found = await evidence.collect(
            stage.owner_url,
            stage.sandbox,
            stage.api,
            key=stage.key,
            secret=stage.merchant_secret,
            journal=progress.lines,
        )
        found.left = left
        found.interruptions = sum(each.disturbance.what in INTERRUPTING for each in disturber.happened)
        findings = [*_alive(stage, disturber), *oracle.judge(found), *await _proved(stage)]
        outcome = _summed_up(plan, found, findings, disturber)
        outcome.injected = await stage.injected()
        outcome.links = {
            name: {"connections": link.let_in, "cut": link.cut, "answers lost": link.lost}
            for name, link in stage.links.items()
        }
        outcome.bought_ms, outcome.quiet_ms = bought_ms, quiet_ms
        outcome.timelines = await timeline.tell(stage, found, findings[:shown_findings_max], disturber.happened)
    outcome.took_ms = took_ms()
    return outcome


async def _trade(stage: Stage, say: Say) -> tuple[Progress, Disturber, int]:
    """Let the clients buy while the schedule is carried out."""
    plan, elapsed_ms = stage.plan, clock.timer_ms()
    told = {"seed": plan.seed, "payments": plan.payments, "gateways": plan.gateways}
    where = {"api": stage.api, "sandbox": stage.sandbox, "key": stage.key}
    (stage.folder / clients.PLAN).write_text(json.dumps(told | where))
    progress = disturbing.progress(stage)
    disturber = Disturber(stage, progress)
    stage.start(CLIENTS)
    async with asyncio.TaskGroup() as tasks:
        carrying = tasks.create_task(disturber.carry_out())
        tenth = 0
        while CLIENTS in stage.alive() or not carrying.done():
            progress.look()
            if progress.ended * 10 // plan.payments > tenth:
                tenth = progress.ended * 10 // plan.payments
                say(
                    f"  {progress.ended:,} of {plan.payments:,} clients are done, "
                    f"{len(disturber.happened)} of {len(plan.disturbances)} disturbances have come"
                )
            await asyncio.sleep(look_ms / 1000)
    progress.look()
    code = stage.processes[CLIENTS].wait()
    if code:
        message = f"The clients ended with {code}: see {stage.log(CLIENTS)}."
        raise ChaosError(message)
    return progress, disturber, elapsed_ms()


async def _quiet(stage: Stage) -> tuple[int | None, dict[str, int]]:
    """Wait until nothing is unfinished and nothing begins anew; tell what is left where that never comes.

    A time in which nothing moves ends the wait, and so does a time after which things still only move.
    """
    elapsed_ms, moved_ms, last = clock.timer_ms(), clock.timer_ms(), {"everything": -1}
    done_ms: int | None = None
    while moved_ms() < stalled_seconds_max * 1000 and elapsed_ms() < restless_seconds_max * 1000:
        with suppress(*OUTAGE):
            now = await evidence.pending(stage.owner_url, stage.sandbox)
            if any(now.values()):
                done_ms = None
            elif done_ms is None:
                done_ms = elapsed_ms()
            elif elapsed_ms() - done_ms >= still_ms:
                return done_ms, {}
            if now != last:
                moved_ms, last = clock.timer_ms(), now
        await asyncio.sleep(look_ms / 1000)
    return None, last


def _alive(stage: Stage, disturber: Disturber) -> list[Finding]:
    """Tell what died of nobody's hand."""
    gone = [*disturber.died, *(name for name in stage.parts if name not in stage.alive())]
    return [
        Finding(invariant="quiet", about=name, found=f"it ended by itself: see {stage.log(name)}", should_be="it runs")
        for name in gone
    ]


async def _proved(stage: Stage) -> list[Finding]:
    """Let the program prove its own books and chains, by commands, and tell each sentence of what they find."""
    findings = []
    for words in (("ledger", "check", "--json"), ("audit", "check", "--json")):
        ran = await asyncio.to_thread(stage.run, *words)
        if ran.returncode:
            about = f"till {' '.join(words[:-1])}"
            findings += [
                Finding(invariant="itself", about=about, found=each, should_be="nothing wrong") for each in _said(ran)
            ]
    return findings


def _said(ran: subprocess.CompletedProcess[str]) -> list[str]:
    """Read what a proof found wrong, or else whatever it said instead."""
    with suppress(ValueError, AttributeError):
        told = json.loads(ran.stdout)
        if found := told.get("wrong") or told.get("problems"):
            return [str(each) for each in found]
    return [f"it ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-said_length_max:]}"]


def _summed_up(plan: Schedule, found: Evidence, findings: Sequence[Finding], disturber: Disturber) -> Outcome:
    rows, ends = found.rows, Counter[str]()
    for line in found.journal:
        if "end" in line:
            ends[line["end"].partition(":")[0]] += 1
    flagged = [
        f"{row['gateway']} {row['kind']}: {row['error']}" for row in rows["operations"] if row["state"] == "given_up"
    ]
    flagged += [
        f"{row['gateway']} {row['type']} {row['status']}: {row['reason']}"
        for row in rows["inbox"]
        if row["status"] in {"quarantined", "dead"}
    ]
    return Outcome(
        plan=plan,
        findings=findings,
        happened=disturber.happened,
        injected={},
        links={},
        answers=dict(sorted(_answers(found).items())),
        ends=dict(ends),
        flagged=flagged,
        met=dict(disturber.met),
        missed=disturber.missed,
        payments=sum(row["amount_captured"] > 0 for row in rows["payments"]),
        refunds=sum(row["status"] == "succeeded" for row in rows["refunds"]),
        took_ms=0,
        bought_ms=0,
        quiet_ms=None,
    )


def _answers(found: Evidence) -> Counter[str]:
    told = (line for line in found.journal if "told" in line)
    return Counter(f"{line['told']} {line.get('status') or line.get('error')}" for line in told)
