"""Public incidents with payments, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
import httpx2
import pytest
from tests.flows.conftest import KEY, uuid_of
from tests.flows.test_late_outcomes import ended, late
from tests.flows.test_money_afterwards import second_capture
from tests.gateways.square.shop import OK, SquareShop
from tests.museum import races

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.confirm import OutcomeUnknownError
from tillkeeper.flows.settle import settle
from tillkeeper.flows.sync import sync

YEN = 240
BREAK = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a plugin has failed'; END $$;
CREATE TRIGGER break BEFORE UPDATE ON attempt FOR EACH ROW EXECUTE FUNCTION break();
"""
"""The gateway has done what it was asked for, and its answer cannot be written down."""


async def test_the_same_purchase_sent_twice_is_one_payment(shop: Any) -> None:
    """Re-enact lago-api#5870: a top-up that was sent twice was made twice, for there was no key to tell it by."""
    first, again = await shop.create("top-up-1"), await shop.create("top-up-1")

    assert again.body == first.body
    assert await shop.count("payment") == 1
    assert (await shop.books())["sessions"] == 1


async def test_yen_are_not_multiplied_by_a_hundred(shop: Any) -> None:
    """Re-enact Paymenter#1258: a price of 80 yen was charged as 8,000, because every currency was taken for cents."""
    payment = await shop.paid(currency="JPY")

    assert payment["amount"] == YEN
    assert [line["captured"] for line in (await shop.books())["payment_intents"]] == [YEN]


async def test_a_payment_whose_checkout_got_no_answer_is_found_by_our_id_in_its_webhook(shop: Any) -> None:
    """Re-enact woocommerce-gateway-stripe PR#3567: the intent's id was never stored, so its webhook found no order."""
    shop.line.fault = "lost"
    payment = (await shop.create()).body
    assert payment["status"] == "outcome_unknown"
    [session] = await all_sessions(shop)
    await shop.act(f"sessions/{session}/pay")

    await shop.hear_news("payment_intent.succeeded")
    await shop.settle()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_a_payment_that_the_gateway_captured_already_is_not_refunded_for_it(shop: Any) -> None:
    """Re-enact medusa#13301: the second capture of the same money was refused, and the order was undone for that."""
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    intent = (await shop.show(payment))["gateway_reference"]
    await capture_elsewhere(shop, intent)

    answer = await shop.capture(payment)

    assert (answer.status, answer.body["status"]) == (200, "succeeded")
    assert [(line["captures"], line["refunds"]) for line in (await shop.books())["payment_intents"]] == [(1, 0)]
    assert await shop.wallet() == (120, 0)


async def test_a_decline_that_is_told_after_the_money_leaves_the_payment_paid(shop: Any) -> None:
    """Re-enact woocommerce-gateway-stripe#902: a first card's failure came late and undid the second's success."""
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "insufficient_funds"})
    await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")
    await shop.settle()

    await shop.hear_news("payment_intent.payment_failed")
    await shop.settle()

    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]) == ("succeeded", None)
    assert await shop.wallet() == (120, 0)


async def test_a_purchase_sent_many_times_at_once_opens_one_checkout(shop: Any) -> None:
    """Re-enact The-Leetcode-City PR#778: a double click was through before the first request had left a trace."""
    await asyncio.gather(*(shop.create("double-click") for _ in range(8)), return_exceptions=True)

    assert await shop.count("payment") == 1
    assert (await shop.books())["sessions"] == 1


async def test_answers_and_webhooks_of_one_payment_at_the_same_moment_count_its_money_once(shop: Any) -> None:
    """Re-enact saleor#14648, chipotle PR#332, chipotle PR#618: several told of one payment, and all were counted."""
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")

    async with races.held(shop, "payment"):
        work = [*(sync(shop.till, uuid_of(payment)) for _ in range(3)), settle(shop.till)]
        at_once = [asyncio.create_task(each) for each in work]
        await races.until_waiting(shop, len(at_once))
    await asyncio.gather(*at_once)

    assert (await shop.show(payment))["amount_captured"] == payment["amount"]
    assert await shop.count("payment_change", "step = 'captured'") == 1
    assert await shop.count("outbox_event", "type = 'payment.succeeded'") == 1
    assert await shop.wallet() == (120, 0)


async def test_money_that_is_only_on_its_way_delivers_nothing(shop: Any) -> None:
    """Re-enact medusa#14205: an event that a payment was being processed completed the order."""
    payment = await shop.opened()
    await shop.pay(payment)
    [paid] = await shop.events("payment_intent.succeeded")
    intent = paid["data"]["object"] | {"status": "processing", "amount_received": 0}

    await shop.hear({**paid, "id": "evt_before", "type": "payment_intent.processing", "data": {"object": intent}})
    await shop.settle()

    assert (await shop.show(payment))["status"] == "processing"
    assert await shop.wallet() == (0, 0)
    await shop.hear(paid)
    await shop.settle()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_a_try_that_turns_out_to_have_been_paid_after_another_was_goes_back(shop: Any) -> None:
    """Re-enact killbill#1015: a second try paid, then the first was found to have succeeded, and both were kept."""
    payment = await shop.paid()
    found = await second_capture(shop, payment)

    await shop.catch_up()
    await shop.operate()

    back = {line["payment_intent"]: line["refunded"] for line in (await shop.books())["payment_intents"]}
    assert back == {payment["gateway_reference"]: 0, found: payment["amount"]}
    assert await shop.wallet() == (120, 0)


