"""A gateway hears of a customer when it first opens a checkout for one, and never costs the payment."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import structlog

from tillkeeper.customers import Profile
from tillkeeper.flows.register import register
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError

CUSTOMERS = "POST /v1/customers"
SESSIONS = "POST /v1/checkout/sessions"


@pytest.fixture
async def ana(shop: Any) -> UUID:
    """Register a customer."""
    shown, _ = await register(shop.till, Profile(email="ana@shop.test", name="Ana Lovelace"))
    return ids.parse("customer", str(shown["id"]))


async def session_of(shop: Any, payment: dict[str, Any]) -> Any:
    path = f"{shop.line.sandbox}/stripe/v1/checkout/sessions/{payment['gateway_reference']}"
    return (await shop.http.get(path, headers={"Authorization": "Bearer sk_test_flows"})).json()


async def linked(shop: Any) -> list[str]:
    return [row["reference"] for row in await shop.owner.fetch("SELECT reference FROM customer_link")]


async def test_a_payment_shows_its_customer_and_the_gateway_knows_who_pays(shop: Any, ana: UUID) -> None:
    payment = await shop.opened(customer=ana)
    assert payment["customer"] == ids.text("customer", ana)
    [called] = await linked(shop)
    session = await session_of(shop, payment)
    assert (session["customer"], session["customer_details"]["email"]) == (called, "ana@shop.test")
    assert shop.line.keys[0] == f"{ids.text('customer', ana)}_stripe"


async def test_the_gateway_is_told_of_a_customer_once_however_many_payments_there_are(shop: Any, ana: UUID) -> None:
    payments = [await shop.opened(customer=ana) for _ in range(3)]
    assert await shop.asked(CUSTOMERS) == 1
    [called] = await linked(shop)
    assert {(await session_of(shop, payment))["customer"] for payment in payments} == {called}


async def test_five_payments_at_once_make_one_customer_at_the_gateway(shop: Any, ana: UUID) -> None:
    payments = await asyncio.gather(*(shop.opened(customer=ana) for _ in range(5)))
    assert {payment["status"] for payment in payments} == {"requires_action"}
    [called] = await linked(shop)
    assert await shop.asked(CUSTOMERS) == 1
    assert {(await session_of(shop, payment))["customer"] for payment in payments} <= {called, None}


@pytest.mark.usefixtures("ana")
async def test_nobody_is_introduced_for_a_payment_without_a_customer(shop: Any) -> None:
    payment = await shop.opened()
    assert payment["customer"] is None
    assert await shop.asked(CUSTOMERS) == 0


@pytest.mark.parametrize("fault", ["cut", "lost", "broken", "busy"])
async def test_a_customer_whom_the_gateway_will_not_take_pays_as_a_stranger_and_the_log_says_so(
    shop: Any, ana: UUID, fault: str
) -> None:
    shop.line.faults["/v1/customers"] = fault
    with structlog.testing.capture_logs() as logged:
        payment = await shop.opened(customer=ana)
    assert payment["status"] == "requires_action"
    assert (await session_of(shop, payment))["customer"] is None
    [line] = [line for line in logged if line["event"] == "customer_not_made_known"]
    assert line["customer"] == payment["customer"]
    assert "ana@" not in str(logged)
    assert "Lovelace" not in str(logged)

    shop.line.faults.clear()
    later = await shop.opened(customer=ana)
    assert (await session_of(shop, later))["customer"] == (await linked(shop))[0]
    books = await shop.books()
    assert books["calls"][CUSTOMERS]["calls"] - books["calls"][CUSTOMERS]["replayed"] == 1


async def test_a_checkout_that_is_told_again_says_the_same_of_its_customer(shop: Any, ana: UUID) -> None:
    """Stripe refuses a key that comes back with other words, and then nobody would know what it did."""
    shop.line.faults = {"/v1/customers": "busy", SESSIONS.removeprefix("POST "): "cut"}
    unclear = await shop.create(customer=ana)
    assert unclear.status == 202
    shop.line.faults.clear()
    await shop.opened(customer=ana)  # by now the gateway knows the customer

    await shop.operate()
    await shop.operate()

    shown = await shop.show(unclear.body)
    assert shown["status"] == "requires_action"
    assert (await session_of(shop, shown))["customer"] is None


async def test_a_customer_who_does_not_exist_is_refused_before_anything_is_stored(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await shop.create(customer=ids.new())
    assert await shop.count("payment") == 0


async def test_a_capture_for_a_customer_is_delivered_like_any_other(shop: Any, ana: UUID) -> None:
    payment = await shop.paid(customer=ana)
    assert payment["customer"] == ids.text("customer", ana)
    assert await shop.wallet() == (120, 0)
    assert await shop.count("posting JOIN account ON account.id = debit_id", f"code LIKE '%{ana}%'") == 0
