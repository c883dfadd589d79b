"""Carrying the schedule out: each disturbance at its moment, and what really came of it."""

import asyncio
import json
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tillkeeper.kernel import clock
from tillkeeper.kernel.failpoints import DIED
from tillkeeper.ops.chaos.clients import JOURNAL
from tillkeeper.ops.chaos.journal import Json, Tail, now_ms
from tillkeeper.ops.chaos.schedule import FAULTS, POSTGRES, Disturbance, What
from tillkeeper.ops.chaos.stage import CLIENTS, Stage

look_ms = 50
look_for_faults_ms = 500
fault_lasts_ms_max = failpoint_lasts_ms_max = 20_000
"""A fault stays until it has met a call, and a failpoint until it was met, but no longer."""
COUNTED = {
    "lost_replies": "lost_reply_percent",
    "errors_after_acting": "error_after_percent",
    "errors_before_acting": "error_before_percent",
    "slow_gateway": "latency_ms",
    "stalled_answers": "stall_percent",
    "forgotten_keys": "forget_keys",
    "not_found_at_first": "not_found_first",
    "doubled_webhooks": "webhook_copies",
    "reordered_webhooks": "webhook_shuffle",
    "late_webhooks": "webhook_delay_ms",
    "held_webhooks": "webhooks_held",
    "merchant_refuses": "merchant_error_percent",
    "merchant_takes_in_silence": "merchant_lost_reply_percent",
}
"""Under which name the sandbox counts each of our faults."""
LAST_WORDS = re.compile(rb'\{"event": "%s".*\}' % DIED.encode())


@dataclass(slots=True, kw_only=True)
class Happening:
    """Hold when a disturbance really began and ended, in Unix milliseconds."""

    disturbance: Disturbance
    at: int
    until: int = 0
    met: str = ""
    """The place at which somebody died of a failpoint."""

    def as_json(self) -> Json:
        """Shape it for the report."""
        met = {"met": self.met} if self.met else {}
        return {"at": self.at, "until": self.until, **met, **asdict(self.disturbance)}


@dataclass(slots=True)
class Progress:
    """Follow the clients by what they have written down."""

    tail: Tail
    acknowledged: int = 0
    ended: int = 0
    lines: list[Json] = field(default_factory=list)

    def look(self) -> None:
        """Read on."""
        for line in self.tail.new():
            self.lines.append(line)
            self.acknowledged += line.get("told") == "create" and str(line.get("status", "")).startswith("2")
            self.ended += "end" in line

    async def reach(self, stage: Stage, wanted: int) -> bool:
        """Wait until so many payments are acknowledged; false when the clients have gone before."""
        while self.acknowledged < wanted:
            if CLIENTS not in stage.alive():
                return False
            await asyncio.sleep(look_ms / 1000)
            self.look()
        return True


