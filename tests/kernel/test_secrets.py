"""Secrets in files: a new one counts within five seconds, and nothing that happens while it is written harms."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tillkeeper.kernel import secrets
from tillkeeper.kernel.secrets import Secrets, SecretUnreadableError

seen_seconds_max = 5
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.write_text("the first\n")
    return made


def test_a_new_secret_counts_within_five_seconds_without_a_restart(file: Path) -> None:
    known = Secrets({"STRIPE_WEBHOOK_SECRET_FILE": str(file)})
    assert known.get("STRIPE_WEBHOOK_SECRET") == "the first"
    file.write_text("the second")
    start = time.monotonic()
    while known.get("STRIPE_WEBHOOK_SECRET") != "the second":
        assert time.monotonic() - start < seen_seconds_max
        time.sleep(0.05)


def test_the_longest_that_anything_old_is_used_is_five_seconds() -> None:
    assert secrets.file_reread_seconds + secrets.file_gap_seconds < seen_seconds_max


@pytest.mark.parametrize("how", ["empty", "away"])
def test_a_file_that_is_being_written_anew_leaves_the_secret_that_was_known(
    file: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Secrets({"STRIPE_WEBHOOK_SECRET_FILE": str(file)})
    assert known.accepted("STRIPE_WEBHOOK_SECRET", NOW) == ["the first"]
    monkeypatch.setattr(secrets, "file_reread_seconds", 0)
    file.write_text("") if how == "empty" else file.unlink()
    assert known.accepted("STRIPE_WEBHOOK_SECRET", NOW) == ["the first"]
    file.write_text("the second")
    assert known.accepted("STRIPE_WEBHOOK_SECRET", NOW) == ["the second"]


def test_a_secret_whose_file_stays_empty_or_away_is_one_no_more(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Secrets({"STRIPE_WEBHOOK_SECRET_FILE": str(file)})
    known.get("STRIPE_WEBHOOK_SECRET")
    monkeypatch.setattr(secrets, "file_reread_seconds", 0)
    monkeypatch.setattr(secrets, "file_gap_seconds", 0)
    file.write_text("")
    assert known.accepted("STRIPE_WEBHOOK_SECRET", NOW) == []
    file.unlink()
    with pytest.raises(SecretUnreadableError):
        known.get("STRIPE_WEBHOOK_SECRET")


def test_the_previous_secret_and_its_end_are_files_too_and_need_not_be_there(file: Path, tmp_path: Path) -> None:
    previous, until = tmp_path / "previous", tmp_path / "until"
    environment = {
        "STRIPE_WEBHOOK_SECRET_FILE": str(file),
        "STRIPE_WEBHOOK_SECRET_PREVIOUS_FILE": str(previous),
        "STRIPE_WEBHOOK_SECRET_PREVIOUS_UNTIL_FILE": str(until),
    }
    assert Secrets(environment).accepted("STRIPE_WEBHOOK_SECRET", NOW) == ["the first"]
    previous.write_text("an older one")
    assert Secrets(environment).accepted("STRIPE_WEBHOOK_SECRET", NOW) == ["the first", "an older one"]
    until.write_text((NOW + timedelta(hours=1)).isoformat())
    assert Secrets(environment).accepted("STRIPE_WEBHOOK_SECRET", NOW) == ["the first", "an older one"]
    assert Secrets(environment).accepted("STRIPE_WEBHOOK_SECRET", NOW + timedelta(hours=2)) == ["the first"]
