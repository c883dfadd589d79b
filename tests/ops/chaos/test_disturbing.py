"""Carrying failpoints out: who has died of one is known with the place, and so is one that nobody came to."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tillkeeper.ops.chaos import disturbing, schedule
from tillkeeper.ops.chaos.disturbing import Disturber
from tillkeeper.ops.chaos.schedule import Disturbance, What
from tillkeeper.ops.chaos.stage import CLIENTS, Stage

PART = """
import sys
from tillkeeper.kernel import failpoints
print("half a line of what is killed", end="", flush=True)
for _ in range(3):
    failpoints.reach("commit")
sys.stdin.read()
"""


class Rehearsal(Stage):
    """Stand for an installation whose parts only commit three times."""

    def command(self, name: str) -> list[str]:  # noqa: ARG002 (each part is the same)
        """Write the command that starts a part."""
        return [sys.executable, "-c", PART]


@asynccontextmanager
async def carried_out(folder: Path, how: str) -> AsyncIterator[Disturber]:
    """Let a worker meet one failpoint, while clients are there."""
    each = Disturbance(after=0, what=What.FAILPOINT, whom="worker-1", lasts_ms=1, how=how)
    plan = schedule.Schedule(seed=1, payments=1, gateways=("stripe",), celery=False, disturbances=(each,))
    stage = Rehearsal(folder, plan)
    try:
        stage.start(CLIENTS)
        stage.start("worker-1")
        disturber = Disturber(stage, disturbing.progress(stage))
        async with asyncio.timeout(60):
            await disturber.carry_out()
        yield disturber
    finally:
        await stage.shut()


async def test_who_dies_at_a_failpoint_is_known_with_the_place_and_runs_again(tmp_path: Path) -> None:
    async with carried_out(tmp_path, "commit@2") as disturber:
        assert (disturber.met, disturber.missed) == (Counter(commit=1), [])
        assert disturber.happened[0].as_json()["met"] == "commit"
        assert "worker-1" in disturber.stage.alive()


async def test_a_failpoint_that_nobody_came_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disturbing, "failpoint_lasts_ms_max", 2_000)
    async with carried_out(tmp_path, "commit@4") as disturber:
        assert (disturber.met, disturber.missed) == (Counter(), ["worker-1 commit@4"])
        assert "met" not in disturber.happened[0].as_json()
        assert "worker-1" in disturber.stage.alive()
