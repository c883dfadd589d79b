"""Which moment is due, whatever the moment of looking."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.schedules import HOURLY, Calendar, rules

NIGHTLY = Calendar(every=timedelta(days=1), after=timedelta(hours=4))
MONDAYS_AT_NINE = Calendar(every=timedelta(weeks=1), after=timedelta(hours=9))


@pytest.mark.parametrize(
    ("calendar", "now", "slot"),
    [
        (HOURLY, "2026-11-22T09:00:00", "2026-11-22T09:00:00"),
        (HOURLY, "2026-11-22T08:59:59", "2026-11-22T08:00:00"),
        (NIGHTLY, "2026-11-22T03:59:59", "2026-11-21T04:00:00"),
        (NIGHTLY, "2026-11-22T04:00:00", "2026-11-22T04:00:00"),
        (MONDAYS_AT_NINE, "2026-11-22T23:00:00", "2026-11-16T09:00:00"),  # a Sunday
        (MONDAYS_AT_NINE, "2026-11-23T08:59:59", "2026-11-16T09:00:00"),  # the Monday after it
        (MONDAYS_AT_NINE, "2026-11-23T09:00:00", "2026-11-23T09:00:00"),
    ],
)
def test_the_latest_slot_is_the_last_moment_that_has_come(calendar: Calendar, now: str, slot: str) -> None:
    assert rules.latest(calendar, at(now)) == at(slot)


@given(
    now=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),  # noqa: DTZ001 (UTC is put on)
    minutes=st.sampled_from([5, 30, 60, 24 * 60, 7 * 24 * 60]),
    after=st.integers(min_value=0, max_value=600),
)
def test_every_moment_lies_between_its_slot_and_the_following_one(now: datetime, minutes: int, after: int) -> None:
    calendar = Calendar(every=timedelta(minutes=minutes), after=timedelta(minutes=after))
    moment = now.replace(tzinfo=UTC)
    slot = rules.latest(calendar, moment)
    assert slot <= moment < rules.following(calendar, slot)
    assert rules.latest(calendar, slot) == slot


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
