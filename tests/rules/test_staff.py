"""Which passwords are taken, when a code is good, how long none is looked at, and how long a password counts."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from tillkeeper.access.staff import rules, well_known
from tillkeeper.kernel.errors import InvalidFieldError

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


@pytest.mark.parametrize("password", ["qwertyuiop123", "Password1234", "1Q2W3E4R5T6Y", "ADMINISTRATOR"])
def test_a_password_that_many_people_have_is_refused_in_whichever_case(password: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        rules.check_password(password)
    assert refused.value.param == "new_password"
    assert password not in refused.value.detail


def test_the_list_of_passwords_holds_more_than_three_thousand_that_nothing_else_would_refuse() -> None:
    lines = [line for line in well_known.FILE.read_text().splitlines() if not line.startswith(well_known.NOTE)]
    assert len(lines) == len(well_known.known()) > 3_000
    assert [each for each in lines if not rules.password_length_min <= len(each) <= rules.password_length_max] == []
    assert [each for each in lines if each != each.casefold().strip()] == []
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "password",
    [
        "onlysmallletters",
        "ONLYLARGELETTERS",
        "730558194662",
        "            x",
        "пароль из слов",
        "🂡🂱🃁🃑🂢🂲🃂🃒🂣🂳🃃🃓",
        "!?!?!?!?!?!?",
    ],
)
def test_no_kind_of_character_is_asked_for_or_kept_out(password: str) -> None:
    rules.check_password(password)


def test_a_password_counts_to_its_last_character_and_as_it_was_typed() -> None:
    password = f" Correct horse {'x' * 240}1"
    kept = rules.hashed(password)
    assert rules.fits(password, kept)
    for other in (password.strip(), password.lower(), f"{password[:-1]}2", f"{password} ", password[:72]):
        assert not rules.fits(other, kept)
