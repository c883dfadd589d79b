"""What an answer means for a delivery, and when it is tried again."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.outbox.deliveries import rules
from tillkeeper.outbox.deliveries.values import Status

STANDARD = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)


def test_failures_are_tried_again_on_the_schedule_of_the_standard_and_then_no_more() -> None:
    verdicts = [rules.judge(500, failures=failures, jitter_percent=0) for failures in range(10)]
    assert [verdict.delay_ms for verdict in verdicts[:9]] == [seconds * 1000 for seconds in STANDARD]
    assert [verdict.status for verdict in verdicts] == [Status.PENDING] * 9 + [Status.DEAD]


def test_the_whole_schedule_takes_three_days() -> None:
    delays = [rules.judge(None, failures=failures, jitter_percent=0).delay_ms for failures in range(9)]
    assert 72 <= list(accumulate(delays))[-1] / 3_600_000 <= 96


@given(st.integers(0, 8), st.integers(0, rules.jitter_percent_max))
def test_jitter_only_ever_makes_the_wait_longer_and_by_a_fifth_at_most(failures: int, jitter: int) -> None:
    plain = rules.judge(500, failures=failures, jitter_percent=0).delay_ms
    assert plain <= rules.judge(500, failures=failures, jitter_percent=jitter).delay_ms <= plain * 1.2


@given(st.integers(200, 299), st.integers(0, 20))
def test_every_success_ends_a_delivery_whenever_it_comes(status: int, failures: int) -> None:
    assert rules.judge(status, failures=failures, jitter_percent=0).status is Status.SUCCEEDED


@given(st.one_of(st.none(), st.integers(100, 199), st.integers(300, 599)).filter(lambda status: status != 410))
def test_nothing_else_is_a_success_and_a_redirect_least_of_all(status: int | None) -> None:
    verdict = rules.judge(status, failures=0, jitter_percent=0)
    assert (verdict.status, verdict.gone) == (Status.PENDING, False)


@pytest.mark.parametrize("failures", [0, 9])
def test_gone_means_gone(failures: int) -> None:
    verdict = rules.judge(410, failures=failures, jitter_percent=0)
    assert (verdict.status, verdict.gone) == (Status.DEAD, True)


@given(st.one_of(st.none(), st.integers(100, 599)), st.integers(0, 20))
def test_only_a_success_counts_at_an_address_that_the_endpoint_has_left(status: int | None, failures: int) -> None:
    verdict = rules.judge(status, failures=failures, jitter_percent=0, moved=True, retry_after_seconds=60)
    taken = status is not None and 200 <= status <= 299
    assert (verdict.status, verdict.gone, verdict.delay_ms) == (Status.SUCCEEDED if taken else Status.PENDING, False, 0)


@given(st.integers(0, 8), st.integers(0, 10**9))
def test_a_receiver_is_left_alone_for_as_long_as_it_asks_up_to_a_day_and_never_less_than_the_schedule(
    failures: int, asked: int
) -> None:
    plain = rules.judge(503, failures=failures, jitter_percent=0).delay_ms
    verdict = rules.judge(503, failures=failures, jitter_percent=0, retry_after_seconds=asked)
    assert verdict.delay_ms == max(plain, min(asked, 86_400) * 1000)


def test_asking_for_patience_makes_no_try_more() -> None:
    assert rules.judge(503, failures=9, jitter_percent=0, retry_after_seconds=5).status is Status.DEAD
