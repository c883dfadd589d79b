"""What stands at the metrics port is what happened, whatever becomes of the database, and tells nothing secret."""

import asyncio
import re
import socket
import tempfile

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.telemetry.conftest import Page, Watched
from tests.telemetry.names import PROMISED

from tillkeeper import telemetry
from tillkeeper.kernel import logs, meters
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.reports import metrics
from tillkeeper.settings import Settings
from tillkeeper.telemetry import port

LABELS = {"gateway", "currency", "code", "status", "kind", "state", "invariant", "mode", "name", "part", "le"}
WORD = re.compile(r"[a-zA-Z0-9_.+ ()-]{1,60}")
IDS = re.compile(r"[0-9a-hjkmnp-tv-z]{26}|[0-9a-f]{12}|[0-9]{6}|cs_|pi_|ch_")

SEEN = "INSERT INTO secret_sighting VALUES ('SQUARE_ACCESS_TOKEN', 'f', now() - interval '3 days', now())"
BACKED_UP = """
INSERT INTO backup (id, file, taken_at, bytes, sha256, rows, took_ms)
VALUES (gen_random_uuid(), 'a', now() - interval '7 hours 1 minute', 1000, '', 1, 1)
"""
DRILLED = """
INSERT INTO drill (id, status, wished_by, finished_at, report)
VALUES (gen_random_uuid(), 'failed', 'a test', now() - interval '2 hours 1 minute', '{}')
"""


async def test_every_promised_name_is_there_with_its_help(watched: Watched) -> None:
    text = await watched.page.text()

    assert {name for name in PROMISED if f"# HELP {name} " not in text} == set()


async def test_a_purchase_and_its_refund_are_counted(watched: Watched) -> None:
    page, eur = watched.page, {"gateway": "stripe", "currency": "EUR"}
    paid = await watched.shop.buy()
    assert (await watched.shop.post("/api/v1/refunds", {"payment": paid["id"]})).is_success

    await page.until("payments_created_total", 1, **eur)
    await page.until("payments_succeeded_total", 1, **eur)
    await page.until("payment_amount_minor_total", paid["amount"], **eur)
    await page.until("refunds_total", 1, **eur)
    await page.until("refund_amount_minor_total", paid["amount"], **eur)
    await page.until("webhook_to_fulfilled_seconds_count", 1, **eur)
    assert await page.value("webhook_to_fulfilled_seconds_bucket", le="3600.0", **eur) == 1
    assert await page.value("gateway_request_duration_seconds_count", gateway="stripe", kind="create") == 1
    assert (await page.value("settle_duration_seconds_count") or 0) >= 1
    assert (await page.value("webhooks_received_total", gateway="stripe") or 0) >= 2
    assert (await page.value("http_request_duration_seconds_count", part="api", code="2xx") or 0) >= 3
    assert await page.value("worker_up") == 1
    assert await page.value("workers", kind="loop") == 1
    assert await page.value("inbox_dead", status="dead") == 0
    assert await page.value("gateway_available", gateway="stripe") == 1
    assert await page.value("metrics_unanswered") == 0


async def test_a_repeated_request_a_bad_signature_and_a_masked_line_are_counted(watched: Watched) -> None:
    shop, page = watched.shop, watched.page
    for _ in range(2):
        await shop.open(key="the same key")
    forged = await shop.http.post(f"{shop.url}/webhooks/stripe", content=b"{}", headers={"stripe-signature": "t=1"})
    logs.scrub(None, "info", {"event": "said", "detail": "whsec_abcdef"})
    logs.scrub(None, "info", {"event": "said", "detail": "nothing"})

    assert forged.status_code == 400
    assert await page.value("payment_deduplicated_total") == 1
    assert await page.value("webhook_signature_failures_total", gateway="stripe") == 1
    assert await page.value("log_redactions_total") == 1


async def test_senders_who_are_turned_away_are_counted(watched: Watched) -> None:
    shop = watched.shop
    answers = [
        (await shop.http.post(f"{shop.url}/webhooks/stripe", content=b"{}", headers={"stripe-signature": "t=1"}))
        for _ in range(32)
    ]

    assert answers[-1].status_code == 429
    assert (await watched.page.value("webhook_rate_limited_total") or 0) >= 1
    assert await watched.page.value("webhook_signature_failures_total", gateway="stripe") == 32


async def test_a_gateway_that_refuses_to_open_a_payment_is_counted(watched: Watched) -> None:
    faults = {"error_before_percent": 100}
    assert (await watched.shop.http.put(f"{watched.shop.sandbox}/_control/faults", json=faults)).is_success
    await watched.shop.post("/api/v1/payments", {"package": "credits_120", "currency": "EUR", "user": "ana"})

    failures = [await watched.page.value("payment_intent_failures_total", gateway="stripe", code=code) or 0
                for code in meters.intent_failures.codes]  # fmt: skip
    assert sum(failures) == 1


