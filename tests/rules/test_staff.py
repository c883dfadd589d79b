"""When a code of an app is good, how long no code is looked at, and how long a password counts as just given."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from tillkeeper.access.staff import rules

NOW = datetime(2026, 11, 21, 12, 0, 10, tzinfo=UTC)
SECRET = pyotp.random_base32()
PRESENT = int(NOW.timestamp()) // rules.totp_seconds


def code_of(step: int) -> str:
    return pyotp.TOTP(SECRET, interval=rules.totp_seconds).generate_otp(step)


@pytest.mark.parametrize("away", range(-3, 4))
def test_a_code_is_good_for_its_moment_and_the_one_before_and_after(away: int) -> None:
    found = rules.step_of(code_of(PRESENT + away), SECRET, NOW, after=0)
    assert found == (PRESENT + away if abs(away) <= 1 else None)


@pytest.mark.parametrize("used", range(-2, 2))
def test_no_code_is_good_twice_nor_one_that_is_older_than_the_last_one_used(used: int) -> None:
    for away in (-1, 0, 1):
        found = rules.step_of(code_of(PRESENT + away), SECRET, NOW, after=PRESENT + used)
        assert found == (PRESENT + away if away > used else None)


def test_a_code_of_another_app_is_refused() -> None:
    assert rules.step_of(code_of(PRESENT), pyotp.random_base32(), NOW, after=0) is None


@pytest.mark.parametrize(("seconds", "fresh"), [(0, True), (599, True), (600, False), (601, False)])
def test_a_password_counts_as_just_given_for_ten_minutes(seconds: int, *, fresh: bool) -> None:
    assert rules.is_fresh(NOW - timedelta(seconds=seconds), NOW) is fresh


@pytest.mark.parametrize(
    ("wrong", "minutes", "left"),
    [(0, None, 0), (9, 1, 0), (10, 0, 60), (10, 59, 1), (11, 30, 30), (10, 60, 0), (10, 61, 0)],
)
def test_after_ten_wrong_codes_none_is_looked_at_until_the_first_of_them_is_an_hour_old(
    wrong: int, minutes: int | None, left: int
) -> None:
    since = NOW - timedelta(minutes=minutes) if minutes is not None else None
    assert rules.guesses_wait(wrong, since, NOW) == timedelta(minutes=left)
    assert rules.guesses_since(NOW) == NOW - timedelta(hours=1)


def test_a_session_lives_for_twelve_hours_at_most_and_half_an_hour_unused() -> None:
    seen, begun = rules.alive_since(NOW)
    assert (NOW - seen, NOW - begun) == (timedelta(minutes=rules.idle_minutes), rules.ends_at(NOW) - NOW)
