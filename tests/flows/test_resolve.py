"""Calls without an answer: asked about before anything is told again."""

from typing import Any

import pytest
from tests.flows.conftest import KEY, uuid_of

from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.operate import operate

REFUNDS = "POST /v1/refunds"


async def test_a_refund_is_looked_for_three_times_before_it_is_sent_again(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    made = await shop.refund(payment, 100)
    shop.line.fault = None
    sent = []
    for _ in range(3):
        await shop.operate()
        sent.append(len(shop.line.keys))

    assert sent == [2, 2, 3]
    assert (await shop.show_refund(made))["status"] == "succeeded"


async def test_a_refund_that_the_gateway_shows_late_is_not_made_twice(shop: Any) -> None:
    payment = await shop.paid()
    await shop.turn(not_found_first=2, forget_keys=True)
    shop.line.fault = "lost"
    made = await shop.refund(payment, 60)
    shop.line.fault = None

    for _ in range(3):
        await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [60]


async def test_a_refund_that_was_sent_again_is_looked_for_three_times_again(shop: Any) -> None:
    payment = await shop.paid()
    await shop.turn(not_found_first=2, forget_keys=True)
    shop.line.fault = "cut"
    made = await shop.refund(payment, 60)
    shop.line.fault = None
    for _ in range(2):
        await shop.operate()
    await shop.turn(lost_reply_percent=100, only_methods=["POST"])
    await shop.operate()  # sent again, and done this time
    await shop.turn(lost_reply_percent=0)

    for _ in range(3):
        await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [60]


async def test_a_gateway_that_answers_that_it_finds_nothing_yet_is_not_in_trouble(shop: Any) -> None:
    payments = [await shop.paid(user=f"user{n}") for n in range(6)]
    await shop.turn(not_found_first=5)
    shop.line.fault = "broken"
    for payment in payments[:2]:
        await shop.refund(payment, 50)
    shop.line.fault = None
    for _ in range(2):
        await shop.owner.execute("UPDATE operation SET due_at = now() WHERE state = 'asked'")
        for _ in payments:
            await operate(shop.till, "stripe", limit=1)

    assert await shop.count("gateway_state", "breaker <> 'closed'") == 0


async def test_a_gateway_that_cannot_be_asked_brings_no_certainty(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    await shop.refund(payment, 100)
    for _ in range(5):
        await shop.operate()

    assert await shop.owner.fetchval("SELECT doubts FROM operation WHERE kind = 'refund'") == 1


async def test_a_capture_whose_reply_is_lost_is_found_by_asking(shop: Any) -> None:
    payment = await authorized(shop)
    shop.line.fault = "lost"
    answer = await shop.capture(payment)
    shop.line.fault = None
    assert (answer.status, answer.body["status"]) == (202, "requires_capture")

    await shop.operate()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)
    assert [line["captures"] for line in (await shop.books())["payment_intents"]] == [1]


@pytest.mark.parametrize("percent", [100, 50])
async def test_many_lost_replies_and_forgotten_keys_never_charge_twice(shop: Any, percent: int) -> None:
    """A slice of what tests/crash/test_lost_replies does with a thousand payments."""
    payments = [await shop.opened(user=f"user{n}") for n in range(6)]
    for payment in payments:
        await shop.pay(payment)
    await shop.catch_up()
    await shop.turn(lost_reply_percent=percent, forget_keys=True, not_found_first=1, only_methods=["POST"])
    made = [await shop.refund(payment, 50) for payment in payments]
    await shop.turn(lost_reply_percent=0)
    for _ in range(4):
        await shop.operate()

    assert {(await shop.show_refund(each))["status"] for each in made} == {"succeeded"}
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [50] * 6


async def authorized(shop: Any, *, not_found_first: int = 0) -> Any:
    """Open a payment that is captured by hand, and authorise it; at first the gateway may not find it."""
    payment = await shop.opened(capture_method="manual")
    await shop.turn(not_found_first=not_found_first)
    await shop.pay(payment)
    for _ in range(1 + not_found_first):  # its list of events lags behind as well
        await shop.catch_up()
    return payment


async def test_a_capture_is_not_given_up_because_the_gateway_shows_the_payment_late(shop: Any) -> None:
    payment = await authorized(shop, not_found_first=2)
    shop.line.fault = "broken"
    await shop.capture(payment)
    shop.line.fault = None

    for _ in range(2):
        await shop.operate()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert [line["captures"] for line in (await shop.books())["payment_intents"]] == [1]


async def test_a_capture_that_was_never_made_is_made_though_the_gateway_shows_the_payment_late(shop: Any) -> None:
    payment = await authorized(shop, not_found_first=1)
    shop.line.fault = "cut"
    await shop.capture(payment)
    shop.line.fault = None

    await shop.operate()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert [line["captures"] for line in (await shop.books())["payment_intents"]] == [1]


async def test_a_confirmation_that_a_webhook_has_answered_needs_nobody(shop: Any) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.pay(payment)
    shop.line.fault = "lost"
    await confirm(shop.till, uuid_of(payment), {})
    shop.line.fault = None
    await shop.catch_up()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.count("operation", "kind = 'confirm' AND state = 'done'") == 1


async def test_a_checkout_that_a_webhook_says_was_paid_has_been_opened(shop: Any) -> None:
    shop.line.fault = "lost"
    payment = (await shop.create()).body
    shop.line.fault = None
    sessions = f"{shop.line.sandbox}/stripe/v1/checkout/sessions"
    [session] = (await shop.http.get(sessions, headers={"Authorization": f"Bearer {KEY}"})).json()["data"]
    await shop.act(f"sessions/{session['id']}/pay")
    await shop.catch_up()
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["gateway_reference"]) == (
        "succeeded",
        (await shop.books())["payment_intents"][0]["payment_intent"],
    )
    assert await shop.count("operation", "kind = 'create' AND state = 'done'") == 1
    assert await shop.count("attempt", "outcome = 'opened'") == 1
