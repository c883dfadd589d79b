"""Authorised money is taken once, all of it or a part."""

import asyncio
from typing import Any

import pytest
from tests.flows.conftest import KEY, uuid_of

from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.expire import expire
from tillkeeper.flows.sync import sync
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError


async def authorized(shop: Any, **wanted: Any) -> Any:
    payment = await shop.opened(capture_method="manual", **wanted)
    await shop.pay(payment)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert shown["status"] == "requires_capture"
    return shown


async def test_nothing_is_delivered_before_the_capture_and_all_of_it_after(shop: Any) -> None:
    payment = await authorized(shop)
    assert await shop.wallet() == (0, 0)

    answer = await shop.capture(payment)

    assert (answer.status, answer.body["status"], answer.body["amount_captured"]) == (200, "succeeded", 199)
    assert await shop.wallet() == (120, 0)


async def test_a_partial_capture_takes_its_part_and_delivers(shop: Any) -> None:
    payment = await authorized(shop)

    answer = await shop.capture(payment, 150)

    assert answer.body["amount_captured"] == 150
    assert await shop.ledger("deferred:EUR") == [150]
    await shop.catch_up()
    assert (await shop.show(payment))["amount_refunded"] == 0


async def test_more_than_was_authorised_is_refused(shop: Any) -> None:
    payment = await authorized(shop)

    with pytest.raises(InvalidFieldError):
        await shop.capture(payment, 200)


async def test_a_payment_that_is_not_authorised_cannot_be_captured(shop: Any) -> None:
    payment = await shop.opened()

    with pytest.raises(InvalidStateError):
        await shop.capture(payment)


async def test_a_payment_that_does_not_exist_cannot_be_captured(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await shop.capture({"id": ids.text("payment", ids.new())})


async def test_the_same_key_replays_the_capture(shop: Any) -> None:
    payment = await authorized(shop)
    first = await shop.capture(payment, key="same")

    again = await shop.capture(payment, key="same")

    assert (again.body, again.repeated) == (first.body, True)


async def test_of_capture_and_cancel_at_once_one_wins_and_the_other_is_told(shop: Any) -> None:
    for _ in range(3):
        payment = await authorized(shop)
        outcomes = await asyncio.gather(
            shop.capture(payment),
            cancel(shop.till, shop.wish(), ids.parse("payment", payment["id"])),
            return_exceptions=True,
        )
        await shop.catch_up()

        won = [each for each in outcomes if not isinstance(each, BaseException) and each.status == 200]
        lost = [each for each in outcomes if isinstance(each, InvalidStateError) or getattr(each, "status", 0) == 409]
        assert (len(won), len(lost)) == (1, 1)
        assert (await shop.show(payment))["status"] == won[0].body["status"]


async def in_part(shop: Any, amount: int) -> Any:
    """Set money aside, and capture a part of it in the gateway's dashboard; nobody hears of it yet."""
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    [line] = (await shop.books())["payment_intents"]
    answer = await shop.http.post(
        f"{shop.line.sandbox}/stripe/v1/payment_intents/{line['payment_intent']}/capture",
        headers={"Authorization": f"Bearer {KEY}"},
        data={"amount_to_capture": str(amount)},
    )
    assert answer.status_code == 200, answer.text
    return payment


async def test_of_what_was_captured_in_part_at_the_gateway_a_question_brings_only_that_part(shop: Any) -> None:
    payment = await in_part(shop, 100)
    shown: Any = await sync(shop.till, uuid_of(payment))
    assert (shown["status"], shown["amount_captured"]) == ("succeeded", 100)
    await shop.catch_up()
    assert set(await shop.inbox()) <= {"processed", "ignored"}
    assert (await shop.ledger("deferred:EUR"))[0] == 100


async def test_of_what_was_captured_in_part_at_the_gateway_our_expiry_brings_only_that_part(shop: Any) -> None:
    payment = await in_part(shop, 100)
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["amount_captured"] == 100


async def test_what_is_let_go_beside_a_partial_capture_is_no_refund(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    await shop.capture(payment, 150)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["amount_captured"], shown["amount_refunded"]) == (150, 0)
    assert await shop.count("refund") == 0
    made = await shop.refund(payment)
    assert (made["amount"], made["status"]) == (150, "succeeded")
