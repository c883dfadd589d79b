"""Which backups stay."""

from datetime import UTC, datetime, timedelta

from tillkeeper.backups import rules

DAY = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


def test_the_newest_stay_and_the_oldest_go() -> None:
    files = [rules.name(DAY + timedelta(days=number)) for number in range(7)]
    assert rules.too_many(files[::-1], keep=5) == files[:2]


def test_a_file_that_is_named_otherwise_always_stays() -> None:
    files = ["notes.txt", "tillkeeper-mine.tillbackup", rules.name(DAY), ".lock"]
    assert rules.too_many(files, keep=1) == []


def test_fewer_than_are_kept_all_stay() -> None:
    assert rules.too_many([rules.name(DAY)], keep=5) == []


def test_a_name_is_of_the_moment_in_utc() -> None:
    assert rules.name(DAY) == "tillkeeper-20261122T050000Z.tillbackup"
    assert rules.is_ours(rules.name(DAY))
