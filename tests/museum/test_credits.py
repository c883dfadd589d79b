"""Public incidents with credits, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_fulfil import hand_over, mend, paid_in_vain
from tests.flows.test_grant import give
from tests.museum import races

from tillkeeper.flows.lapse import lapse
from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.idempotency import Replay
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidFieldError

OVER = "UPDATE credit_lot SET expires_at = now() - interval '1 second' WHERE payment_id IS NULL"


async def test_of_two_spends_at_once_that_the_balance_cannot_pay_together_one_is_refused(shop: Any) -> None:
    """Re-enact bottube#1620: both read the same balance, both found it enough, and both were paid from it."""
    await shop.paid()

    async with races.held(shop, "wallet"):
        both = [asyncio.create_task(shop.spend(70)) for _ in range(2)]
        await races.until_waiting(shop, len(both))
    ends = await asyncio.gather(*both, return_exceptions=True)

    assert {type(end) for end in ends} == {Replay, InsufficientCreditsError}
    assert await shop.wallet() == (50, 0)


@pytest.mark.parametrize("amount", [-1_000, 0])
async def test_spending_less_than_nothing_makes_no_credits(shop: Any, amount: int) -> None:
    """Re-enact bottube PR#1575: a negative quantity cost less than any balance, and paying it raised the balance."""
    await shop.paid()

    with pytest.raises(InvalidFieldError):
        await shop.spend(amount)

    assert await shop.wallet() == (120, 0)


async def test_a_refund_of_credits_that_were_never_handed_over_takes_no_others(shop: Any) -> None:
    """Re-enact polar PR#5541: revoking a benefit took its credits away, although they had never been granted."""
    await shop.paid()
    payment = await paid_in_vain(shop)

    await mend(shop)
    await shop.refund(payment)
    await hand_over(shop)

    assert await shop.wallet() == (120, 0)


async def test_credits_that_were_spent_in_time_do_not_end_as_others(shop: Any) -> None:
    """Re-enact fountain#1126 (1): what had expired was counted before a spend and taken after it, from paid credits."""
    await shop.paid()
    await give(shop, 50, expires_at=clock.now() + timedelta(days=1))
    await shop.owner.execute(OVER)

    async with races.held(shop, "wallet"):
        spending = asyncio.create_task(shop.spend(30))
        await races.until_waiting(shop, 1)
        ending = asyncio.ensure_future(lapse(shop.till))
        await races.until_waiting(shop, 2)
    await asyncio.gather(spending, ending)

    assert await shop.wallet() == (120, 0)
    assert await shop.owner.fetchval("SELECT sum(amount) FROM wallet_entry WHERE kind = 'expire'") == -20