async def test_no_label_holds_an_id_or_a_secret(watched: Watched) -> None:
    paid = await watched.shop.buy("somebody_private")
    await watched.page.until("payments_succeeded_total", 1, gateway="stripe", currency="EUR")
    text = await watched.page.text()
    labels = {
        (name, value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for name, value in sample.labels.items()
    }

    assert {name for name, _ in labels} <= LABELS
    assert {value for _, value in labels if not WORD.fullmatch(value) or IDS.search(value)} == set()
    assert paid["gateway_reference"] not in text
    assert "somebody" not in text
    assert "a secret of the web tests" not in text


@pytest.mark.parametrize(
    "said", ["4242424242424242", "evt_1NabcDEF234567890", "card 4242 declined!", "ana@shop.test", "x" * 61, ""]
)
def test_what_looks_like_no_reason_is_no_label(said: str) -> None:
    [fact] = metrics.payments({("stripe", "EUR", f"failed:{said}"): (3, 0)})

    assert (fact.labels["code"], fact.value) == (metrics.OTHER, 3)


def test_reasons_of_gateways_are_kept_apart_up_to_a_limit() -> None:
    told = {("stripe", "EUR", f"failed:reason_{letters}"): (1, 0) for letters in _words(80)}
    found = metrics.payments({("stripe", "EUR", "failed:Insufficient_Funds"): (7, 0)} | told)
    codes = {fact.labels["code"]: fact.value for fact in found}

    assert codes["insufficient_funds"] == 7
    assert len(codes) == metrics.codes_max + 1
    assert sum(codes.values()) == 87


def _words(many: int) -> list[str]:
    return [f"{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(many)]


async def test_the_port_answers_while_the_database_is_away(
    configured: Settings, databases: Databases, database: str
) -> None:
    with telemetry.exposed(configured):
        page = Page(configured.metrics_port)
        meters.count(meters.webhooks_received, "stripe")
        assert await page.value("db_up") == 1
        await asyncio.to_thread(databases.drop, database)

        assert await page.value("db_up") == 0
        assert await page.value("webhooks_received_total", gateway="stripe") == 1
        assert await page.value("inbox_backlog") is None


async def test_a_figure_that_takes_too_long_costs_no_other(
    configured: Settings, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "statement_seconds_max", 1)
    owner = await asyncpg.connect(owner_url)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE discrepancy")
            with telemetry.exposed(configured):
                page = Page(configured.metrics_port)
                assert await page.value("metrics_unanswered") == 1
                assert await page.value("inbox_backlog") == 0
    finally:
        await owner.close()


async def test_a_port_that_somebody_has_is_taken_once_it_is_free(
    configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "again_seconds", 0.05)
    with socket.create_server(("127.0.0.1", configured.metrics_port)) as other, telemetry.exposed(configured):
        other.close()
        async with asyncio.timeout(10):
            while await _is_silent(configured.metrics_port):  # noqa: ASYNC110 (another thread)
                await asyncio.sleep(0.05)
        assert await Page(configured.metrics_port).value("info", mode="sandbox") == 1


async def _is_silent(number: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) != 0


async def test_port_0_is_no_port_and_nothing_is_counted(configured: Settings) -> None:
    off = configured.model_copy(update={"metrics_port": 0})
    with telemetry.exposed(off), telemetry.shared(off) as counting:
        assert not counting
        assert not meters._listeners


def test_without_a_folder_to_count_in_processes_work_all_the_same(
    configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with telemetry.shared(configured) as counting, telemetry.counted_as("api-0"):
        assert not counting
        assert not meters._listeners


async def test_secrets_backups_and_drills_are_told_of_as_the_database_knows_them(
    watched: Watched, owner_url: str
) -> None:
    owner = await asyncpg.connect(owner_url)
    await owner.execute(SEEN)
    await owner.execute(BACKED_UP)
    await owner.execute(DRILLED)
    await owner.close()

    await watched.page.until("secret_age_days", 3, name="SQUARE_ACCESS_TOKEN")
    assert (await watched.page.value("backup_age_seconds") or 0) // 3600 == 7
    assert await watched.page.value("restore_drill_success") == 0
    assert (await watched.page.value("restore_drill_age_seconds") or 0) // 3600 == 2


async def test_a_drill_that_never_ran_is_as_old_as_the_first_backup_that_it_could_have_tried(
    watched: Watched, owner_url: str
) -> None:
    owner = await asyncpg.connect(owner_url)
    await owner.execute(BACKED_UP)
    await owner.execute(BACKED_UP.replace("7 hours 1 minute", "9 days 1 minute"))
    await owner.close()

    assert (await watched.page.value("restore_drill_age_seconds") or 0) // 3600 == 9 * 24
    assert await watched.page.value("restore_drill_success") is None
