"""The API as a merchant's program uses it: every route, every promise about keys, ids, lists and replays."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from tests.web.conftest import TEMPLATE, Front, Json, environment, open_till
from tests.web.running import Shop, as_json, opened
from tests.web.test_documents import announced

from tillkeeper import catalog
from tillkeeper.flows.authorize import issue
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.reports import readiness
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web.app import build

PAYMENTS = "/api/v1/payments"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for all tests of this file; each buys for users of its own."""
    name = f"api_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("sandbox")) as shop:
        yield shop
    databases.drop(name)


async def test_a_new_payment_says_where_the_customer_goes(shop: Shop) -> None:
    payment = await shop.open("dora", currency="eur", metadata={"order": "7"}, return_url="https://shop.test/done?a=b")
    assert payment["object"] == "payment"
    assert payment["status"] == "requires_action"
    assert payment["next_action"]["type"] == "redirect"
    assert payment["next_action"]["url"].startswith(shop.sandbox)
    assert (payment["amount"], payment["currency"], payment["quantity"]) == (199, "EUR", 1)
    assert (payment["user"], payment["package"], payment["metadata"]) == ("dora", "credits_120", {"order": "7"})
    assert payment["fulfilment"] == {"status": "pending", "kind": "credits", "quantity": 120, "revoked": 0}
    assert (payment["amount_captured"], payment["captured_at"], payment["last_error"]) == (0, None, None)
    assert await shop.get(f"{PAYMENTS}/{payment['id']}") == payment


async def test_a_secret_key_may_take_an_amount_without_a_package(shop: Shop) -> None:
    answer = await shop.post(PAYMENTS, {"amount": 5000, "currency": "jpy", "description": "A poster"})
    assert answer.status_code == 201
    payment = answer.json()
    assert (payment["amount"], payment["currency"], payment["package"]) == (5000, "JPY", None)
    assert (payment["user"], payment["fulfilment"]) == (None, None)


async def test_a_paid_payment_is_delivered_and_tells_everything_that_happened(shop: Shop) -> None:
    payment = await shop.buy("emil")
    assert (payment["amount_captured"], payment["next_action"]) == (199, None)
    assert payment["fulfilment"]["status"] == "delivered"
    assert payment["captured_at"].endswith("Z")
    timeline = (await shop.get(f"{PAYMENTS}/{payment['id']}/timeline"))["data"]
    kinds = {entry["kind"] for entry in timeline}
    assert kinds >= {"payment", "attempt", "webhook", "ledger", "delivery", "event"}
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)
    events = [entry["title"] for entry in timeline if entry["kind"] == "event"]
    assert [events.count(name) for name in ("payment.created", "payment.succeeded", "fulfilment.delivered")] == [1] * 3


async def test_a_wallet_shows_its_balance_and_every_movement(shop: Shop) -> None:
    payment = await shop.buy("fay")
    spent = await shop.post("/api/v1/users/fay/wallet/spend", {"amount": 20, "reason": "a song"})
    assert (spent.status_code, spent.json()["balance"], spent.json()["spent"]) == (200, 100, 20)
    wallet = await shop.get("/api/v1/users/fay/wallet")
    assert wallet == {"object": "wallet", "user": "fay", "balance": 100, "frozen": 0, "debt": 0, "currency": "CRD"}
    entries = (await shop.get("/api/v1/users/fay/wallet/entries"))["data"]
    assert [(entry["kind"], entry["amount"], entry["balance_after"]) for entry in entries] == [
        ("spend", -20, 100),
        ("grant", 120, 120),
    ]
    assert entries[1]["source"] == payment["id"]
    first = await shop.get("/api/v1/users/fay/wallet/entries?limit=1")
    second = await shop.get(f"/api/v1/users/fay/wallet/entries?limit=1&cursor={first['next_cursor']}")
    assert [first["data"] + second["data"], second["has_more"]] == [entries, False]


