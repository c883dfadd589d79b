"""Money that a gateway takes back by itself belongs to a dispute that is open or lost, and not to one that is over."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.test_claim import (
    CLEARING,
    DEFERRED,
    FEE,
    GIVEN_UP,
    LOSS,
    PRICE,
    RECEIVABLE,
    a_reversal,
    a_stage,
    purse,
)

from tillkeeper.facts import DisputeStatus

FIRST, WON = DisputeStatus.NEEDS_RESPONSE, DisputeStatus.WON
LOST, PREVENTED = DisputeStatus.LOST, DisputeStatus.PREVENTED


async def lost_once(shop: Any) -> bool:
    """Tell whether the price went with a dispute, and only once."""
    booked = await shop.ledger(RECEIVABLE, LOSS, DEFERRED, CLEARING, "refund_payable:EUR", GIVEN_UP)
    row = await shop.owner.fetchrow("SELECT amount_lost, amount_disputed, amount_refunded FROM payment")
    return booked == [0, 0, 0, -FEE, 0, 0] and tuple(row) == (PRICE, PRICE, 0)


@pytest.mark.parametrize("figure", [None, PRICE])
async def test_a_reversal_after_a_case_that_goes_on_under_another_id_is_that_of_the_other(
    shop: Any, figure: int | None
) -> None:
    payment = await shop.paid()
    await shop.apply(a_stage(payment, FIRST, 1, id="dp_a"), a_stage(payment, PREVENTED, 2, id="dp_a"))
    await shop.apply(a_reversal(payment))
    await shop.apply(a_stage(payment, PREVENTED, 2, id="dp_a"))
    await shop.apply(a_stage(payment, FIRST, 3, id="dp_b"))
    await shop.apply(a_stage(payment, LOST, 5, id="dp_b", withdrawn=figure))

    assert await lost_once(shop)
    assert await purse(shop) == (0, 0, 0)


@pytest.mark.parametrize("number", range(4))
async def test_a_reversal_beside_an_open_dispute_is_never_that_of_a_closed_one(shop: Any, number: int) -> None:
    payment = await shop.paid()
    ended, goes_on = f"dp_a{number}", f"dp_b{number}"
    await shop.apply(a_stage(payment, FIRST, 1, id=ended), a_stage(payment, PREVENTED, 2, id=ended))
    await shop.apply(a_stage(payment, FIRST, 3, id=goes_on))
    [decision] = await shop.apply(a_reversal(payment))
    assert decision.dispute.reference == goes_on
    await shop.apply(a_stage(payment, LOST, 5, id=goes_on, withdrawn=PRICE))

    assert await lost_once(shop)


async def test_a_reversal_after_a_dispute_that_was_won_takes_the_goods(shop: Any) -> None:
    payment = await shop.paid()
    won = a_stage(payment, WON, 2, withdrawn=0)
    await shop.apply(a_stage(payment, FIRST, 1, withdrawn=PRICE), won)
    await shop.apply(a_reversal(payment))
    await shop.apply(replace(won), a_reversal(payment))

    assert (await shop.show(payment))["amount_refunded"] == PRICE
    assert await purse(shop) == (0, 0, 0)
    assert await shop.ledger(RECEIVABLE, CLEARING, DEFERRED) == [0, -FEE, 0]


async def test_money_that_a_dispute_took_over_is_not_that_of_the_next_one_as_well(shop: Any) -> None:
    payment = await shop.paid()
    await shop.apply(a_reversal(payment, 100))
    await shop.apply(a_stage(payment, FIRST, 1, 100, id="dp_a"))
    await shop.apply(a_stage(payment, FIRST, 2, 99, id="dp_b"))

    assert await shop.ledger(RECEIVABLE) == [100]
