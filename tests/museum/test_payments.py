"""Public incidents with payments, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
from typing import Any

import httpx2
from tests.flows.conftest import KEY

YEN = 240


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
