"""A payment goes on elsewhere when a gateway certainly did nothing, and waits where nobody knows."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.conftest import SECRETS, uuid_of
from tests.flows.test_route import Named

from tillkeeper import customers, routing
from tillkeeper.customers import Profile
from tillkeeper.flows.register import register
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.gateways.stripe.adapter import Stripe
from tillkeeper.kernel import ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.routing import GatewayState

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def two(shop: Any) -> Any:
    """Lend the shop a till whose preferred gateway cannot be reached."""
    dead = Stripe(Secrets(SECRETS), base=NOBODY)
    gateways = {"dead": Named(dead, "dead"), "stripe": shop.till.gateways["stripe"]}
    shop.till = replace(shop.till, gateways=gateways)
    async with shop.till.db.transaction() as tx:
        await routing.configure(tx, GatewayState(gateway="dead", priority=1))
    yield shop
    await dead.close()


async def test_a_payment_goes_on_at_the_next_gateway_when_the_first_cannot_be_reached(two: Any) -> None:
    payment = await two.paid()
    assert payment["gateway"] == "stripe"
    tried = await two.owner.fetch("SELECT gateway, outcome FROM attempt ORDER BY ordinal")
    assert [tuple(row) for row in tried] == [("dead", "refused"), ("stripe", "opened")]
    history = await two.owner.fetch("SELECT reason FROM payment_change WHERE cause = 'routing'")
    assert [row["reason"] for row in history] == ["dead could not be used; going on with stripe"]
    assert await two.wallet() == (120, 0)


async def test_a_gateway_that_was_named_is_not_replaced_by_another(two: Any) -> None:
    with pytest.raises(GatewayUnavailableError):
        await two.create(gateway="dead")
    assert await two.count("attempt") == 1


async def test_after_some_failures_payments_go_elsewhere_at_once(two: Any) -> None:
    for _ in range(routing.failures_max + 2):
        await two.opened()
    assert await two.count("attempt", "gateway = 'dead'") == routing.failures_max
    assert await two.count("attempt", "gateway = 'stripe'") == routing.failures_max + 2


async def test_nothing_is_sent_elsewhere_while_nobody_knows_what_became_of_the_first_try(two: Any) -> None:
    dead, stripe = two.till.gateways["dead"], two.till.gateways["stripe"]
    two.till = replace(two.till, gateways={"dead": Named(stripe, "dead"), "other": dead})
    two.line.fault = "lost"
    replay = await two.create()
    assert (replay.status, replay.body["status"]) == (202, "outcome_unknown")
    two.line.fault = None
    assert await two.count("attempt") == 1
    await two.operate()
    shown = await two.show(replay.body)
    assert (shown["status"], shown["gateway"]) == ("requires_action", "dead")
    assert (await two.books())["sessions"] == 1


async def test_a_request_that_is_repeated_gets_the_answer_of_the_gateway_that_took_it(two: Any) -> None:
    first = await two.create("same")
    again = await two.create("same")
    assert again.body == first.body
    assert await two.count("attempt", "payment_id = '" + str(uuid_of(first.body)) + "'") == 2


async def test_when_every_gateway_refuses_nothing_is_left_open_and_the_key_may_be_used_again(two: Any) -> None:
    two.till = replace(two.till, gateways={"dead": two.till.gateways["dead"]})
    with pytest.raises(GatewayUnavailableError):
        await two.create("mine")
    two.till = replace(two.till, gateways={**two.till.gateways, "stripe": Named(two.till.gateways["dead"], "stripe")})
    with pytest.raises(GatewayUnavailableError):
        await two.create("mine")
    assert await two.count("payment", "status = 'failed'") == 2
    assert await two.count("attempt", "outcome = 'refused'") == 3


async def test_a_customer_is_introduced_to_the_gateway_that_takes_the_payment_and_named_to_no_other(two: Any) -> None:
    shown, _ = await register(two.till, Profile(email="ana@shop.test"))
    customer = ids.parse("customer", str(shown["id"]))
    async with two.till.db.transaction() as tx:
        await customers.link(tx, customer, "dead", "cus_of_the_dead")

    payment = await two.paid(customer=customer)

    session = (await two.events("checkout.session.completed"))[0]["data"]["object"]
    links = {row["gateway"]: row["reference"] for row in await two.owner.fetch("SELECT * FROM customer_link")}
    assert (payment["gateway"], session["customer"]) == ("stripe", links["stripe"])
    assert links["dead"] == "cus_of_the_dead" != links["stripe"]
