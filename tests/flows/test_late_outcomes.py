"""Money that comes after a payment has ended here: a fact, so it is delivered, told and refundable like any other."""

from typing import Any

import pytest

from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.expire import expire
from tillkeeper.flows.operate import operate
from tillkeeper.flows.read import read
from tillkeeper.flows.sequence import sequence
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.reports import timeline

OVER = "UPDATE payment SET expires_at = now() - interval '1 second'"
ENDS = ("expired", "canceled")


async def ended(shop: Any, how: str) -> Any:
    """Open a payment and let it end unpaid, here and at the gateway; everything about that is heard."""
    payment = await shop.opened()
    if how == "expired":
        await shop.owner.execute(OVER)
        await expire(shop.till)
        await operate(shop.till, "stripe")
    else:
        await cancel(shop.till, shop.wish(), ids.parse("payment", payment["id"]))
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == how
    return payment


async def late(shop: Any, payment: Any) -> Any:
    """Let the gateway take the money after all, and hear of it."""
    await shop.act(f"sessions/{payment['gateway_reference']}/late_success")
    await shop.catch_up()
    return await shop.show(payment)


@pytest.mark.parametrize("how", ENDS)
async def test_money_that_comes_late_is_delivered_once(shop: Any, how: str) -> None:
    payment = await ended(shop, how)
    shown = await late(shop, payment)
    assert (shown["status"], shown["amount_captured"], shown["last_error"]) == ("succeeded", payment["amount"], None)
    assert (shown["fulfilment"]["status"], await shop.wallet()) == ("delivered", (120, 0))
    for event in await shop.events():
        await shop.hear(event)
    await shop.settle()
    assert await shop.count("entitlement") == await shop.count("journal", "kind = 'capture'") == 1
    assert await shop.wallet() == (120, 0)


@pytest.mark.parametrize("how", ENDS)
async def test_the_merchant_is_told_of_the_end_and_then_of_the_money(shop: Any, how: str) -> None:
    payment = await ended(shop, how)
    await sequence(shop.till)
    await late(shop, payment)
    await sequence(shop.till)
    rows = await shop.owner.fetch("SELECT type FROM outbox_event ORDER BY seq")
    told = [row["type"] for row in rows]
    assert [each for each in told if each in {f"payment.{how}", "payment.succeeded"}] == [
        f"payment.{how}",
        "payment.succeeded",
    ]
    events: Any = await read(shop.till, lambda tx: timeline.show(tx, ids.parse("payment", payment["id"])))
    assert f"captured, although the payment was {how}" in str(events)


@pytest.mark.parametrize("how", ENDS)
async def test_money_that_came_late_can_be_refunded_like_any_other(shop: Any, how: str) -> None:
    payment = await ended(shop, how)
    await late(shop, payment)
    assert (await shop.refund(payment))["status"] == "succeeded"
    assert await shop.wallet() == (0, 0)
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [payment["amount"]]


@pytest.mark.parametrize("how", ENDS)
async def test_a_payment_whose_money_came_late_cannot_be_ended_any_more(shop: Any, how: str) -> None:
    payment = await ended(shop, how)
    await late(shop, payment)
    with pytest.raises(InvalidStateError):
        await cancel(shop.till, shop.wish(), ids.parse("payment", payment["id"]))
    assert await expire(shop.till) == 0


async def test_the_end_that_is_told_after_the_late_money_takes_nothing_away(shop: Any) -> None:
    payment = await shop.opened()
    session = payment["gateway_reference"]
    await shop.act(f"sessions/{session}/expire")
    await shop.act(f"sessions/{session}/late_success")
    for type_ in ("payment_intent.succeeded", "checkout.session.expired"):
        await shop.hear_news(type_)
        await shop.settle()
        assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_money_that_was_set_aside_let_go_and_taken_after_all_is_delivered(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    intent = (await shop.show(payment))["gateway_reference"]
    await cancel(shop.till, shop.wish(), ids.parse("payment", payment["id"]))
    assert (await shop.show(payment))["status"] == "canceled"

    await shop.act(f"payment_intents/{intent}/late_success")
    await shop.catch_up()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_late_money_of_which_no_webhook_came_is_found_by_asking(shop: Any) -> None:
    """Play the customer who pays in the second in which we ask for the end, and a gateway that says nothing of it."""
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/pay")
    await shop.owner.execute(OVER)
    shop.line.fault = "lost"
    await expire(shop.till)
    await operate(shop.till, "stripe")
    shop.line.fault = None

    await shop.operate()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)
    assert await shop.count("operation", "state = 'asked'") == 0
