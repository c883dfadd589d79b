"""Whatever one of the merchant's people changes over HTTP is in the audit log, with the request that it came in."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from tests.web.access_table import TABLE
from tests.web.audit_table import AUDITED, UNSEEN
from tests.web.conftest import TEMPLATE, Json, token
from tests.web.people import code_of
from tests.web.running import Shop, numbers, opened

from tillkeeper import catalog
from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.employ import employ
from tillkeeper.flows.offer import offer
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.fulfilment import packs
from tillkeeper.kernel import clock
from tillkeeper.ops.embedded_postgres import Databases

API = "/api/v1"
EMAIL = "boss@example.com"
NEW = "a longer one than before"
HEADER = "balance_transaction_id,created_utc,reporting_category,currency,gross,fee,net,source_id\n"
DOUBTFUL = {
    "id": "amount_large",
    "fact": "amount",
    "operator": "more_than",
    "value": 4_000,
    "score": 40,
    "reason": "a large amount",
}
EVENTS = {"url": "http://127.0.0.1:65535/in"}
PRIVATE = {"TILL_WEBHOOKS_ALLOW_PRIVATE": "1"}
patience_seconds = 20


@dataclass
class Desk:
    """Work as an admin does whose browser is signed in, and note under which request each thing was done."""

    shop: Shop
    password: str
    cookie: str = ""
    form_token: str = ""
    done: dict[str, str] = field(default_factory=dict)

    async def do(self, route: str, body: Json | None = None, *, sent: bytes | None = None, **named: str) -> Any:
        """Use a route, which must succeed; return what it answers."""
        method, _, path = route.partition(" ")
        query = named.pop("query", "")
        headers = {
            "Cookie": self.cookie,
            "X-CSRF-Token": self.form_token,
            "Idempotency-Key": f"desk-{next(numbers)}",
            "Content-Type": "text/csv" if sent else "application/json",
        }
        url = f"{self.shop.url}{path.format(**named)}{query}"
        json = {"content": sent} if sent else {} if method == "DELETE" else {"json": body or {}}
        answer: httpx2.Response = await self.shop.http.request(method, url, headers=headers, **json)
        assert answer.is_success, (route, answer.text)
        self.done[route] = answer.headers["request-id"]
        if "set-cookie" in answer.headers and answer.content:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
            self.form_token = answer.json()["csrf_token"]
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
async def owner(databases: Databases) -> AsyncIterator[str]:
    """Lend a database."""
    name = f"audited_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    yield name
    databases.drop(name)


@pytest.fixture(scope="module")
async def shop(owner: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for the file, with the key of an admin."""
    async with opened(databases.app_url(owner), tmp_path_factory.mktemp("books"), **PRIVATE) as shop:
        _, key = await issue(shop.till, "boss", scopes=["admin"])
        yield Shop(shop.till, shop.url, shop.sandbox, key, shop.http)


@pytest.fixture(scope="module")
async def desk(shop: Shop) -> Desk:
    """Take an admin in who has not signed in yet."""
    _, password = await employ(shop.till, EMAIL, role=Role.ADMIN)
    return Desk(shop, password)


async def prove_who_one_is(desk: Desk) -> None:
    proof = {"password": desk.password}
    await desk.do(f"POST {API}/session", proof | {"email": EMAIL})
    await desk.do(f"POST {API}/session/proof", proof)
    await desk.do(f"PUT {API}/session/password", proof | {"new_password": NEW})
    secret = (await desk.do(f"POST {API}/session/second_factor"))["secret"]
    await desk.do(f"POST {API}/session/second_factor/confirm", {"code": code_of(secret)})


