"""Shrinking a schedule that fails: as few disturbances as possible, and never one too few."""

from collections.abc import Callable, Sequence

import pytest

from tillkeeper.ops.chaos.shrinking import ddmin, fails_again

EVERYTHING = range(40)


class Runner:
    """Fail as long as all that is needed is there, and count the runs."""

    def __init__(self, needed: set[int]) -> None:
        self.needed = needed
        self.runs = 0
        self.failed: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> bool:
        self.runs += 1
        if self.needed <= set(items):
            self.failed.append(list(items))
            return True
        return False


def always() -> bool:
    return True


@pytest.mark.parametrize("needed", [{0}, {39}, {7, 8}, {3, 21, 38}, {0, 1, 2, 3, 4}])
def test_what_is_left_is_just_what_is_needed_in_its_order(needed: set[int]) -> None:
    assert ddmin(EVERYTHING, Runner(needed), always) == sorted(needed)


def test_what_fails_without_any_disturbance_is_found_by_one_run() -> None:
    runner = Runner(set())
    assert (ddmin(EVERYTHING, runner, always), runner.runs) == ([], 1)


def test_one_that_is_needed_is_found_with_few_runs() -> None:
    runner = Runner({23})
    ddmin(EVERYTHING, runner, always)
    assert runner.runs < 20


def within(runs: int) -> Callable[[], bool]:
    left = iter(range(runs))
    return lambda: next(left, None) is not None


@pytest.mark.parametrize("runs", range(12))
def test_when_time_is_up_what_is_returned_has_failed(runs: int) -> None:
    runner = Runner({3, 30})
    left = ddmin(EVERYTHING, runner, within(runs))
    assert left in [list(EVERYTHING), *runner.failed]


def test_nothing_to_shrink_is_not_run() -> None:
    runner = Runner({1})
    assert (ddmin([], runner, always), runner.runs) == ([], 0)


@pytest.mark.parametrize(
    ("tries", "failed"),
    [([{"I1"}], True), ([set(), {"I1", "I9"}], True), ([set(), set()], False), ([{"I9"}, {"I9"}], False)],
)
def test_what_fails_only_now_and_then_has_a_second_try_and_another_fault_is_not_it(
    tries: list[set[str]], *, failed: bool
) -> None:
    assert fails_again(iter(tries).__next__, {"I1", "I4"}) is failed
