"""What people decide about a gateway holds for the next payment, and for what is told to it."""

import asyncio
from typing import Any

import pytest

from tillkeeper import routing
from tillkeeper.flows.steer import steer
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.routing import Switch


async def test_only_a_gateway_that_is_configured_can_be_steered(shop: Any) -> None:
    with pytest.raises(NotFoundError, match="there is stripe"):
        await steer(shop.till, "nowhere", switch=Switch.OFF)


async def test_what_is_not_named_stays(shop: Any) -> None:
    await steer(shop.till, "stripe", priority=3, fee_fixed=5)
    state = await steer(shop.till, "stripe", switch=Switch.DRAINING)
    assert (state.priority, state.fee_fixed, state.switch) == (3, 5, Switch.DRAINING)


async def test_a_draining_gateway_finishes_what_it_has(shop: Any) -> None:
    payment = await shop.opened()
    await steer(shop.till, "stripe", switch=Switch.DRAINING)
    with pytest.raises(GatewayUnavailableError):
        await shop.create()
    await shop.pay(payment)
    await shop.catch_up()
    assert (await shop.refund(payment))["status"] == "succeeded"


async def test_a_gateway_that_is_off_is_told_nothing_until_it_is_on_again(shop: Any) -> None:
    payment = await shop.paid()
    await steer(shop.till, "stripe", switch=Switch.OFF)
    made = await shop.refund(payment)
    await shop.operate()
    assert (made["status"], await shop.asked("POST /v1/refunds")) == ("pending", 0)
    await steer(shop.till, "stripe", switch=Switch.ON)
    await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"


async def test_the_fee_that_was_decided_is_the_one_that_is_expected(shop: Any) -> None:
    await steer(shop.till, "stripe", fee_percentage_bps=1000, fee_fixed=1)
    await shop.paid()
    assert await shop.ledger("fees:stripe:processing:EUR") == [21]


async def test_what_two_people_decide_at_once_both_holds(shop: Any) -> None:
    await steer(shop.till, "stripe", priority=50)
    async with shop.owner.transaction():
        await shop.owner.execute("SELECT FROM gateway_state WHERE gateway = 'stripe' FOR UPDATE")
        decided = [
            asyncio.create_task(steer(shop.till, "stripe", switch=Switch.OFF)),
            asyncio.create_task(steer(shop.till, "stripe", priority=5)),
        ]
        await asyncio.sleep(0.3)
    await asyncio.gather(*decided)
    async with shop.till.db.transaction() as tx:
        state = (await routing.states(tx, ["stripe"]))["stripe"]
    assert (state.switch, state.priority) == (Switch.OFF, 5)
