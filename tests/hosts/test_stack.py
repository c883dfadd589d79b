"""The whole of production on one machine, tried as an operator would: it works, and each alert comes for its reason."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import yaml
from tests.hosts import stack
from tests.hosts.causes import CAUSES, UNTRIED, Scene
from tests.hosts.stack import PROMETHEUS, Stack
from tests.telemetry.test_alerts import HUMP, RUNBOOKS

from tillkeeper.kernel import clock

alert_seconds_max = 150
FIRST_LOOK = re.compile(r"## First look\n\n```text\n(.*?)```", re.DOTALL)
NEXT_STEP = "  next  "
USEFUL = (0, 3, 4)
"""All is well, the database does not answer, or something was found: each is what somebody at night must hear."""


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack.opened(tmp_path) as whole:
        yield whole


@pytest.mark.timeout(900)
async def test_a_smoke_test_passes_through_nginx_celery_sentinels_and_a_replicated_database(
    whole: Stack, tell: Callable[[str], None]
) -> None:
    command = [sys.executable, "-m", "tillkeeper", "smoke", "--url", whole.api, "--sandbox", whole.sandbox]
    known = {**whole.full_environment, "TILL_API_KEY": whole.key}
    done = await asyncio.to_thread(subprocess.run, command, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tell(done.stdout.strip().splitlines()[-1])


def test_every_alert_is_caused_or_said_to_be_impossible_within_minutes() -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    caused = [alert for cause in CAUSES for alert in cause.alerts]
    assert sorted([*caused, *UNTRIED]) == sorted(rule["alert"] for group in groups for rule in group["rules"])


@pytest.mark.timeout(3_000)
@pytest.mark.skipif(not os.environ.get("TILL_TEST_FULL"), reason="the full run causes every alert: TILL_TEST_FULL=1")
async def test_each_alert_comes_for_its_reason_and_slack_hears_of_it(whole: Stack, tell: Callable[[str], None]) -> None:
    silent: list[str] = []
    transcript: list[Look] = []
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        scene = Scene(whole, client)
        for payment in await scene.buy(3):
            await scene.act(payment, "pay")
        await asyncio.sleep(20)  # so that what is added up stands at something before it grows
        for cause in CAUSES:
            elapsed_ms = clock.timer_ms()
            await cause.happen(scene)
            missing = await _missing(scene, set(cause.alerts))
            silent += sorted(missing)
            for alert in cause.alerts:
                transcript += await asyncio.to_thread(follow, whole, alert)
            tell(
                f"{', '.join(cause.alerts)}: {elapsed_ms() // 1000} s" + f", silent: {sorted(missing)}" * bool(missing)
            )
            if cause.undo:
                await cause.undo(scene)
    if written := os.environ.get("TILL_TEST_TRANSCRIPT"):
        await asyncio.to_thread(Path(written).write_text, "\n".join(look.written() for look in transcript))
    assert silent == []
    assert transcript
    assert [look.command for look in transcript if look.failed] == []
    tell(f"{len(transcript)} first looks of runbooks were taken while their alert fired")
    said = " ".join(str(note) for note in whole.told["/slack"])
    assert "Webhooks were given up" in said
    assert whole.told["/v2/enqueue"]


@dataclass(frozen=True)
class Look:
    """Hold what a command of a runbook said while its alert fired."""

    alert: str
    command: str
    code: int
    said: str

    @property
    def failed(self) -> bool:
        """Tell whether the command was of no use: a wrong word, or an accident instead of an answer."""
        return "Traceback" in self.said or not (self.code in USEFUL or NEXT_STEP in self.said)

    def written(self) -> str:
        """Write it as it stood on the terminal."""
        return f"{self.alert}\n$ {self.command}\n{self.said.rstrip()}\n[exit {self.code}]\n"


def follow(stack: Stack, alert: str) -> list[Look]:
    """Take the first look that a runbook asks for."""
    page = (RUNBOOKS / f"{HUMP.sub('-', alert).lower()}.md").read_text()
    commands = FIRST_LOOK.search(page)
    assert commands, f"the runbook of {alert} says what to look at first"
    looks = []
    for command in commands[1].strip().splitlines():
        program, *words = shlex.split(command)
        assert program == "till", f"{command} is none of our commands"
        done = stack.run(*words)
        looks.append(Look(alert, command, done.returncode, done.stdout + done.stderr))
    return looks


async def _missing(scene: Scene, wanted: set[str]) -> set[str]:
    """Wait until alerts fire; return those that do not."""
    waited_ms = clock.timer_ms()
    while wanted and waited_ms() < alert_seconds_max * 1000:
        await asyncio.sleep(1)
        wanted -= await scene.stack.firing(scene.client)
    return wanted
