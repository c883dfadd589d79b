"""Fees that were only expected are corrected once a week by what gateways really kept."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.test_reconcile import compare, found, only_line, tell

from tillkeeper.flows.correct_fees import correct_fees
from tillkeeper.reports import matching

FEES, ROUNDING = "fees:stripe:processing:EUR", "rounding:EUR"


async def sold(shop: Any, *, off: int) -> int:
    """Sell with a fee that is expected, and let the gateway keep another one; return what it kept."""
    await shop.paid()
    await shop.owner.execute("UPDATE payment SET fee_final = false")
    line = await only_line(shop)
    kept = line.fee + off
    await tell(shop, replace(line, fee=kept, net=line.gross - kept))
    return kept


async def test_an_expected_fee_is_corrected_when_its_week_is_over(shop: Any) -> None:
    kept = await sold(shop, off=7)
    assert await found(shop) == [("fee_mismatch", "open")]
    assert await correct_fees(shop.later(minutes=1)) == 0
    assert await correct_fees(shop.later(days=14)) == 1
    assert await correct_fees(shop.later(days=14)) == 0
    assert await shop.ledger(FEES) == [kept]
    await shop.owner.execute("UPDATE reconciliation_run SET status = 'due', asked = asked + 1")
    assert ("fee_mismatch", "explained") in await compare(shop, days=8)
    assert await shop.ledger("suspense:stripe:EUR") == [0]


async def test_a_minor_unit_of_an_expected_fee_is_tolerated_marked_and_booked_as_rounding(shop: Any) -> None:
    kept = await sold(shop, off=1)
    assert await found(shop) == [("fee_mismatch", "closed")]
    row = await shop.owner.fetchrow("SELECT closed_by, suspended FROM discrepancy")
    assert tuple(row) == ("tolerance", False)
    assert await shop.ledger(FEES, ROUNDING) == [kept - 1, -1]
    fee = await shop.owner.fetchrow("SELECT fee, fee_final FROM payment")
    assert tuple(fee) == (kept, True)
    assert await correct_fees(shop.later(days=14)) == 0


async def test_a_fee_that_is_told_while_a_minor_unit_of_it_is_being_tolerated_is_booked_once(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = matching.differing

    async def told_meanwhile(*asked: Any) -> Any:
        pairs = await judge(*asked)
        await shop.owner.execute("UPDATE payment SET fee = fee + 1, fee_final = true")
        return pairs

    monkeypatch.setattr(matching, "differing", told_meanwhile)
    kept = await sold(shop, off=1)
    assert await shop.ledger(ROUNDING) == [0]
    assert await shop.owner.fetchval("SELECT fee FROM payment") == kept


async def test_a_fee_that_the_gateway_had_told_is_left_for_a_person(shop: Any) -> None:
    await shop.paid()
    await shop.owner.execute("UPDATE payment SET fee_final = true")
    line = await only_line(shop)
    await tell(shop, replace(line, fee=line.fee + 1, net=line.net - 1))
    assert await found(shop) == [("fee_mismatch", "open")]
    assert await correct_fees(shop.later(days=14)) == 0