async def test_a_purchase_that_broke_after_it_was_made_is_made_once_when_it_is_sent_again(shop: Any) -> None:
    """Re-enact woocommerce-gateway-stripe#2477: a shop failed after it had charged, and the next try had a new key."""
    await shop.turn(not_found_first=1)
    await shop.owner.execute(BREAK)
    with suppress(asyncpg.RaiseError):
        await shop.create("the same")
    await shop.owner.execute("DROP FUNCTION break CASCADE")
    assert (await shop.books())["sessions"] == 1

    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now()")
    await shop.owner.execute("UPDATE operation SET lease_until = now()")
    again = await shop.create("the same")

    assert again.body["status"] == "requires_action"
    assert await shop.count("payment") == 1
    assert (await shop.books())["sessions"] == 1


@pytest.mark.parametrize("way", ["card", "bank"])
async def test_a_purchase_that_is_finished_while_a_webhook_tells_of_its_money_is_charged_once(
    square_shop: SquareShop, way: str
) -> None:
    """Re-enact saleor#19220: a checkout that went on made a second payment beside one that a webhook had captured."""
    shop = square_shop
    payment = await shop.opened(key="cart", checkout="embedded")
    await (pay_unheard(shop, payment) if way == "card" else pay_by_bank(shop, payment))
    await shop.hear_news()

    async with races.held(shop, "payment"):
        at_once: list[asyncio.Task[Any]] = []
        for work in (finish(shop, payment), settle(shop.till), finish(shop, payment)):
            at_once.append(asyncio.create_task(work))
            await races.until_waiting(shop, len(at_once))
    await asyncio.gather(*at_once)
    await finish(shop, payment)
    again = await shop.create("cart", checkout="embedded")
    await shop.operate()
    await shop.catch_up()

    amount = payment["amount"]
    assert again.body["id"] == payment["id"]
    assert [(line["charges"], line["captured"], line["refunded"]) for line in shop.lines()] == [(1, amount, 0)]
    assert (await shop.show(payment))["amount_captured"] == amount
    assert await shop.count("payment_change", "step = 'captured'") == 1
    assert await shop.wallet() == (120, 0)


async def test_a_card_that_pays_after_another_was_declined_is_not_overlooked(shop: Any) -> None:
    """Re-enact lunar#2204: whatever came after the first event of a payment was skipped, and that one was a failure."""
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "generic_decline"})
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "requires_action"

    await shop.pay(payment)
    await shop.catch_up()

    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]) == ("succeeded", None)
    assert await shop.wallet() == (120, 0)


async def test_money_that_comes_after_its_purchase_was_ended_buys_what_was_sold(shop: Any) -> None:
    """Re-enact CoreShop#2529: an order that was canceled meanwhile was paid, thanked for, and never carried out."""
    payment = await ended(shop, "expired")

    shown = await late(shop, payment)

    assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
    assert await shop.wallet() == (120, 0)


async def test_a_purchase_that_nobody_comes_back_from_is_delivered(shop: Any) -> None:
    """Re-enact medusa#12790: only who came back from the gateway's page made an order of what was paid there."""
    payment = await shop.opened()
    await shop.pay(payment)

    await catch_up(shop.later(minutes=5))
    await shop.settle()

    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    assert await shop.wallet() == (120, 0)


async def test_a_purchase_that_is_opened_again_while_it_may_have_been_paid_is_not_paid_again(
    square_shop: SquareShop,
) -> None:
    """Re-enact OwnPay#183: loading the page again made an unfinished charge an unpaid one, to be paid elsewhere."""
    shop = square_shop
    payment = await shop.opened(key="cart", checkout="embedded")
    await pay_unheard(shop, payment)

    again = await shop.create("cart", checkout="embedded")
    with pytest.raises(OutcomeUnknownError):
        await shop.confirm(payment, shop.house.act("cards", {"outcome": "ok"}))
    await shop.operate()

    assert again.body["id"] == payment["id"]
    assert (await shop.show(payment))["status"] == "succeeded"
    assert [(line["charges"], line["captured"]) for line in shop.lines()] == [(1, payment["amount"])]


async def pay_unheard(shop: SquareShop, payment: Any) -> None:
    """Pay by a card that is charged, and hear nothing of it."""
    shop.lose_replies("POST")
    assert (await shop.confirm(payment, OK))["status"] == "outcome_unknown"
    shop.answer_again()


async def pay_by_bank(shop: SquareShop, payment: Any) -> None:
    """Pay by a bank whose money comes when nobody waits for it any more."""
    assert (await shop.confirm(payment, {"source_id": "bnon:bank-nonce-ok"}))["status"] == "processing"
    shop.house.act(f"payments/{shop.lines()[0]['payment']}/late_success")


async def finish(shop: SquareShop, payment: Any) -> None:
    """Finish a purchase as a customer does who believes not to have paid: with a card, unless that is refused."""
    with suppress(OutcomeUnknownError):
        await shop.confirm(payment, shop.house.act("cards", {"outcome": "ok"}))


async def all_sessions(shop: Any) -> list[str]:
    """List the checkouts at the gateway."""
    listed = await shop.http.get(f"{shop.line.sandbox}/stripe/v1/checkout/sessions", headers=bearer())
    return [session["id"] for session in listed.json()["data"]]


async def capture_elsewhere(shop: Any, intent: str) -> None:
    """Capture in the dashboard."""
    url = f"{shop.line.sandbox}/stripe/v1/payment_intents/{intent}/capture"
    captured: httpx2.Response = await shop.http.post(url, headers=bearer())
    assert captured.status_code == 200, captured.text


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}