async def sell(desk: Desk) -> None:
    shop = desk.shop
    customer = (await desk.do(f"POST {API}/customers", {"external_id": "ana"}))["id"]
    wish = {"package": "credits_120", "currency": "EUR", "user": "ana", "customer": customer}
    manual = await desk.do(f"POST {API}/payments", wish | {"capture_method": "manual"})
    await shop.act(f"stripe/sessions/{manual['gateway_reference']}/pay")
    await shop.until(f"{API}/payments/{manual['id']}", lambda shown: shown["status"] == "requires_capture")
    await desk.do(f"POST {API}/payments/{{payment}}/capture", {"amount": 100}, payment=manual["id"])
    await desk.do(f"POST {API}/payments/{{payment}}/cancel", payment=(await shop.open("ana"))["id"])
    await desk.do(f"POST {API}/users/{{user}}/wallet/spend", {"amount": 1, "reason": "by phone"}, user="ana")
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    await shop.buy("ida", package="pack_black")
    card = (await shop.get(f"{API}/users/ida/cards"))["data"][0]["id"]
    await desk.do(f"POST {API}/users/{{user}}/cards/{{card}}/use", user="ida", card=card)


async def review(desk: Desk) -> None:
    shop = desk.shop
    await desk.do(f"PUT {API}/admin/risk/rules", {"rules": [DOUBTFUL]})
    for verdict in ("approve", "reject"):
        held = await shop.open("cleo", package="credits_600", currency="INR")
        await shop.act(f"stripe/sessions/{held['gateway_reference']}/pay")
        await shop.until(f"{API}/payments/{held['id']}", lambda shown: shown["status"] == "in_review")
        await desk.do(f"POST {API}/payments/{{payment}}/{verdict}", {"reason": "a test"}, payment=held["id"])
    listed = await desk.do(
        f"POST {API}/admin/risk/lists", {"side": "block", "trait": "user", "value": "mallory", "note": "a test"}
    )
    await desk.do(f"DELETE {API}/admin/risk/lists/{{entry}}", entry=listed["data"][0]["id"])


async def give_back(desk: Desk) -> None:
    shop = desk.shop
    paid = [(await shop.buy("dora"))["id"] for _ in range(4)]
    await desk.do(f"POST {API}/refunds", {"payment": paid[0], "amount": 10})
    asked = {"reason_code": "other"}
    await desk.do(f"POST {API}/refund_requests", asked | {"payment": paid[1]})
    await desk.do(f"POST {API}/refund_requests/bulk", asked | {"payments": [paid[2]]})
    await desk.do(f"PUT {API}/refund_policies", {"auto_approve_units": 0})
    for verdict, amount in (("approve", 10), ("reject", 20)):
        wish = asked | {"payment": paid[3], "amount": amount}
        request = (await shop.post(f"{API}/refund_requests", wish)).json()["id"]
        path = f"POST {API}/refund_requests/{{refund_request}}/{verdict}"
        await desk.do(path, {"reason": "a test"} if verdict == "reject" else {}, refund_request=request)


async def give_up_a_refund(desk: Desk, connection: asyncpg.Connection) -> None:
    """End a refund of which nobody could find out whether it was made, because its key is older than the gateway's."""
    shop = desk.shop
    paid = await shop.buy("gus")
    await turn(shop, error_before_percent=100, only_paths=["/v1/refunds"], only_methods=["POST"])
    refund = (await shop.post(f"{API}/refunds", {"payment": paid["id"]})).json()
    await turn(shop, error_before_percent=0)
    await connection.execute(
        "UPDATE operation SET created_at = now() - interval '25 hours', due_at = now(), lease_until = now()"
        " WHERE kind = 'refund' AND state = 'asked'"
    )
    async with asyncio.timeout(patience_seconds):
        count = "SELECT count(*) FROM operation WHERE state = 'given_up'"
        while not await connection.fetchval(count):  # noqa: ASYNC110 (the worker is waited for)
            await asyncio.sleep(0.1)
    await desk.do(f"POST {API}/refunds/{{refund}}/fail", {"reason": "a person has looked"}, refund=refund["id"])


