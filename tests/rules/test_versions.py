"""How old a gateway's API is, and whether it is the one that our adapter is built for."""

from datetime import date, timedelta

import pytest
import stripe

from tillkeeper.gateways.stripe.adapter import API_VERSION
from tillkeeper.reports.versions import Level, judge

OURS = "2026-10-28.endive"
DAY = date(2026, 10, 28)


@pytest.mark.parametrize(
    ("age", "level"),
    [
        (0, Level.OK),
        (179, Level.OK),
        (180, Level.WARNING),
        (364, Level.WARNING),
        (365, Level.CRITICAL),
        (900, Level.CRITICAL),
    ],
)
def test_a_version_warns_after_180_days_and_is_critical_after_365(age: int, level: Level) -> None:
    verdict = judge([OURS], OURS, DAY + timedelta(days=age))
    assert (verdict.level, verdict.age_days) == (level, age)
    assert bool(verdict.reasons) == (level is not Level.OK)


def test_the_newest_version_seen_counts() -> None:
    assert judge(["2024-06-20", OURS, "2025-03-31.basil"], None, DAY).age_days == 0


@pytest.mark.parametrize("other", ["2026-10-28.dahlia", "2026-10-28", "2026-10-29.preview"])
def test_another_train_than_ours_is_a_warning_that_names_it(other: str) -> None:
    verdict = judge([OURS, other], OURS, DAY)
    assert verdict.level is Level.WARNING
    assert (other.partition(".")[2] or "none") in verdict.reasons[0]


def test_the_same_train_on_another_day_is_fine() -> None:
    assert judge(["2026-12-01.endive"], OURS, date(2026, 12, 2)).level is Level.OK


def test_an_old_version_of_another_train_keeps_the_higher_level() -> None:
    verdict = judge(["2024-06-20.acacia"], OURS, DAY)
    assert verdict.level is Level.CRITICAL
    assert len(verdict.reasons) == 2


@pytest.mark.parametrize("odd", ["v1", "2026-13-45.endive", "20261028"])
def test_a_version_that_names_no_day_is_a_warning_and_has_no_age(odd: str) -> None:
    verdict = judge([odd], OURS, DAY)
    assert (verdict.level, verdict.age_days) == (Level.WARNING, None)


def test_nothing_seen_yet_is_fine() -> None:
    assert judge([], OURS, DAY).level is Level.OK


def test_the_adapter_is_built_for_the_version_of_its_sdk() -> None:
    assert stripe.api_version == API_VERSION
