"""The page that tells whether everything works, and what to do where it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.flows.vaults import backed_up

from tillkeeper.flows.check_in import check_in
from tillkeeper.flows.examine import examine
from tillkeeper.flows.isolate import isolate
from tillkeeper.flows.maintain import maintain
from tillkeeper.kernel import ids
from tillkeeper.reports import checkup
from tillkeeper.reports.checkup import Patient
from tillkeeper.reports.findings import State
from tillkeeper.reports.health import Queue, Signs
from tillkeeper.reports.safekeeping import Safe
from tillkeeper.routing import Breaker, GatewayState, Maintenance, Switch
from tillkeeper.schedules import Kind, Worker

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEALTHY = Signs(version="16.4", at=NOW, worked_at=NOW, proved_at=NOW, queues=())


def patient(shop: Any, **more: Any) -> Patient:
    """Make one whom nothing ails but what is named."""
    well: dict[str, Any] = {
        "settings": shop.till.settings.model_copy(update={"mail_alerts_to": "ops@example.com"}),
        "now": NOW,
        "signs": HEALTHY,
        "gateways": [GatewayState(gateway="stripe")],
        "versions": [],
        "maintenance": Maintenance(),
        "mails": True,
        "titles": {"stripe": "Stripe"},
        "secrets": {"STRIPE_SECRET_KEY": 12},
    }
    return Patient(**well | more)


async def test_a_worker_that_works_is_well_and_programs_are_told_where_to_look(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("viewer")
    said = await desk.read("/health")
    assert ("It has never been heard of" in said, "Nobody has looked yet" in said) == (True, True)
    await examine(shop.till)
    await check_in(shop.till, Worker(id=ids.new(), kind=Kind.CELERY, host="shop-1", pid=4711))
    said = await desk.read("/health")
    for each in ("celery on shop-1", "Debits equal credits", "For programs", "answers"):
        assert each in said, each
    assert "never been heard of" not in said


async def test_what_is_broken_stands_first_with_what_to_do(shop: Any, desk_of: Any) -> None:
    await check_in(shop.till, Worker(id=ids.new(), kind=Kind.LOOP, host="shop-1", pid=4711))
    await examine(shop.till)
    await shop.owner.execute(
        "UPDATE invariant_check SET violations = 2, sample = '{<b>journal</b>}', broken_since = checked_at"
        " WHERE name = 'I1' AND scope = 'recent'"
    )
    await maintain(shop.till, active=True, reason="moving")
    answer = await (await desk_of("viewer")).get("/health")
    assert "1 thing does" in answer.text
    assert "&lt;b&gt;journal" in answer.text
    assert "New payments are kept waiting: moving." in answer.text


async def test_work_that_waits_is_counted_and_dated(shop: Any, desk_of: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("checkout.session.completed")
    await shop.hear(event)
    await shop.owner.execute("UPDATE inbox_message SET due_at = now() - interval '2 hours'")
    assert "1 due, the oldest for 2 h" in await (await desk_of("viewer")).read("/health")


async def test_each_ailment_is_found_and_has_a_way_out(shop: Any) -> None:
    live = shop.till.settings.model_copy(update={"mode": "live", "public_url": "http://shop.example.com"})
    saves = shop.till.settings.model_copy(update={"backup_path": "/backups"})
    stripe = GatewayState(gateway="stripe")
    old = {"gateway": "stripe", "level": "critical", "reasons": ["it is old"]}
    late = Queue(name="letters", due=1_000, since=NOW - timedelta(days=3))
    for what, more, state in (
        ("Database", {"signs": replace(HEALTHY, version="14.1")}, State.BROKEN),
        ("Clocks", {"signs": replace(HEALTHY, at=NOW + timedelta(minutes=3))}, State.BROKEN),
        ("Worker", {"signs": replace(HEALTHY, worked_at=NOW - timedelta(minutes=6))}, State.BROKEN),
        ("Worker", {"signs": replace(HEALTHY, worked_at=None)}, State.BROKEN),
        ("Nightly proof", {"signs": replace(HEALTHY, proved_at=NOW - timedelta(days=2))}, State.WARNING),
        ("Nightly proof", {"signs": replace(HEALTHY, proved_at=None)}, State.WARNING),
        ("Letters", {"signs": replace(HEALTHY, queues=(late,))}, State.BROKEN),
        ("Gateways", {"gateways": []}, State.BROKEN),
        ("Stripe", {"gateways": [replace(stripe, switch=Switch.DRAINING)]}, State.WARNING),
        ("Stripe", {"gateways": [replace(stripe, breaker=Breaker.OPEN, failures=5)]}, State.BROKEN),
        ("Stripe", {"gateways": [replace(stripe, failures=3)]}, State.WARNING),
        ("API version of Stripe", {"versions": [old]}, State.BROKEN),
        ("Backups", {"settings": live}, State.WARNING),
        ("Backups", {"settings": saves}, State.BROKEN),
        ("Backups", {"settings": saves, "safe": Safe(backup=backup(hours=30))}, State.BROKEN),
        ("Restore drill", {"settings": saves, "safe": Safe(backup=backup(hours=1))}, State.WARNING),
        ("Restore drill", {"settings": saves, "safe": Safe(drill=drilled("failed"))}, State.BROKEN),
        ("Restore drill", {"settings": saves, "safe": Safe(drill=drilled("passed", days=9))}, State.WARNING),
        ("Restored copy", {"safe": Safe(copy={"taken_at": None})}, State.BROKEN),
        ("Maintenance", {"maintenance": Maintenance(active=True)}, State.WARNING),
        ("Alerts", {"mails": False}, State.WARNING),
        ("Public address", {"settings": live}, State.BROKEN),
        ("Second factor", {"settings": live}, State.WARNING),
        ("Secret", {"secrets": {"STRIPE_SECRET_KEY": 91}}, State.WARNING),
    ):
        found = {each.what: each for each in checkup.examine(patient(shop, **more))}
        assert (found[what].state, bool(found[what].fix)) == (state, True), what
    assert {each.state for each in checkup.examine(patient(shop))} == {State.OK}
    well = patient(shop, settings=saves, safe=Safe(backup=backup(hours=3), drill=drilled("passed")))
    assert {each.state for each in checkup.examine(replace(well, settings=saves_and_alerts(saves)))} == {State.OK}


def saves_and_alerts(settings: Any) -> Any:
    return settings.model_copy(update={"mail_alerts_to": "ops@example.com"})


def backup(**ago: int) -> dict[str, Any]:
    return {"file": "tillkeeper-x.tillbackup", "bytes": 4711, "taken_at": (NOW - timedelta(**ago)).isoformat()}


def drilled(status: str, **ago: int) -> dict[str, Any]:
    """Tell of a drill as the report does."""
    checks = [{"name": "rows", "ok": status == "passed", "found": "payment has 1 row instead of 2"}]
    report = {"rto_ms": 42_000, "checks": checks}
    at = (NOW - timedelta(**ago)).isoformat()
    return {"status": status, "file": "tillkeeper-x.tillbackup", "finished_at": at, "report": report}


async def test_a_drill_is_asked_for_once_and_stands_in_the_audit_log(
    shop: Any, desk_of: Any, tmp_path: Path, owner_url: str
) -> None:
    object.__setattr__(shop.till, "vault", backed_up(shop.till, tmp_path / "backups", owner_url).vault)
    desk = await desk_of("developer")
    assert "Try a restore" in await desk.read("/health")

    assert "A worker tries" in await desk.told(await desk.post("/health/drill"))

    assert await shop.count("drill", "status = 'wished'") == 1
    assert await shop.count("audit_entry", "action = 'drill.wished'") == 1
    assert "asked for one already" in await desk.read("/health/drill")


async def test_every_page_of_a_restored_copy_says_that_it_is_one(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "restored copy" not in await desk.read("/payments")
    await isolate(shop.till)
    for page in ("/payments", "/health"):
        assert "This is a restored copy" in await desk.read(page)


async def test_a_drill_where_nobody_makes_backups_is_refused_with_what_to_set(desk_of: Any) -> None:
    desk = await desk_of("developer")
    answer = await desk.post("/health/drill")
    assert answer.status_code == 409
    assert "BACKUP_PATH" in answer.text