async def have_goods_tried_again(desk: Desk, connection: asyncpg.Connection) -> None:
    """Sell what cannot be handed over until it is asked for once more."""
    shop = desk.shop
    opened_ = await shop.open("iris")
    await connection.execute(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$"
    )
    await connection.execute("CREATE TRIGGER spoil BEFORE INSERT ON credit_lot FOR EACH ROW EXECUTE FUNCTION spoil()")
    await shop.act(f"stripe/sessions/{opened_['gateway_reference']}/pay")
    await shop.until(f"{API}/payments/{opened_['id']}", lambda shown: "reason" in shown["fulfilment"])
    await connection.execute("DROP TRIGGER spoil ON credit_lot")
    tried = await desk.do(f"POST {API}/payments/{{payment}}/fulfil", payment=opened_["id"])
    assert tried["fulfilment"]["status"] == "delivered"
    await desk.do(f"POST {API}/payments/{{payment}}/notes", {"text": "she had waited"}, payment=opened_["id"])


async def turn(shop: Shop, **wanted: object) -> None:
    """Turn the dial of faults."""
    assert (await shop.http.put(f"{shop.sandbox}/_control/faults", json=wanted)).is_success


async def adjust(desk: Desk) -> None:
    shop = desk.shop
    change = {"amount": 5, "reason": "an apology"}
    for what in ("grant", "take"):
        await desk.do(f"POST {API}/users/{{user}}/wallet/{what}", change, user="ana")
    paid = await shop.buy("finn")
    assert (await shop.post(f"{API}/users/finn/wallet/spend", {"amount": 120, "reason": "a game"})).is_success
    await shop.act("stripe/refunds", {"payment_intent": paid["gateway_reference"]})
    await shop.until(f"{API}/users/finn/wallet", lambda shown: shown["debt"] > 0)
    await desk.do(f"POST {API}/users/{{user}}/wallet/write_off", {"reason": "bad luck"}, user="finn")


async def dispute(desk: Desk) -> None:
    shop = desk.shop
    for verb in ("evidence", "accept"):
        paid = await shop.buy("hal")
        await shop.act("stripe/disputes", {"payment_intent": paid["gateway_reference"]})
        page = await shop.until(f"{API}/disputes?payment={paid['id']}", lambda page: bool(page["data"]))
        await desk.do(f"POST {API}/disputes/{{dispute}}/{verb}", dispute=page["data"][0]["id"])


async def keep_books(desk: Desk) -> None:
    shop = desk.shop
    line = f"txn_x,{clock.now() - timedelta(days=3):%Y-%m-%d %H:%M:%S},charge,eur,10.00,0.00,10.00,ch_x"
    await desk.do(f"POST {API}/settlements/import", sent=f"{HEADER}{line}\n".encode(), query="?gateway=stripe")
    await desk.do(f"POST {API}/reconciliation/runs", {"gateway": "stripe"})
    while await reconcile(shop.till):
        pass
    found = await shop.get(f"{API}/reconciliation/discrepancies?status=open&kind=missing_internal")
    route = f"POST {API}/reconciliation/discrepancies/{{discrepancy}}/resolve"
    await desk.do(route, {"reason": "a gift"}, discrepancy=found["data"][0]["id"])


async def mend_the_plumbing(desk: Desk) -> None:
    shop = desk.shop
    message = (await shop.get(f"{API}/inbox?limit=1"))["data"][0]["id"]
    await desk.do(f"POST {API}/inbox/{{message}}/replay", message=message)
    await shop.until(f"{API}/inbox?limit=1", lambda page: page["data"][0]["status"] == "processed")
    await desk.do(f"POST {API}/inbox/{{message}}/ignore", {"reason": "a test"}, message=message)
    await desk.do(f"POST {API}/inbox/replay", {"statuses": ["dead"]})
    endpoint = (await desk.do(f"POST {API}/webhook_endpoints", EVENTS))["id"]
    route = f"{API}/webhook_endpoints/{{endpoint}}"
    await desk.do(f"PATCH {route}", {"description": "changed"}, endpoint=endpoint)
    await desk.do(f"POST {route}/test", endpoint=endpoint)
    await shop.open("ana")
    page = await shop.until(f"{API}/deliveries?limit=1", lambda page: bool(page["data"] and page["data"][0]["tries"]))
    await desk.do(f"POST {API}/deliveries/{{delivery}}/resend", delivery=page["data"][0]["id"])
    await desk.do(f"POST {route}/rotate", endpoint=endpoint)
    await desk.do(f"POST {route}/recover", {"since": "2026-01-01T00:00:00Z"}, endpoint=endpoint)
    await desk.do(f"DELETE {route}", endpoint=endpoint)
    for what in ("drain", "disable", "enable"):
        await desk.do(f"POST {API}/admin/gateways/{{gateway}}/{what}", gateway="stripe")
    await desk.do(f"PUT {API}/admin/gateways/{{gateway}}/config", {"priority": 7}, gateway="stripe")


