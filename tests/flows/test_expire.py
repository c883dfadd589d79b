"""A payment that nobody paid in time ends at the gateway first, and money that came just before is kept."""

from typing import Any

import pytest

from tillkeeper.flows.expire import expire
from tillkeeper.flows.operate import operate

OVER = "UPDATE payment SET expires_at = now() - interval '1 second'"


async def test_an_unpaid_payment_past_its_time_is_ended_at_the_gateway_and_here(shop: Any) -> None:
    payment = await shop.opened()
    await shop.owner.execute(OVER)
    assert await expire(shop.till) == 1
    await operate(shop.till, "stripe")
    shown = await shop.show(payment)
    assert (shown["status"], shown["next_action"]) == ("expired", None)
    [expired] = await shop.events("checkout.session.expired")
    assert expired["data"]["object"]["id"] == payment["gateway_reference"]


async def test_the_gateways_own_webhook_about_it_changes_nothing_more(shop: Any) -> None:
    payment = await shop.opened()
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "expired"
    assert await shop.count("outbox_event", "type = 'payment.expired'") == 1


async def test_a_payment_in_its_time_is_left_alone(shop: Any) -> None:
    await shop.opened()
    assert await expire(shop.till) == 0


async def test_a_payment_is_ended_once_however_often_expire_runs(shop: Any) -> None:
    await shop.opened()
    await shop.owner.execute(OVER)
    assert [await expire(shop.till), await expire(shop.till)] == [1, 0]
    assert await shop.count("operation", "kind = 'expire'") == 1


async def test_the_database_tells_the_time(shop: Any) -> None:
    await shop.opened()
    assert await expire(shop.later(days=30)) == 0


async def test_money_that_came_just_before_is_delivered_instead(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)

    await shop.catch_up()
    assert await shop.wallet() == (120, 0)


async def test_a_payment_whose_card_was_declined_is_ended_too(shop: Any) -> None:
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "lost_card"})
    await shop.catch_up()
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")
    assert (await shop.show(payment))["status"] == "expired"
    assert await shop.events("checkout.session.expired")


async def test_a_payment_that_waits_for_the_bank_of_its_customer_is_ended_too(shop: Any) -> None:
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/authenticate", {"outcome": "start"})
    await shop.catch_up()
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")
    assert (await shop.show(payment))["status"] == "expired"


async def test_a_paid_payment_never_expires(shop: Any) -> None:
    await shop.paid()
    await shop.owner.execute(OVER)
    assert await expire(shop.till) == 0


async def test_a_payment_whose_checkout_was_never_opened_ends_without_asking_anybody(shop: Any) -> None:
    shop.line.fault = "cut"
    payment = (await shop.create()).body
    shop.line.fault = None
    asked = len(shop.line.calls)
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")
    assert (await shop.show(payment))["status"] == "expired"
    assert len(shop.line.calls) == asked


async def test_an_ended_payment_is_not_opened_by_a_call_that_was_still_waiting(shop: Any) -> None:
    shop.line.fault = "cut"
    payment = (await shop.create()).body
    shop.line.fault = None
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"
    assert (await shop.books())["sessions"] == 0
    assert await shop.count("operation", "state = 'asked'") == 0


@pytest.mark.parametrize("fault", ["cut", "lost", "broken", "busy"])
async def test_a_gateway_that_gives_no_answer_is_asked_again_until_it_does(shop: Any, fault: str) -> None:
    payment = await shop.opened()
    await shop.owner.execute(OVER)
    await expire(shop.till)
    shop.line.fault = fault
    await operate(shop.till, "stripe")
    assert (await shop.show(payment))["status"] == "requires_action"
    shop.line.fault = None
    await shop.operate()
    if fault == "broken":
        await shop.catch_up()  # Stripe replays its own 500; the webhook tells how it ended
    assert (await shop.show(payment))["status"] == "expired"


async def test_at_most_as_many_as_asked_are_ended_at_once(shop: Any) -> None:
    for _ in range(3):
        await shop.opened()
    await shop.owner.execute(OVER)
    assert [await expire(shop.till, limit=2), await expire(shop.till, limit=2)] == [2, 1]
