"""The one table of what workers do."""

from collections import Counter
from datetime import UTC, datetime

from tillkeeper.schedules import rules
from tillkeeper.web.dashboard.pages.jobs import DUE
from tillkeeper.worker import schedule
from tillkeeper.worker.schedule import Job

GATEWAYS = ("paypal", "razorpay", "square", "stripe")
SUNDAY = datetime(2026, 11, 22, 20, tzinfo=UTC)


def jobs() -> list[Job]:
    return schedule.jobs_for(GATEWAYS)


def test_each_job_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(job.name for job in jobs()).items() if count > 1] == []


def test_each_gateway_is_called_on_its_own() -> None:
    assert {job.name for job in jobs() if job.name.startswith("operate.")} == {f"operate.{name}" for name in GATEWAYS}


def test_whatever_is_due_at_a_moment_is_listed_at_the_dashboard() -> None:
    assert {job.name for job in jobs() if job.calendar} == set(DUE)


def test_what_waits_for_others_is_known_so_that_it_can_be_given_workers_of_its_own() -> None:
    waiting = {job.name for job in jobs() if job.calls}
    calls = {f"operate.{name}" for name in GATEWAYS}
    known = {"deliver", "correspond", "catch_up", "import_settlement", "check_certificate", "drill"}
    assert waiting == calls | known


def test_api_versions_are_looked_at_on_mondays_at_nine() -> None:
    [calendar] = [job.calendar for job in jobs() if job.name == "check_versions" and job.calendar]
    slot = rules.following(calendar, rules.latest(calendar, SUNDAY))
    assert slot == datetime(2026, 11, 23, 9, tzinfo=UTC)
