"""Failpoints: a test breaks a process where it names a place, and nobody else ever does."""

import signal
import subprocess
import sys

import pytest

from tillkeeper.kernel.failpoints import FailpointError, reach

PROGRAM = "from tillkeeper.kernel import failpoints; failpoints.reach('here'); print('alive')"


@pytest.mark.parametrize("told", ["here", "there=raise,here"])
def test_a_process_dies_at_the_place_that_is_named(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", told)
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")


def test_a_process_fails_at_a_place_where_it_is_told_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", "here=raise")
    with pytest.raises(FailpointError, match="here"):
        reach("here")


@pytest.mark.parametrize("told", ["", "there", "here2=raise", "there,elsewhere=raise"])
def test_a_place_that_is_not_named_is_passed(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("TILL_FAILPOINTS", told)
    reach("here")


def test_in_live_mode_every_place_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_MODE", "live")
    monkeypatch.setenv("TILL_FAILPOINTS", "here=raise")
    reach("here")
