"""A dispute that has ended goes on: an appeal, an arbitration, a case that is opened again. Money and goods follow."""

from typing import Any

import pytest
from tests.flows.conftest import Json
from tests.flows.test_claim import (
    CLEARING,
    DEFERRED,
    FEE,
    LOSS,
    PRICE,
    RECEIVABLE,
    a_reversal,
    a_stage,
    disputed,
    ended,
    purse,
    shown_dispute,
)
from tests.flows.test_packs import cards

from tillkeeper import catalog
from tillkeeper.facts import DisputeStatus, Notice, Verdict
from tillkeeper.flows.offer import offer
from tillkeeper.fulfilment import packs
from tillkeeper.gateways.stripe.webhook import DISPUTE_STATES
from tillkeeper.payments import PaymentDisputedError

FIRST, REVIEW = DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW
WON, LOST = DisputeStatus.WON, DisputeStatus.LOST
HELD: Json = {"withdrawn": PRICE}
HOME: Json = {"withdrawn": 0}


def a_life(payment: Json, *ends: DisputeStatus) -> list[Notice]:
    """Tell a dispute that ends so often, and goes on in between."""
    notices = [a_stage(payment, FIRST, 0, **HELD)]
    for round_, end in enumerate(ends):
        if round_:
            notices.append(a_stage(payment, REVIEW, 10 * round_, **HELD))
        notices.append(a_stage(payment, end, 10 * round_ + 5, **(HELD if end is LOST else HOME)))
    return notices


async def told(shop: Any) -> list[str]:
    rows = await shop.owner.fetch(
        "SELECT type FROM outbox_event WHERE type ~ '^(dispute|fulfilment)' ORDER BY created_at, id"
    )
    return sorted(row["type"] for row in rows)


async def test_a_won_dispute_that_is_opened_again_freezes_the_goods_and_keeps_refunds_out(shop: Any) -> None:
    payment = await shop.paid()
    won, reopened = a_life(payment, WON), a_stage(payment, REVIEW, 10, **HELD)
    await shop.apply(*won)
    assert await purse(shop) == (120, 0, 0)
    await shop.apply(reopened)

    assert await purse(shop) == (0, 120, 0)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [PRICE, 0, PRICE]
    assert (await shop.show(payment))["amount_disputed"] == PRICE
    shown = await shown_dispute(shop)
    assert (shown["status"], shown["closed_at"]) == ("under_review", None)
    with pytest.raises(PaymentDisputedError):
        await shop.refund(payment, 50)


async def test_what_is_lost_after_it_was_won_is_booked_on_top_of_what_was_refunded_meanwhile(shop: Any) -> None:
    payment = await shop.paid()
    first, won, review, lost = a_life(payment, WON, LOST)
    await shop.apply(first, won)
    await shop.refund(payment, 50)
    await shop.apply(review, lost)

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 50, 0]
    assert await purse(shop) == (0, 0, 0)
    assert (await shop.show(payment))["fulfilment"]["status"] == "revoked"


async def test_what_is_won_after_it_was_lost_brings_money_and_goods_back(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, FIRST, 0, **HELD), a_stage(payment, LOST, 5, **HELD))
    assert await purse(shop) == (0, 0, 0)
    await shop.apply(a_stage(payment, WON, 10, **HOME))

    assert await purse(shop) == (120, 0, 0)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING) == [0, 0, PRICE, PRICE - FEE]
    assert (await shop.show(payment))["amount_disputed"] == 0
    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"


