"""A failure is final unless time ran out: a race that was seen once was seen."""

import subprocess
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import TimeoutError as BrowserTimeoutError
from tests import inner
from tests.conftest import is_late

SUITE = """
import time
import pytest

def test_it_is_right(): pass
def test_it_is_wrong(): assert not 1
def test_it_is_told_that_time_ran_out(): raise TimeoutError
@pytest.mark.timeout(0.1)
def test_it_hangs(): time.sleep(20)

@pytest.fixture
def door():
    yield
    raise ValueError
@pytest.mark.timeout(0.1)
def test_it_hangs_and_does_not_close(door): time.sleep(20)
"""


def caught(first: BaseException, then: BaseException) -> BaseException:
    """Raise an error while another one is being dealt with."""
    try:
        try:
            raise first
        finally:
            raise then
    except BaseException as error:  # noqa: BLE001 (whichever it is)
        return error


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        httpx2.ReadTimeout("the read timed out"),
        subprocess.TimeoutExpired("till", 30),
        BrowserTimeoutError("Locator.click: Timeout 30000ms exceeded"),
        pytest.fail.Exception("Timeout (>120.0s) from pytest-timeout."),
        ExceptionGroup("in two tasks", [TimeoutError(), httpx2.ConnectTimeout("no answer")]),
        caught(OSError(), TimeoutError()),
    ],
)
def test_what_ran_out_of_time_may_be_looked_at_again(error: BaseException) -> None:
    assert is_late(error)


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("delivered twice"),
        AssertionError("it does not become true within 20 s"),
        pytest.fail.Exception("DID NOT RAISE TimeoutError"),
        ConnectionResetError(),
        httpx2.ConnectError("refused"),
        KeyboardInterrupt(),
        ExceptionGroup("in two tasks", [TimeoutError(), AssertionError("delivered twice")]),
        caught(AssertionError("delivered twice"), TimeoutError()),
        caught(caught(AssertionError("delivered twice"), OSError()), TimeoutError()),
        caught(TimeoutError(), AssertionError("delivered twice")),
    ],
)
def test_everything_else_is_final(error: BaseException) -> None:
    assert not is_late(error)


@pytest.mark.parametrize("workers", [0, 1])
def test_failures_are_written_down_by_their_kind_from_whichever_process_they_come(tmp_path: Path, workers: int) -> None:
    failures = tmp_path / "failures"
    ended = inner.run(tmp_path, "tests/test_suite.py", SUITE, f"-n{workers}", TILL_TEST_FAILURES=str(failures))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert sorted(failures.read_text().splitlines()) == [
        "final tests/test_suite.py::test_it_hangs_and_does_not_close",
        "final tests/test_suite.py::test_it_is_wrong",
        "late tests/test_suite.py::test_it_hangs",
        "late tests/test_suite.py::test_it_hangs_and_does_not_close",
        "late tests/test_suite.py::test_it_is_told_that_time_ran_out",
    ]
