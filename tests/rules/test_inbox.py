"""When a message is tried again, and when we stop."""

import pytest

from tillkeeper.inbox import rules
from tillkeeper.inbox.values import Message
from tillkeeper.kernel import backoff, ids


def tried(attempts: int) -> Message:
    return Message(id=ids.new(), gateway="stripe", type="x", body=b"", attempts=attempts)


def test_a_failing_message_is_tried_again_by_the_schedule() -> None:
    endings = [rules.retry(tried(attempts), "why", jitter_percent=0) for attempts in range(5)]
    assert [ending.delay_ms for ending in endings] == [60_000, 300_000, 900_000, 3_600_000, 7_200_000]
    assert {ending.status for ending in endings} == {"received"}


def test_a_message_that_failed_every_time_is_a_dead_letter_with_its_reason() -> None:
    ending = rules.retry(tried(5), "why", jitter_percent=0)
    assert (ending.status, ending.reason, ending.delay_ms) == ("dead", "why", None)


@pytest.mark.parametrize("attempts", range(5))
def test_jitter_only_ever_makes_the_wait_longer_and_by_a_fifth_at_most(attempts: int) -> None:
    plain = rules.retry(tried(attempts), "why", jitter_percent=0).delay_ms
    longest = rules.retry(tried(attempts), "why", jitter_percent=backoff.jitter_percent_max).delay_ms
    assert plain
    assert longest
    assert plain < longest <= plain * 1.2


def park(attempts: int, *, ours: bool) -> tuple[str, int | None]:
    ending = rules.park(tried(attempts), "why", waits_for="pi_1", ours=ours, payment=None, jitter_percent=0)
    return ending.status, ending.delay_ms


def test_a_message_that_waits_for_something_looks_soon_and_then_more_and_more_seldom() -> None:
    waits = [park(attempts, ours=False) for attempts in range(7)]
    assert [status for status, _ in waits] == ["parked"] * 7
    assert [delay for _, delay in waits] == [2_000, 10_000, 60_000, 300_000, 900_000, 3_600_000, 7_200_000]


@pytest.mark.parametrize(("ours", "end"), [(True, "dead"), (False, "ignored")])
def test_a_message_that_waited_in_vain_is_a_dead_letter_when_it_names_a_payment_of_ours(ours: bool, end: str) -> None:  # noqa: FBT001 (a parameter of the test)
    assert park(7, ours=ours) == (end, None)