async def test_nobody_spends_more_than_there_is(shop: Shop) -> None:
    await shop.buy("gus")
    for user, amount in (("gus", 121), ("nobody-ever", 1)):
        answer = await shop.post(f"/api/v1/users/{user}/wallet/spend", {"amount": amount, "reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credits")
    assert (await shop.get("/api/v1/users/gus/wallet"))["balance"] == 120


async def test_a_refund_takes_money_and_goods_back_and_can_be_looked_up(shop: Shop) -> None:
    payment = await shop.buy("hal")
    made = await shop.post("/api/v1/refunds", {"payment": payment["id"], "amount": 100, "reason": "half"})
    assert made.status_code == 201
    refund = await shop.until(f"/api/v1/refunds/{made.json()['id']}", lambda shown: shown["status"] == "succeeded")
    assert (refund["amount"], refund["currency"], refund["revoked"], refund["origin"]) == (100, "EUR", 60, "us")
    after = await shop.get(f"{PAYMENTS}/{payment['id']}")
    assert (after["amount_refunded"], after["fulfilment"]["status"]) == (100, "partly_revoked")
    assert (await shop.get(f"/api/v1/refunds?payment={payment['id']}"))["data"] == [refund]
    too_much = await shop.post("/api/v1/refunds", {"payment": payment["id"], "amount": 100})
    assert (too_much.status_code, too_much.json()["code"]) == (422, "refund_exceeds_captured")


async def test_an_unpaid_payment_cannot_be_refunded(shop: Shop) -> None:
    payment = await shop.open("ida")
    answer = await shop.post("/api/v1/refunds", {"payment": payment["id"]})
    assert answer.status_code in {409, 422}
    assert answer.json()["code"] in {"invalid_state", "refund_not_allowed", "refund_exceeds_captured"}


async def test_a_dispute_is_shown_listed_and_keeps_its_payment_from_being_refunded(shop: Shop) -> None:
    payment = await shop.buy("hanna")
    await shop.act(
        "stripe/disputes", {"payment_intent": payment["gateway_reference"], "reason": "product_not_received"}
    )
    after = await shop.until(f"{PAYMENTS}/{payment['id']}", lambda shown: shown["amount_disputed"] > 0)
    [dispute] = (await shop.get(f"/api/v1/disputes?payment={payment['id']}&status=needs_response"))["data"]
    assert (dispute["amount"], dispute["reason"], dispute["payment"]) == (199, "product_not_received", after["id"])
    assert await shop.get(f"/api/v1/disputes/{dispute['id']}") == dispute
    refused = await shop.post("/api/v1/refunds", {"payment": payment["id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_disputed")
    bearer = {"Authorization": f"Bearer {shop.key}"}
    assert (await shop.http.get(f"{shop.url}/api/v1/disputes/dispute_x", headers=bearer)).status_code == 404


async def test_a_payment_in_a_page_of_the_merchants_own_is_confirmed_over_http(shop: Shop) -> None:
    payment = await shop.open("hektor", checkout="embedded")
    answer = await shop.post(f"{PAYMENTS}/{payment['id']}/confirm", {})
    assert (answer.status_code, answer.json()["id"]) == (200, payment["id"])
    wrong = await shop.post(f"{PAYMENTS}/{payment['id']}/confirm", {"nonce": 5})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_field")


async def test_gateways_show_how_they_do_and_can_be_steered(shop: Shop) -> None:
    _, key = await issue(shop.till, "boss", scopes=["admin"])
    bearer = {"Authorization": f"Bearer {key}"}
    base = f"{shop.url}/api/v1/admin/gateways"

    async def post(path: str) -> httpx2.Response:
        return await shop.http.post(f"{base}/{path}", headers=bearer)

    await shop.open("iris")
    [shown] = (await shop.http.get(f"{base}/status", headers=bearer)).json()["data"]
    assert (shown["gateway"], shown["switch"], shown["breaker"]) == ("stripe", "on", "closed")
    assert shown["attempts"]["opened"] >= 1
    assert shown["attempts"]["latency_ms_p95"] >= 0

    wish = {"package": "credits_120", "currency": "EUR", "user": "iris"}
    assert (await post("stripe/drain")).json()["data"][0]["switch"] == "draining"
    refused = await shop.post(PAYMENTS, wish)
    assert (refused.status_code, refused.json()["code"]) == (503, "gateway_unavailable")
    assert (await post("stripe/enable")).status_code == 200
    assert (await shop.post(PAYMENTS, wish)).status_code == 201

    decided = {"fee_percentage_bps": 150, "fee_fixed": 0, "priority": 7}
    [configured] = (await shop.http.put(f"{base}/stripe/config", json=decided, headers=bearer)).json()["data"]
    assert {name: configured[name] for name in decided} == decided
    wrong = await shop.http.put(f"{base}/stripe/config", json={"fee_percentage_bps": 10_001}, headers=bearer)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_field")
    assert (await post("nowhere/enable")).status_code == 404
    assert (await shop.http.get(f"{base}/status", headers={"Authorization": f"Bearer {shop.key}"})).status_code == 403
    unset = {"fee_percentage_bps": None, "fee_fixed": None}
    assert (await shop.http.put(f"{base}/stripe/config", json=unset, headers=bearer)).status_code == 200


async def test_packages_list_what_is_for_sale_with_a_price_in_each_currency(shop: Shop) -> None:
    listed = await shop.get("/api/v1/packages")
    assert {package["id"]: package["prices"] for package in listed["data"]} == {
        package.id: dict(package.prices) for package in catalog.DEMO
    }
    assert (listed["has_more"], listed["next_cursor"]) == (False, None)


async def test_every_package_can_be_bought_in_every_currency_that_it_lists(shop: Shop) -> None:
    packages = (await shop.get("/api/v1/packages"))["data"]
    wishes = [(package["id"], currency) for package in packages for currency in package["prices"]]
    for package, currency in wishes:
        answer = await shop.post(PAYMENTS, {"package": package, "currency": currency, "user": "ira"})
        assert answer.status_code == 201, (package, currency, answer.text)


async def test_the_inbox_shows_the_webhooks_of_a_payment_and_how_often_each_came(shop: Shop) -> None:
    opened_ = await shop.open("jan")
    await shop.act(f"stripe/sessions/{opened_['gateway_reference']}/pay", {"copies": 3})
    path = f"/api/v1/inbox?payment={opened_['id']}"
    inbox = await shop.until(path, lambda shown: any(message["arrivals"] == 3 for message in shown["data"]))
    assert {message["payment"] for message in inbox["data"]} == {opened_["id"]}
    processed = await shop.get("/api/v1/inbox?status=processed&limit=100")
    assert {message["status"] for message in processed["data"]} == {"processed"}


async def test_the_trial_balance_balances_now_and_as_of_a_moment(shop: Shop) -> None:
    await shop.buy("kim")
    now = await shop.get("/api/v1/ledger/trial_balance")
    assert now["balanced"]
    assert {total["difference"] for total in now["totals"]} == {0}
    assert {"EUR", "CRD"} <= {total["currency"] for total in now["totals"]}
    before = await shop.get("/api/v1/ledger/trial_balance?as_of=2020-01-01T00:00:00Z")
    assert before["balanced"]
    assert sum(account["debits"] + account["credits"] for account in before["accounts"]) == 0


@pytest.mark.parametrize("path", [PAYMENTS, "/api/v1/inbox", "/api/v1/refunds"])
async def test_pages_hold_everything_once_also_when_rows_are_added_meanwhile(shop: Shop, path: str) -> None:
    for _ in range(3):
        payment = await shop.buy("leo")
        await shop.post("/api/v1/refunds", {"payment": payment["id"], "amount": 1})
    everything = [row["id"] for row in (await shop.get(f"{path}?limit=100"))["data"]][:9]
    seen, cursor = list[str](), ""
    while len(seen) < len(everything):
        page = await shop.get(f"{path}?limit=2{cursor}")
        seen += [row["id"] for row in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
        assert len(page["data"]) <= 2
        await shop.open("leo")  # a new row at the top moves no page
    assert seen[: len(everything)] == everything


async def test_payments_are_found_by_user_status_and_gateway(shop: Shop) -> None:
    paid, unpaid = await shop.buy("mia"), await shop.open("mia")
    for query, wanted in {
        "user=mia": [unpaid["id"], paid["id"]],
        "user=mia&status=succeeded": [paid["id"]],
        "user=mia&status=requires_action&gateway=stripe": [unpaid["id"]],
        "user=mia&gateway=paypal": [],
        "user=nobody-ever": [],
    }.items():
        found = await shop.get(f"{PAYMENTS}?{query}")
        assert [payment["id"] for payment in found["data"]] == wanted
        assert (found["has_more"], found["next_cursor"]) == (False, None)


async def test_payments_are_found_by_when_they_were_made(shop: Shop) -> None:
    made = [await shop.open("mira") for _ in range(3)]
    ids, times = ([payment[name] for payment in made] for name in ("id", "created_at"))
    for query, wanted in {
        f"created_after={times[1]}": [ids[2], ids[1]],
        f"created_before={times[2]}": [ids[1], ids[0]],
        f"created_after={times[1]}&created_before={times[2]}&status=requires_action": [ids[1]],
        f"created_after={times[0]}&status=succeeded": [],
    }.items():
        found = await shop.get(f"{PAYMENTS}?user=mira&{query}")
        assert [payment["id"] for payment in found["data"]] == wanted, query
    refused = await shop.http.get(
        f"{shop.url}{PAYMENTS}?created_after=yesterday", headers={"Authorization": f"Bearer {shop.key}"}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_field")


async def replay(shop: Shop, path: str, body: Json) -> tuple[httpx2.Response, httpx2.Response]:
    """Send the same request twice, the second time in other white space and order."""
    key = f"replayed-{next(numbers)}"
    first = await shop.post(path, body, key=key)
    backwards = "{ " + ",\n ".join(reversed([f'"{name}" : {_written(value)}' for name, value in body.items()])) + " }"
    headers = {"Authorization": f"Bearer {shop.key}", "Idempotency-Key": key, "Content-Type": "application/json"}
    return first, await shop.http.post(f"{shop.url}{path}", content=backwards, headers=headers)


def _written(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


async def test_a_repeated_request_gets_the_first_answer_to_the_byte(shop: Shop) -> None:
    bought = await shop.buy("nia")
    for path, body in {
        PAYMENTS: {"package": "credits_120", "currency": "EUR", "user": "nia"},
        "/api/v1/refunds": {"payment": bought["id"], "amount": 50},
        "/api/v1/users/nia/wallet/spend": {"amount": 5, "reason": "a song"},
    }.items():
        first, again = await replay(shop, path, body)
        assert first.status_code == again.status_code, again.text
        assert first.content == again.content
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert first.headers["request-id"] != again.headers["request-id"]


async def test_another_request_under_the_same_key_is_refused_and_changes_nothing(shop: Shop) -> None:
    first = await shop.open("oda", key="used for oda")
    for path, body in (
        (PAYMENTS, {"package": "credits_300", "currency": "EUR", "user": "oda"}),
        ("/api/v1/refunds", {"payment": first["id"]}),
    ):
        answer = await shop.post(path, body, key="used for oda")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await shop.get(f"{PAYMENTS}?user=oda"))["data"]) == 1


async def test_50_requests_at_once_with_one_key_make_one_payment(shop: Shop) -> None:
    wish = {"package": "credits_120", "currency": "EUR", "user": "pia"}
    answers = await asyncio.gather(*(shop.post(PAYMENTS, wish, key="fifty") for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json()["code"] for answer in waiting} <= {"idempotency_in_progress"}
    assert all(answer.headers["retry-after"] for answer in waiting)
    assert len((await shop.get(f"{PAYMENTS}?user=pia"))["data"]) == 1
    books = await shop.http.get(f"{shop.sandbox}/_control/books/stripe")
    ours = [line for line in books.json()["payment_intents"] if line["metadata"].get("payment") == made[0].json()["id"]]
    assert len(ours) <= 1


async def test_a_decline_can_be_tried_again_on_the_same_page(shop: Shop) -> None:
    payment = await shop.open("quin")
    session = payment["gateway_reference"]
    await shop.act(f"stripe/sessions/{session}/decline", {"code": "insufficient_funds"})
    declined = await shop.until(f"{PAYMENTS}/{payment['id']}", lambda shown: bool(shown["last_error"]))
    assert (declined["status"], declined["last_error"]["code"]) == ("requires_action", "insufficient_funds")
    await shop.act(f"stripe/sessions/{session}/pay")
    await shop.until(f"{PAYMENTS}/{payment['id']}", lambda shown: shown["status"] == "succeeded")


@pytest.mark.usefixtures("own_log")
@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc_DEF-123", True), ("x" * 64, True), ("short", False), ("x" * 65, False), ("with space1", False), ("", False)],
)
async def test_a_correlation_id_is_kept_when_it_has_the_right_shape(
    front: Front, capfd: pytest.CaptureFixture[str], given: str, *, kept: bool
) -> None:
    answer = await front.call("GET", "/api/v1/packages", **{"X-Correlation-Id": given})
    line = as_json(capfd.readouterr().err)[-1]
    assert (line["event"], line["path"], line["status"]) == ("request", "/api/v1/packages", 200)
    assert line["correlation_id"] == (given if kept else answer.headers["request-id"])
    assert line["request_id"] == answer.headers["request-id"]


async def test_every_answer_has_an_id_of_its_own_and_forbids_sniffing(front: Front) -> None:
    answers = [await front.call("GET", path) for path in ("/health", "/docs", "/nowhere", "/openapi.json", PAYMENTS)]
    assert len({answer.headers["request-id"] for answer in answers}) == len(answers)
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}


async def test_in_maintenance_only_new_payments_wait(database_url: str, databases: Databases, database: str) -> None:
    till = await open_till(database_url, MAINTENANCE_MODE="1")
    transport = httpx2.ASGITransport(app=build(till))
    async with httpx2.AsyncClient(transport=transport, base_url="http://till.test") as http:
        front = Front(till, build(till), http, None)  # type: ignore[arg-type]  # nobody looks into the tables here
        _, front.keys["write"] = await issue(till, "write", scopes=["write"])
        wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
        answer = await front.call("POST", PAYMENTS, wish)
        assert (answer.status_code, answer.json()["code"]) == (503, "maintenance")
        assert int(answer.headers["retry-after"]) > 0
        spend = await front.call("POST", "/api/v1/users/ana/wallet/spend", {"amount": 1, "reason": "x"})
        assert spend.status_code == 402
        assert (await front.call("GET", PAYMENTS)).status_code == 200
        assert (await front.call("GET", "/ready")).status_code == 200
    await till.close()
    assert databases.app_url(database) == database_url


async def test_health_needs_nothing_and_ready_needs_a_migrated_database(databases: Databases) -> None:
    name = f"empty_{os.getpid()}"
    databases.create(name)
    configured = environment(databases.app_url(name))
    till = await Till.open(Settings.model_validate(configured), secrets=Secrets(configured))
    transport = httpx2.ASGITransport(app=build(till))
    async with httpx2.AsyncClient(transport=transport, base_url="http://till.test") as http:
        assert (await http.get("/health")).json() == {"status": "alive"}
        for path in ("/ready", "/api/v1/payments/health"):
            ready = await http.get(path)
            assert (ready.status_code, ready.json()["code"]) == (503, "database_unavailable")
            assert readiness.REVISION in ready.json()["detail"]
    await till.close()
    databases.drop(name)


async def test_whoever_is_older_than_the_database_still_serves_while_the_others_are_upgraded(
    front: Front, databases: Databases, database: str
) -> None:
    databases.run("UPDATE alembic_version SET version_num = '9999'", database=database)
    assert (await front.call("GET", "/ready", key="")).status_code == 200


async def test_ready_says_the_mode_and_looks_at_nothing_that_waits(
    front: Front, databases: Databases, database: str
) -> None:
    owner = await asyncpg.connect(databases.owner_url(database))
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE inbox_message, operation, late_delivery, late_revocation")
            for path in ("/ready", "/api/v1/payments/health"):
                answer = await asyncio.wait_for(front.call("GET", path, key=""), timeout=10)
                assert (answer.status_code, answer.json()) == (200, {"status": "ready", "mode": "sandbox"})
    finally:
        await owner.close()


def test_the_revision_that_ready_asks_for_is_the_last_migration() -> None:
    files = sorted((Path(migrations.FOLDER) / "versions").glob("[0-9]*.py"))
    assert files[-1].name.partition("_")[0] == readiness.REVISION


async def test_an_authorised_payment_is_captured_once_and_in_part(shop: Shop) -> None:
    payment = await shop.open("ivy", capture_method="manual")
    await shop.act(f"stripe/sessions/{payment['gateway_reference']}/pay")
    at = f"{PAYMENTS}/{payment['id']}"
    await shop.until(at, lambda shown: shown["status"] == "requires_capture")
    assert (await shop.get("/api/v1/users/ivy/wallet"))["balance"] == 0

    captured = await shop.post(f"{at}/capture", {"amount": 150})

    assert (captured.status_code, captured.json()["amount_captured"]) == (200, 150)
    again = await shop.post(f"{at}/capture", {})
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")
    assert (await shop.get("/api/v1/users/ivy/wallet"))["balance"] == 120


async def test_the_gateway_is_asked_about_a_payment_as_often_as_one_likes(shop: Shop) -> None:
    payment = await shop.buy("sia")
    for _ in range(2):
        answer = await shop.post(f"{PAYMENTS}/{payment['id']}/sync", {})
        assert (answer.status_code, answer.json()) == (200, payment)
    unasked = await shop.http.post(f"{shop.url}{PAYMENTS}/{payment['id']}/sync")
    assert unasked.status_code == 401


async def test_a_gateway_that_cannot_be_asked_about_a_payment_is_unavailable(front: Front) -> None:
    missing = await front.call("POST", f"{PAYMENTS}/payment_01h455vb4pex5vsknk084sn02q/sync")
    assert missing.status_code == 404
    refused = await front.call("POST", PAYMENTS, {"package": "credits_120", "user": "tom"})
    assert refused.status_code == 503
    [payment] = (await front.call("GET", f"{PAYMENTS}?user=tom")).json()["data"]
    answer = await front.call("POST", f"{PAYMENTS}/{payment['id']}/sync")
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unavailable")
    assert "Nothing was changed" in answer.json()["next_step"]
    assert (await front.call("GET", f"{PAYMENTS}/{payment['id']}")).json() == payment


async def test_an_open_checkout_is_canceled(shop: Shop) -> None:
    payment = await shop.open("jon")

    canceled = await shop.post(f"{PAYMENTS}/{payment['id']}/cancel", {})

    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")


async def test_an_embedded_checkout_gives_the_page_what_it_needs(shop: Shop) -> None:
    payment = await shop.open("kim", checkout="embedded")

    assert payment["checkout"] == "embedded"
    assert payment["next_action"]["type"] == "client"
    assert payment["next_action"]["client_secret"].startswith("cs_")


async def test_a_webhook_is_replayed_and_ignored_only_with_an_admin_key(shop: Shop) -> None:
    payment = await shop.buy("lea")
    message = (await shop.get(f"/api/v1/inbox?payment={payment['id']}"))["data"][0]["id"]
    refused = await shop.post(f"/api/v1/inbox/{message}/replay", {})
    _, admin = await issue(shop.till, "admin", scopes=["admin"])
    bearer = {"Authorization": f"Bearer {admin}"}

    replayed = await shop.post(f"/api/v1/inbox/{message}/replay", {}, **bearer)
    ignored = await shop.post(f"/api/v1/inbox/{message}/ignore", {"reason": "a test"}, **bearer)
    several = await shop.post("/api/v1/inbox/replay", {"statuses": ["dead"], "since": "2026-01-01T00:00:00Z"}, **bearer)

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (replayed.status_code, ignored.json()["status"]) == (200, "ignored")
    assert several.json() == {"replayed": 0}
    assert (await shop.get("/api/v1/users/lea/wallet"))["balance"] == 120


async def test_a_users_cards_are_listed_and_nobody_has_any_before_buying(shop: Shop) -> None:
    assert (await shop.get("/api/v1/users/mia/cards"))["data"] == []


async def test_what_is_told_of_a_purchase_and_its_refund_fits_the_description_of_its_type(shop: Shop) -> None:
    payment = await shop.buy("eve")
    refunded = await shop.post("/api/v1/refunds", {"payment": payment["id"], "amount": 99})
    assert refunded.status_code == 201
    wanted = {"payment.succeeded", "fulfilment.delivered", "refund.created", "fulfilment.revoked", "refund.succeeded"}
    path = f"/api/v1/events?payment={payment['id']}&order=asc"
    told = await shop.until(path, lambda page: wanted <= {event["type"] for event in page["data"]})
    spec = (await shop.http.get(f"{shop.url}/openapi.json")).json()
    for event in told["data"]:
        announced(spec, event["type"]).validate({name: event[name] for name in ("type", "timestamp", "data")})
    assert [event["sequence"] for event in told["data"]] == sorted(event["sequence"] for event in told["data"])
