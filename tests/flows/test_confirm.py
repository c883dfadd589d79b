"""A payment that the customer approved in the merchant's own page goes on, once."""

from typing import Any

import pytest
from tests.flows.conftest import uuid_of

from tillkeeper.flows.confirm import confirm
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError


async def test_what_the_customer_paid_is_delivered_without_waiting_for_the_webhook(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.pay(payment)
    shown: Any = await confirm(shop.till, uuid_of(payment), {})
    assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
    await shop.catch_up()
    assert await shop.wallet() == (120, 0)


async def test_confirming_before_the_customer_paid_changes_nothing(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    assert (await confirm(shop.till, uuid_of(payment), {}))["status"] == "requires_action"


async def test_confirming_again_asks_nobody(shop: Any) -> None:
    payment = await shop.paid(checkout="embedded")
    before = len(shop.line.calls)
    assert (await confirm(shop.till, uuid_of(payment), {}))["status"] == "succeeded"
    assert len(shop.line.calls) == before


async def test_a_lost_answer_is_asked_for_again(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.pay(payment)
    shop.line.fault = "lost"
    assert (await confirm(shop.till, uuid_of(payment), {}))["status"] == "outcome_unknown"
    shop.line.fault = None
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_payment_that_has_ended_cannot_be_confirmed(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.act(f"sessions/{payment['gateway_reference']}/expire")
    await shop.catch_up()
    with pytest.raises(InvalidStateError):
        await confirm(shop.till, uuid_of(payment), {})


async def test_a_payment_that_does_not_exist_cannot_be_confirmed(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await confirm(shop.till, ids.new(), {})


async def test_what_a_browser_brought_while_the_gateway_refused_is_to_be_brought_again(shop: Any) -> None:
    """Nobody keeps what a browser brings, so nobody but the browser can try again."""
    payment = await shop.opened(checkout="embedded")
    await shop.pay(payment)
    await shop.line.close()
    with pytest.raises(GatewayUnavailableError):
        await confirm(shop.till, uuid_of(payment), {"token": "of the form"})
    assert await shop.count("operation", "state = 'asked'") == 0
    await shop.line.open()
    assert (await confirm(shop.till, uuid_of(payment), {"token": "of the form"}))["status"] == "succeeded"


async def test_a_refusal_when_nothing_was_brought_is_tried_again_by_us(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.pay(payment)
    await shop.line.close()
    assert (await confirm(shop.till, uuid_of(payment), {}))["status"] == "requires_action"
    await shop.line.open()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_an_answer_that_nothing_was_paid_opens_the_checkout_again(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    shop.line.fault = "lost"
    assert (await confirm(shop.till, uuid_of(payment), {}))["status"] == "outcome_unknown"
    shop.line.fault = None
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["next_action"]) == ("requires_action", payment["next_action"])