async def test_goods_that_were_used_before_an_appeal_are_owed_and_given_back_with_it(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(90)
    first, lost, review, won = a_life(payment, LOST, WON)
    await shop.apply(first, lost)
    assert await purse(shop) == (0, 0, 90)
    await shop.apply(review)
    await shop.apply(won)

    assert await purse(shop) == (30, 0, 0)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED) == [0, 0, PRICE - PRICE * 90 // 120]


async def test_cards_that_went_with_a_lost_dispute_wait_during_its_appeal_and_come_back(shop: Any) -> None:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    payment = await shop.paid(package="pack_black")
    price, seen = payment["amount"], []
    for minute, status in enumerate((FIRST, LOST, REVIEW, WON)):
        await shop.apply(a_stage(payment, status, minute, price, withdrawn=0 if status is WON else price))
        seen.append({card["status"] for card in await cards(shop)})

    assert (seen[0], seen[2], seen[3]) == ({"suspended"}, {"suspended"}, {"owned"})
    assert all(each.startswith("revoked") for each in seen[1])


async def test_every_end_is_told_and_each_of_them_once(shop: Any) -> None:
    payment = await shop.paid()
    notices = a_life(payment, LOST, WON, LOST, LOST)
    for notice in notices:
        await shop.apply(notice)
        await shop.apply(notice)
    for notice in notices:
        await shop.apply(notice)

    assert await told(shop) == sorted(
        [
            "dispute.opened",
            *["dispute.lost"] * 3,
            "dispute.won",
            *["dispute.updated"] * 3,
            "fulfilment.delivered",  # the purchase
            *["fulfilment.revoked"] * 3,
            *["fulfilment.delivered"] * 2,  # with each time that it went on after it was lost
        ]
    )
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING) == [0, 0, 0, -FEE]
    assert await purse(shop) == (0, 0, 0)


async def test_an_end_that_was_overtaken_ends_nothing_when_it_is_told_again(shop: Any) -> None:
    payment = await shop.paid()
    first, lost, review = a_life(payment, LOST, WON)[:3]
    await shop.apply(first, lost, review)
    [decision] = await shop.apply(lost)

    assert decision.verdict is Verdict.KNOWN
    assert await purse(shop) == (0, 120, 0)


async def test_an_end_that_is_older_than_another_one_is_nobodys_news(shop: Any) -> None:
    payment = await shop.paid()
    first, lost, won = a_stage(payment, FIRST, 0), a_stage(payment, LOST, 5, **HELD), a_stage(payment, WON, 9, **HOME)
    await shop.apply(first, won)
    [decision] = await shop.apply(lost)

    assert decision.verdict is Verdict.KNOWN
    assert await purse(shop) == (120, 0, 0)
    assert await shop.ledger(RECEIVABLE, LOSS) == [0, 0]


async def test_money_that_a_gateway_takes_before_it_opens_a_won_dispute_again_is_that_of_the_dispute(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(*a_life(payment, WON))
    await shop.apply(a_reversal(payment))
    assert (await shop.show(payment))["amount_refunded"] == PRICE
    await shop.apply(a_stage(payment, REVIEW, 10))
    await shop.apply(a_stage(payment, LOST, 15))

    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_disputed"]) == (0, PRICE)
    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING) == [0, 0, 0, -FEE]


async def test_money_that_a_gateway_takes_after_it_opened_a_won_dispute_again_is_that_of_the_dispute(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(*a_life(payment, WON), a_stage(payment, REVIEW, 10))
    await shop.apply(a_reversal(payment))
    await shop.apply(a_reversal(payment))
    await shop.apply(a_stage(payment, LOST, 15))

    assert await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING) == [0, 0, 0, -FEE]


@pytest.mark.parametrize(("status", "means"), [("appeal_needs_response", FIRST), ("appeal_under_review", REVIEW)])
async def test_an_appeal_at_stripe_goes_on_with_the_dispute(shop: Any, status: str, means: DisputeStatus) -> None:
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment), "lose")
    [event] = await shop.events("charge.dispute.closed")
    event["data"]["object"]["status"] = status
    await shop.hear(event | {"id": "evt_appeal", "type": "charge.dispute.updated", "created": event["created"] + 60})
    await shop.settle()

    assert (await shown_dispute(shop))["status"] == means
    assert await purse(shop) == (0, 120, 0)
    assert DISPUTE_STATES[status] is means
