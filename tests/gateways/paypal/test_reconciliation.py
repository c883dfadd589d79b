"""PayPal's account and ours where PayPal tells less than others: its lines of disputes name the payment alone."""

from datetime import timedelta

import pytest
from tests.gateways.paypal.test_end_to_end import PayPalShop, line, shop, till

from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.reconcile import ask, reconcile
from tillkeeper.kernel import clock

__all__ = ["line", "shop", "till"]
CLEARING, SUSPENSE = "gateway:paypal:clearing:EUR", "suspense:paypal:EUR"
TRANSIT = "gateway:paypal:payout_in_transit:EUR"
DISPUTE_FEES, PROCESSING = "fees:paypal:dispute:EUR", "fees:paypal:processing:EUR"


async def compare(shop: PayPalShop, **later: int) -> list[tuple[str, str]]:
    """Read PayPal's account, compare the days around, and list what was found so far."""
    till = shop.later(**later)
    await import_settlement(till)
    for ago in (-1, 0, 1):
        await ask(till, "paypal", (clock.now() - timedelta(days=ago)).date())
    while await reconcile(till):
        pass
    rows = await shop.owner.fetch("SELECT kind, status FROM discrepancy ORDER BY first_seen_at, kind")
    return [(row["kind"], row["status"]) for row in rows]


async def the_balance(shop: PayPalShop) -> int:
    """Ask PayPal's own books what it owes us."""
    return int(await shop.owner.fetchval("SELECT sum(net) FROM settlement_line"))


async def disputed(shop: PayPalShop) -> str:
    """Let the payer dispute the newest capture by way of a bank; return the dispute's id."""
    capture = await shop.owner.fetchval("SELECT gateway_reference FROM payment ORDER BY created_at DESC LIMIT 1")
    opened = await shop.act("disputes", {"capture": capture, "stage": "CHARGEBACK"})
    await shop.catch_up()
    return str(opened["dispute_id"])


async def ended(shop: PayPalShop, dispute: str, how: str) -> None:
    await shop.act(f"disputes/{dispute}/{how}")
    await shop.catch_up()


@pytest.mark.parametrize(("end", "fee"), [("win", 0), ("lose", 1_500)])
async def test_a_dispute_that_both_sides_know_agrees_from_its_first_day_to_its_end(
    shop: PayPalShop, end: str, fee: int
) -> None:
    await shop.approved()
    await shop.catch_up()
    kept = (await shop.ledger(PROCESSING))[0]
    dispute = await disputed(shop)
    assert await compare(shop, hours=8) == []
    await ended(shop, dispute, end)
    assert await compare(shop, hours=20) == []
    assert await shop.ledger(CLEARING, SUSPENSE) == [await the_balance(shop), 0]
    assert await shop.ledger(DISPUTE_FEES, PROCESSING) == [fee, kept]


async def test_a_second_dispute_of_a_payment_has_the_lines_that_the_first_does_not_want(shop: PayPalShop) -> None:
    await shop.approved()
    await shop.catch_up()
    await ended(shop, await disputed(shop), "win")
    assert await compare(shop, hours=8) == []
    await ended(shop, await disputed(shop), "lose")
    assert await compare(shop, hours=20) == []
    assert await shop.ledger(CLEARING, SUSPENSE) == [await the_balance(shop), 0]
    lines = await shop.owner.fetch("SELECT count(*) FROM settlement_link WHERE side = 'dispute' GROUP BY object")
    assert sorted(row["count"] for row in lines) == [2, 2]


async def test_a_dispute_of_which_we_heard_nothing_is_put_aside_with_its_fee_until_we_do(shop: PayPalShop) -> None:
    await shop.approved()
    await shop.catch_up()
    capture = await shop.owner.fetchval("SELECT gateway_reference FROM payment")
    opened = await shop.act("disputes", {"capture": capture, "stage": "CHARGEBACK"})
    await shop.act(f"disputes/{opened['dispute_id']}/lose")
    assert await compare(shop, hours=8) == [("dispute_unlinked", "open")] * 2
    assert await shop.ledger(CLEARING) == [await the_balance(shop)]
    await shop.catch_up()
    assert await compare(shop, hours=20) == [("dispute_unlinked", "explained")] * 2
    assert await shop.ledger(CLEARING, SUSPENSE, DISPUTE_FEES) == [await the_balance(shop), 0, 1_500]


async def withdrawn(shop: PayPalShop) -> str:
    """Send what a purchase brought to the bank; return PayPal's id of the withdrawal."""
    await shop.approved()
    await shop.catch_up()
    made = await shop.act("payouts", {"currency": "EUR"})
    return str(made["data"][0]["id"])


async def test_a_withdrawal_that_the_bank_sent_back_fails_by_the_transaction_that_its_return_refers_to(
    shop: PayPalShop,
) -> None:
    withdrawal = await withdrawn(shop)
    await shop.act(f"payouts/{withdrawal}/fail")
    assert await compare(shop, hours=8) == []
    [payout] = await shop.owner.fetch("SELECT gateway_reference, status FROM payout")
    assert tuple(payout) == (withdrawal, "failed")
    assert await shop.ledger(CLEARING, SUSPENSE, TRANSIT) == [await the_balance(shop), 0, 0]


async def test_a_withdrawal_of_which_nobody_tells_what_it_took_along_agrees(shop: PayPalShop) -> None:
    await withdrawn(shop)
    assert await compare(shop, hours=8) == []
    assert await compare(shop, hours=30) == []
    assert await shop.ledger(TRANSIT) == [143]