@dataclass(slots=True)
class Disturber:
    """Disturb a stage as its plan says."""

    stage: Stage
    progress: Progress
    happened: list[Happening] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    """What had ended by itself when it was to be disturbed."""
    met: Counter[str] = field(default_factory=Counter)
    """At which places failpoints were met, and how often."""
    missed: list[str] = field(default_factory=list)
    """Which failpoints nobody came to."""
    _locks: Mapping[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _faults: dict[str, int] = field(default_factory=dict)

    async def carry_out(self) -> None:
        """Do everything that is on the schedule; return when all of it is over."""
        async with asyncio.TaskGroup() as tasks:
            for each in self.stage.plan.disturbances:
                if not await self.progress.reach(self.stage, each.after):
                    break
                tasks.create_task(self._disturb(each))

    async def _disturb(self, each: Disturbance) -> None:
        async with self._locks[each.how if each.what is What.FAULT else each.whom]:
            happening = Happening(disturbance=each, at=now_ms())
            self.happened.append(happening)
            await self._do(each, happening)
            happening.until = now_ms()

    async def _do(self, each: Disturbance, happening: Happening) -> None:
        match each.what:
            case What.KILL:
                await self._kill(each)
            case What.FAILPOINT:
                await self._lay_trap(each, happening)
            case What.FLUSH:
                await self._flush()
            case What.STOP:
                await self._stop(each)
            case What.FAULT:
                await self._spoil(each)
            case What.PARTITION | What.RESET | What.LATENCY | What.LOSE:
                await self._cut(each)

    async def _kill(self, each: Disturbance) -> None:
        self._end(each.whom)
        await asyncio.sleep(each.lasts_ms / 1000)
        await self.stage.restart(each.whom)

    async def _lay_trap(self, each: Disturbance, happening: Happening) -> None:
        """Start a part anew with a failpoint, and wait until it has died there, or will not any more."""
        whom, stage = each.whom, self.stage
        self._end(whom)
        said, elapsed_ms = stage.log(whom).stat().st_size, clock.timer_ms()
        stage.start(whom, failpoint=each.how)
        while not happening.met and elapsed_ms() < failpoint_lasts_ms_max and CLIENTS in stage.alive():
            await asyncio.sleep(look_ms / 1000)
            happening.met = _died_at(stage.log(whom), said)
        if whom in stage.alive():  # nobody came by, or a child of it has died, as Celery has them
            stage.kill(whom)
        happening.met = happening.met or _died_at(stage.log(whom), said)
        if happening.met:
            self.met[happening.met] += 1
        else:
            self.missed.append(f"{whom} {each.how}")
        await asyncio.sleep(each.lasts_ms / 1000)
        await stage.restart(whom)

    def _end(self, whom: str) -> None:
        """Kill a part; one that is dead already has died of something else, which is told."""
        if (whom == POSTGRES and self.stage.postgres.pid) or whom in self.stage.alive():
            self.stage.kill(whom)
        else:
            self.died.append(whom)

    async def _flush(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stage.redis_port)
        writer.write(b"FLUSHALL\r\n")
        await reader.readline()
        writer.close()

    async def _stop(self, each: Disturbance) -> None:
        self.stage.signal(each.whom, signal.SIGSTOP)
        try:
            await asyncio.sleep(each.lasts_ms / 1000)
        finally:
            self.stage.signal(each.whom, signal.SIGCONT)

    async def _cut(self, each: Disturbance) -> None:
        link = self.stage.links[each.whom]
        match each.what:
            case What.PARTITION:
                link.part()
            case What.LATENCY:
                link.latency_ms = 30 if each.whom.endswith(POSTGRES) else 150
            case What.LOSE:
                link.lose()
            case _:
                await link.reset()
        await asyncio.sleep(each.lasts_ms / 1000)
        await link.open()

    async def _spoil(self, each: Disturbance) -> None:
        """Turn the dial until the fault has met somebody, and for its time at least."""
        counted, elapsed_ms = COUNTED[each.how], clock.timer_ms()
        before = (await self.stage.injected())[counted]
        await self._turn(each.how, 1)
        await asyncio.sleep(each.lasts_ms / 1000)
        while elapsed_ms() < fault_lasts_ms_max and CLIENTS in self.stage.alive():
            if (await self.stage.injected())[counted] > before:
                break
            await asyncio.sleep(look_for_faults_ms / 1000)
        await self._turn(each.how, -1)

    async def _turn(self, how: str, step: int) -> None:
        self._faults[how] = self._faults.get(how, 0) + step
        wishes: dict[str, Any] = {}
        for name, times in self._faults.items():
            wishes |= FAULTS[name] if times else {}
        await self.stage.turn(wishes)


def _died_at(log: Path, said: int) -> str:
    """Tell at which failpoint a part says that it died, after what it had said before; none when it does not."""
    with log.open("rb") as file:
        file.seek(said)
        # A line may begin in the middle of another: whoever wrote that one was killed over it.
        found = LAST_WORDS.search(file.read())
    return str(json.loads(found[0])["place"]) if found else ""


def progress(stage: Stage) -> Progress:
    """Begin to follow the clients of a stage."""
    return Progress(Tail(stage.folder / JOURNAL))
