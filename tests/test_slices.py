"""What runs on every change is a part that differs from day to day, and nothing is forgotten."""

from collections import Counter

from tests import slices

EACH, ROUND = 48, 12
"""Tests of each kind, and days until every one of them has had its turn."""
TESTS = [
    f"tests/{place}/test_{number}.py::test" for place in ("flows", "web", "hosts", "rules") for number in range(EACH)
]


def test_each_test_has_its_turn_once_within_its_days() -> None:
    for first in (0, 20_779):
        turns = Counter(test for day in range(first, first + ROUND) for test in slices.on_day(TESTS, day))
        assert turns == {test: ROUND // slices.days_of(test) for test in TESTS}


def test_every_day_has_as_much_to_do() -> None:
    assert {len(slices.on_day(TESTS, day)) for day in range(ROUND)} == {EACH // 3 + EACH // 6 + EACH // 12 + EACH}


def test_what_is_quick_runs_every_day() -> None:
    assert all(test in slices.on_day(TESTS, day) for day in range(ROUND) for test in TESTS if "rules" in test)
