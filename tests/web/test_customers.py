"""Customers over HTTP: created or found, shown on payments, and named in no log."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.web.conftest import TEMPLATE, Front, Json
from tests.web.running import Shop, numbers, opened

from tillkeeper.ops.embedded_postgres import Databases

CUSTOMERS = "/api/v1/customers"
CANARY = "canary.7f3a9c@shop.test"
NAME = "Canaria Lovelace"


@pytest.fixture(scope="module")
async def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for all tests of this file."""
    name = f"customers_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("sandbox")) as shop:
        yield shop
    databases.drop(name)


async def test_a_customer_is_created_once_and_then_found(front: Front) -> None:
    wish = {"email": "bea@shop.test", "name": "Bea", "external_id": "bea-1"}
    first = await front.call("POST", CUSTOMERS, wish)
    again = await front.call("POST", CUSTOMERS, wish)
    assert (first.status_code, again.status_code) == (201, 200)
    shown = first.json()
    assert again.json() == shown
    assert shown["id"].startswith("customer_")
    assert {name: shown[name] for name in wish} == wish
    assert (await front.call("GET", f"{CUSTOMERS}/{shown['id']}")).json() == shown


async def test_twenty_requests_at_once_get_the_same_customer(front: Front) -> None:
    answers = await asyncio.gather(*(front.call("POST", CUSTOMERS, {"email": "cleo@shop.test"}) for _ in range(20)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]


async def test_customers_are_listed_newest_first_in_pages(front: Front) -> None:
    made = [(await front.call("POST", CUSTOMERS, {"external_id": f"paged-{n}"})).json()["id"] for n in range(5)]
    seen, cursor = list[str](), ""
    for _ in range(3):
        page = (await front.call("GET", f"{CUSTOMERS}?limit=2{cursor}")).json()
        seen += [customer["id"] for customer in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen[:5] == made[::-1]


async def test_a_payment_names_its_customer_and_the_gateway_gets_to_know_them(shop: Shop) -> None:
    customer: Any = (await shop.post(CUSTOMERS, {"email": "dora@shop.test"})).json()
    payment = await shop.open("dora", customer=customer["id"])
    assert payment["customer"] == customer["id"]
    known = await shop.get(f"{CUSTOMERS}/{customer['id']}")
    assert known["gateways"]["stripe"].startswith("cus_")


async def test_fifty_first_purchases_of_one_user_at_once_are_fifty_payments_of_one_customer(shop: Shop) -> None:
    async def buy(number: int) -> Json:
        """Buy as a server does that has never heard of this user."""
        wish = {"external_id": "fay", "email": "fay@shop.test"}
        customer = (await shop.post(CUSTOMERS, wish)).json()["id"]
        return await shop.open("fay", customer=customer, key=f"first purchase {number}", gateway="stripe")

    bought = await asyncio.gather(*(buy(number) for number in range(50)))

    assert len({payment["id"] for payment in bought}) == 50
    [customer] = {payment["customer"] for payment in bought}
    listed = (await shop.get(f"{CUSTOMERS}?limit=100"))["data"]
    assert [each["id"] for each in listed if each["external_id"] == "fay"] == [customer]
    async with shop.till.db.transaction(read_only=True) as tx:
        assert await tx.fetchval("SELECT count(*) FROM end_user WHERE name = 'fay'") == 1
        links = [row["reference"] for row in await tx.fetch("SELECT reference FROM customer_link")]
    called = (await shop.get(f"{CUSTOMERS}/{customer}"))["gateways"]["stripe"]
    assert links.count(called) == 1
    sessions = await asyncio.gather(*(session_of(shop, payment) for payment in bought))
    # Whoever came while the gateway was still being told pays as a stranger there, and as Fay here.
    assert {session["customer"] for session in sessions} - {None} == {called}
    known = (await at_gateway(shop, "customers?email=fay%40shop.test"))["data"]
    assert [each["id"] for each in known] == [called]


async def session_of(shop: Shop, payment: Json) -> Json:
    """Ask the gateway what it knows of a checkout."""
    return await at_gateway(shop, f"checkout/sessions/{payment['gateway_reference']}")


async def at_gateway(shop: Shop, path: str) -> Json:
    """Ask the gateway what it knows."""
    headers = {"Authorization": "Bearer sk_test_web_tests"}
    found: Json = (await shop.http.get(f"{shop.sandbox}/stripe/v1/{path}", headers=headers)).json()
    return found


@pytest.mark.usefixtures("own_log")
async def test_no_log_names_a_customer_and_neither_do_the_books(
    front: Front, capfd: pytest.CaptureFixture[str]
) -> None:
    wish = {"email": CANARY, "name": NAME}
    customer: Any = (await front.call("POST", CUSTOMERS, wish)).json()
    payment = {"package": "credits_120", "user": "eve", "customer": customer["id"]}
    answers = [
        await front.call("POST", "/api/v1/payments", payment),  # this gateway cannot be reached
        await front.call("POST", CUSTOMERS, wish | {"nickname": CANARY}),
        await front.call("POST", CUSTOMERS, {"email": f"{CANARY} "}),
        await front.call("GET", f"/api/v1/users/{CANARY}/wallet"),
        await front.call("GET", f"{CUSTOMERS}?cursor={CANARY.replace('@', '%40')}"),
    ]
    assert [answer.status_code for answer in answers] == [503, 422, 422, 200, 422]
    said = capfd.readouterr().err
    assert "customer_not_made_known" in said
    assert [name for name in (CANARY, CANARY.replace("@", "%40"), NAME, "canary.7f3a9c") if name in said] == []
    holders = await front.owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = {
        table
        for (table,) in holders
        if await front.owner.fetchval(f"SELECT count(*) FROM {table} AS t WHERE to_jsonb(t)::text ~ $1", CANARY)
    }
    assert found == {"customer"}
