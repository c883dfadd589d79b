"""What is not captured can be ended."""

from typing import Any

import pytest

from tillkeeper.flows.cancel import cancel
from tillkeeper.idempotency import Replay
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError


async def end(shop: Any, payment: Any) -> Replay:
    return await cancel(shop.till, shop.wish(), ids.parse("payment", payment["id"]))


async def test_an_open_checkout_is_ended_at_the_gateway_too(shop: Any) -> None:
    payment = await shop.opened()

    answer = await end(shop, payment)

    assert (answer.status, answer.body["status"], answer.body["next_action"]) == (200, "canceled", None)
    page = await shop.http.get(payment["next_action"]["url"])
    assert "expired" in page.text.lower()


async def test_an_open_checkout_that_is_canceled_never_counts_as_expired_whoever_tells_it_first(shop: Any) -> None:
    payment = await shop.opened()
    shop.line.fault = "lost"
    asked = await end(shop, payment)
    shop.line.fault = None
    assert (asked.status, asked.body["status"]) == (202, "requires_action")

    await shop.hear_news("checkout.session.expired")
    await shop.settle()

    assert (await shop.show(payment))["status"] == "canceled"


async def test_an_authorisation_is_voided(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()

    answer = await end(shop, payment)

    assert answer.body["status"] == "canceled"
    assert [line["captured"] for line in (await shop.books())["payment_intents"]] == [0]


async def test_a_payment_that_was_just_paid_stays_paid_and_the_answer_says_so(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)  # its webhook is still on the way

    answer = await end(shop, payment)

    assert (answer.status, answer.body["code"]) == (409, "invalid_state")
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_a_succeeded_payment_cannot_be_canceled(shop: Any) -> None:
    payment = await shop.paid()

    with pytest.raises(InvalidStateError):
        await end(shop, payment)
