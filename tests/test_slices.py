"""What runs on every change is a part that differs from day to day, and nothing is forgotten."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import inner, slices
from tests.inner import ROOT

EACH, ROUND = 48, 12
"""Tests of each kind, and days until every one of them has had its turn."""
TESTS = [
    f"tests/{place}/test_{number}.py::test" for place in ("flows", "web", "hosts", "rules") for number in range(EACH)
]
CASES = [f"{place}[case{number}]" for place in slices.CASES for number in range(EACH)]
NUMBERS = {"fromordinal", "isocalendar", "isoweekday", "today", "toordinal", "weekday"}
CLOCKS = {"now", "time", "time_ns", "utcnow", "wall_ns"}
day_seconds = 86_400
DATED = {
    "tests/conftest.py": "it asks tests/slices.py what day it is",
    "tests/flows/test_grant.py": "a moment that is over is no end of credits",
    "tests/flows/test_reconcile.py": "a day that is to come cannot be compared",
}
"""Who may ask for the date while tests are collected, and what for."""


def dated(text: str) -> Iterator[str]:
    """Find what can choose tests by their day: days that are numbered, and a clock that is read before tests run."""
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    later = {node for function in functions for statement in function.body for node in ast.walk(statement)}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in NUMBERS or (name in CLOCKS and node not in later):
                yield ast.unparse(node)
            case ast.BinOp(op=ast.FloorDiv(), right=ast.Constant(value=value)) if value == day_seconds:
                yield ast.unparse(node)


def test_each_test_has_its_turn_once_within_its_days() -> None:
    for first in (0, 20_779):
        turns = Counter(test for day in range(first, first + ROUND) for test in slices.on_day(TESTS, day))
        assert turns == {test: ROUND // slices.days_of(test) for test in TESTS}


@pytest.mark.parametrize("left_out", range(5))
@pytest.mark.parametrize("first", [0, 20_779])
def test_each_case_has_its_turn_exactly_once_within_its_days(first: int, left_out: int) -> None:
    cases = CASES[left_out:]
    [days] = {slices.days_of(case) for case in cases}
    turns = Counter(case for day in range(first, first + days) for case in slices.on_day([*TESTS, *cases], day))
    assert {case: turns[case] for case in cases} == dict.fromkeys(cases, 1)


def test_every_day_has_as_much_to_do() -> None:
    assert {len(slices.on_day(TESTS, day)) for day in range(ROUND)} == {EACH // 3 + EACH // 6 + EACH // 12 + EACH}


def test_what_is_quick_runs_every_day() -> None:
    assert all(test in slices.on_day(TESTS, day) for day in range(ROUND) for test in TESTS if "rules" in test)


def test_by_hand_all_tests_run_and_of_the_cases_those_of_the_day() -> None:
    for day in range(ROUND):
        assert slices.by_hand([*TESTS, *CASES], day) == {*TESTS} | slices.on_day(CASES, day)


@pytest.mark.parametrize(
    ("options", "environment", "ran"),
    [
        ((), {}, 2),
        (("tests/sensitivity",), {}, 2),
        ((), {"TILL_TEST_SLICE": "7"}, 2),
        (("-k", "planted"), {"TILL_TEST_SLICE": "7"}, 2),
        (("-k", "planted"), {}, 28),
        (("tests/sensitivity/test_planted.py",), {}, 28),
        (("-n1", "tests/sensitivity/test_planted.py"), {}, 28),
        ((), {"TILL_TEST_SLICE": ""}, 28),
        ((), {"TILL_TEST_FULL": "1"}, 28),
    ],
)
def test_whoever_names_cases_or_wants_all_gets_more_than_those_of_the_day(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], ran: int
) -> None:
    text = "import pytest\n@pytest.mark.parametrize('bug', range(28))\ndef test_a_planted_bug(bug): pass\n"
    ended = inner.run(tmp_path, "tests/sensitivity/test_planted.py", text, *options, **environment)
    assert re.search(rf"^{ran} passed", ended.stdout, re.MULTILINE), ended.stdout + ended.stderr


@pytest.mark.parametrize("place", [place for places, _ in slices.DAYS for place in places])
def test_every_place_that_has_its_days_is_there(place: str) -> None:
    path, _, name = place.partition("::")
    assert any(f"def {name}" in file.read_text() for file in ROOT.glob(f"{path}*") if file.is_file() or not name)


def test_nobody_else_chooses_tests_by_the_date() -> None:
    texts = {file.relative_to(ROOT).as_posix(): file.read_text() for file in (ROOT / "tests").rglob("*.py")}
    assert {name for name, text in texts.items() if [*dated(text)]} == set(DATED)


@pytest.mark.parametrize(
    "bad",
    [
        "TODAY = clock.now().date()",
        "@parametrize('act', ACTS[clock.now().day % 2])\ndef test_act(): pass",
        "def chosen():\n    return ACTS[clock.now().toordinal() % 3]",
        "def chosen():\n    return ACTS[clock.wall_ns() // 86_400]",
        "def chosen():\n    return ACTS[slices.today()]",
    ],
)
def test_whoever_chooses_by_the_date_is_found(bad: str) -> None:
    assert [*dated(bad)] != []
