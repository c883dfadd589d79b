"""A report's period is read from its first and last day or month, and nothing else is taken for one."""

from datetime import UTC, datetime

import pytest

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports.periods import Step, bounds

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "first", "last", "expected"),
    [
        ("daily", None, None, ("2026-11-21", "2026-11-22")),
        ("daily", "2026-11-01", "2026-11-30", ("2026-11-01", "2026-12-01")),
        ("daily", "2026-11", "2026-11", ("2026-11-01", "2026-12-01")),
        ("daily", "2026-11-19", None, ("2026-11-19", "2026-11-22")),
        ("monthly", None, None, ("2026-11-01", "2026-12-01")),
        ("monthly", "2024-02", "2024-02", ("2024-02-01", "2024-03-01")),
        ("monthly", "2025-12-24", "2026-01-06", ("2025-12-01", "2026-02-01")),
        ("monthly", "2010-01", "2026-11", ("2010-01-01", "2026-12-01")),
    ],
)
def test_both_ends_are_inclusive(step: Step, first: str | None, last: str | None, expected: tuple[str, str]) -> None:
    since, until = bounds(Step(step), first, last, NOW)
    assert (since, until) == tuple(datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in expected)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-22", "2026-11-21"),
        ("2025-01-01", "2026-06-01"),
        ("tomorrow", None),
        ("2026-13", None),
        ("2026-02-30", None),
        ("0001-01-01", None),
        ("9999-12-31", None),
        (None, "9999-12"),
        ("", "20261121"),
        ("2026-W01-1", "1e9"),
    ],
)
def test_what_is_no_period_is_refused(first: str | None, last: str | None) -> None:
    with pytest.raises(InvalidFieldError):
        bounds(Step.DAILY, first, last, NOW)
