"""A delivery that somebody runs again hands over what is owed, and never anything twice."""

import asyncio
from typing import Any

import pytest
from tests.flows.conftest import uuid_of
from tests.flows.test_claim import disputed
from tests.flows.test_fulfil import events, hand_over, mend, paid_in_vain

from tillkeeper.flows.refulfil import refulfil
from tillkeeper.fulfilment import late
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError


async def given_up(shop: Any) -> Any:
    """Pay for goods that cannot be handed over, until nobody tries any more."""
    payment = await paid_in_vain(shop)
    for _ in range(late.tries_max):
        await hand_over(shop)
    assert (await shop.show(payment))["fulfilment"]["status"] == "failed"
    return payment


async def test_goods_that_are_there_are_not_handed_over_again(shop: Any) -> None:
    payment = await shop.paid()
    assert [await refulfil(shop.till, uuid_of(payment)) for _ in range(2)] == [True, True]
    assert await shop.wallet() == (120, 0)
    assert await shop.count("audit_entry", "action = 'payment.fulfilment_retried'") == 0, "nothing was changed"


async def test_goods_that_were_given_up_are_handed_over_when_they_can_be(shop: Any) -> None:
    payment = await given_up(shop)
    await mend(shop)
    assert await refulfil(shop.till, uuid_of(payment)) is False
    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    assert await shop.wallet() == (120, 0)
    assert await events(shop) == ["fulfilment.failed", "fulfilment.delivered"]
    assert await shop.count("audit_entry", "action = 'payment.fulfilment_retried'") == 1
    assert await refulfil(shop.till, uuid_of(payment)) is True


async def test_two_who_ask_at_once_get_the_goods_handed_over_once(shop: Any) -> None:
    payment = await given_up(shop)
    await mend(shop)
    found = await asyncio.gather(*(refulfil(shop.till, uuid_of(payment)) for _ in range(2)))
    assert sorted(found) == [False, True]
    assert await shop.wallet() == (120, 0)
    assert await shop.count("entitlement") == 1
    assert await events(shop) == ["fulfilment.failed", "fulfilment.delivered"]


async def test_the_worker_and_somebody_at_once_hand_over_once(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    await mend(shop)
    await asyncio.gather(hand_over(shop), refulfil(shop.till, uuid_of(payment)))
    assert await shop.wallet() == (120, 0)
    assert await events(shop) == ["fulfilment.delivered"]


async def test_what_fails_again_waits_for_the_worker_with_all_its_tries(shop: Any) -> None:
    payment = await given_up(shop)
    assert await refulfil(shop.till, uuid_of(payment)) is False
    row = await shop.owner.fetchrow("SELECT status, tries, reason FROM late_delivery")
    assert (row["status"], row["tries"]) == ("pending", 0)
    assert "no room for" in row["reason"]
    await mend(shop)
    await hand_over(shop)
    assert await shop.wallet() == (120, 0)


async def test_an_unexpected_failure_is_kept_as_the_reason(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = await given_up(shop)

    async def break_down(*_: object) -> None:
        text = "out of cards"
        raise RuntimeError(text)

    monkeypatch.setattr("tillkeeper.flows.fulfil.settle.follow", break_down)
    assert await refulfil(shop.till, uuid_of(payment)) is False
    assert await shop.owner.fetchval("SELECT reason FROM late_delivery") == "RuntimeError: out of cards"


async def test_goods_whose_money_went_back_are_not_handed_over(shop: Any) -> None:
    payment = await given_up(shop)
    await shop.refund(payment, 199)
    await mend(shop)
    with pytest.raises(InvalidStateError, match="went back"):
        await refulfil(shop.till, uuid_of(payment))
    assert await shop.wallet() == (0, 0)


async def test_a_part_of_the_money_that_went_back_takes_its_part_of_the_goods(shop: Any) -> None:
    payment = await given_up(shop)
    await shop.refund(payment, 100)
    await mend(shop)
    await refulfil(shop.till, uuid_of(payment))
    assert await shop.wallet() == (120 - 120 * 100 // 199, 0)


async def test_goods_that_a_bank_claims_wait_for_its_verdict(shop: Any) -> None:
    payment = await given_up(shop)
    await mend(shop)
    await disputed(shop, payment)
    with pytest.raises(InvalidStateError, match="bank claims"):
        await refulfil(shop.till, uuid_of(payment))
    assert await shop.wallet() == (0, 0)


async def test_a_payment_without_money_or_goods_says_so(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await refulfil(shop.till, ids.new())
    with pytest.raises(InvalidStateError, match="once money is captured"):
        await refulfil(shop.till, uuid_of(await shop.opened()))
