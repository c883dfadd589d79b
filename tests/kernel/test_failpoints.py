"""Failpoints: a test breaks a process where it names a place, and nobody else ever does."""

import json
import signal
import subprocess
import sys

import pytest

from tillkeeper.kernel.failpoints import DIED, FailpointError, reach

PROGRAM = "from tillkeeper.kernel import failpoints; failpoints.reach('here'); print('alive')"
FLOW = """
import asyncio
from contextlib import AsyncExitStack
from tillkeeper.kernel import failpoints

__name__ = "tillkeeper.flows.settle"

async def rescue():
    async with AsyncExitStack() as transaction:
        transaction.callback(failpoints.reach, "commit")
        print("rescuing", flush=True)
        await asyncio.sleep(0)

async def _settle():
    async with AsyncExitStack() as transaction:
        transaction.callback(failpoints.reach, "commit")
        print("settling", flush=True)
        await asyncio.sleep(0)

async def settle():
    await rescue()
    await _settle()

asyncio.run(settle())
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("told", ["here", "there=raise,here"])
def test_a_process_dies_at_the_place_that_is_named(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", told)
    ended = run(PROGRAM)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")


def test_a_process_says_in_one_line_where_it_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", "here@1")
    assert json.loads(run(PROGRAM).stderr) == {"event": DIED, "place": "here", "asked": "here@1"}


def test_a_process_fails_at_a_place_where_it_is_told_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", "here=raise")
    with pytest.raises(FailpointError, match="here"):
        reach("here")


def test_a_place_with_a_number_is_passed_before_and_after_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", "counted@3=raise")
    reach("counted")
    reach("counted")
    with pytest.raises(FailpointError):
        reach("counted")
    reach("counted")


@pytest.mark.parametrize(
    ("told", "said", "place"),
    [
        ("commit", ["rescuing"], "settle.rescue/commit"),
        ("settle/commit@2", ["rescuing", "settling"], "settle._settle/commit"),
        ("settle._settle/commit", ["rescuing", "settling"], "settle._settle/commit"),
    ],
)
def test_a_place_of_a_flow_is_told_from_the_same_place_of_another(
    monkeypatch: pytest.MonkeyPatch, told: str, said: list[str], place: str
) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", told)
    ended = run(FLOW)
    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, said)
    assert json.loads(ended.stderr)["place"] == place


@pytest.mark.parametrize("told", ["operate/commit", "settle._settle/commit@2", "settle/call"])
def test_a_place_that_no_such_flow_meets_kills_nobody(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", told)
    ended = run(FLOW)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("told", ["", "there", "here2=raise", "there,elsewhere=raise", "settle/here=raise"])
def test_a_place_that_is_not_named_is_passed(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", told)
    reach("here")


def test_in_live_mode_every_place_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_MODE", "live")
    monkeypatch.setenv("TILL_FAILPOINTS", "here=raise")
    reach("here")