async def rule(desk: Desk) -> None:
    shop = desk.shop
    package = {"kind": "credits", "title": "One credit", "quantity": 1, "prices": {"EUR": 100}}
    await desk.do(f"POST {API}/packages", package | {"id": "credits_1"})
    await desk.do(f"PUT {API}/packages/{{package}}", package | {"prices": {"EUR": 110}}, package="credits_1")
    made = await desk.do(f"POST {API}/admin/keys", {"name": "x", "scopes": ["read"]})
    await desk.do(f"POST {API}/admin/keys/{{key}}/revoke", key=made["id"])
    await shop.buy("zoe")
    await desk.do(f"POST {API}/users/{{user}}/erase", {"reason": "asked for it"}, user="zoe")
    for active in (True, False):
        await desk.do(f"PUT {API}/admin/maintenance", {"active": active})
    await desk.do(f"DELETE {API}/session")


def test_every_change_over_http_is_audited_or_says_why_not() -> None:
    changes = {route for route in TABLE if route.partition(" ")[0] in {"POST", "PUT", "PATCH", "DELETE"}}
    assert AUDITED.keys() | UNSEEN.keys() == changes
    assert AUDITED.keys() & UNSEEN.keys() == set()


@pytest.mark.timeout(240)
async def test_whatever_a_person_changes_is_in_the_audit_log(desk: Desk, databases: Databases, owner: str) -> None:
    connection = await asyncpg.connect(databases.owner_url(owner))
    await prove_who_one_is(desk)
    for work in (sell, give_back, adjust, dispute, keep_books, mend_the_plumbing, review):
        await work(desk)
    await have_goods_tried_again(desk, connection)
    await give_up_a_refund(desk, connection)
    await rule(desk)

    rows = await connection.fetch("SELECT request, action, actor_name FROM audit_entry WHERE request IS NOT NULL")
    await connection.close()
    written = {row["request"]: row for row in rows}
    assert AUDITED.keys() - desk.done.keys() == set(), "these were never tried"
    found = {route: written.get(desk.done[route]) for route in AUDITED}
    assert {route: row and row["action"] for route, row in found.items()} == AUDITED
    assert {row["actor_name"] for row in found.values() if row} == {EMAIL}


async def test_the_everyday_business_of_programs_and_buyers_fills_no_audit_log(shop: Shop) -> None:
    buyer = Shop(shop.till, shop.url, shop.sandbox, token("ana"), shop.http)
    wish = {"package": "credits_120", "currency": "EUR"}
    answers = [
        await shop.post(f"{API}/payments", wish | {"user": "kim"}),
        await shop.post(f"{API}/customers", {"external_id": "kim"}),
        await buyer.post(f"{API}/payments", wish),
    ]
    opened_ = answers[-1].json()["id"]
    answers.append(await buyer.post(f"{API}/payments/{opened_}/cancel", {}))
    assert all(answer.is_success for answer in answers)
    requests = {answer.headers["request-id"] for answer in answers}
    listed = (await shop.get(f"{API}/admin/audit?limit=100"))["data"]
    assert not requests & {entry["request"] for entry in listed}
