"""What a gateway says of a payout only days later: what it is made of, and by what the bank's line is known."""

from datetime import date
from typing import Any

from tests.flows.test_reconcile import found, told

from tillkeeper.flows.import_bank import import_bank
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.reconcile import plan, reconcile
from tillkeeper.kernel import clock

Json = dict[str, Any]


async def paid_out(shop: Any) -> Any:
    """Sell, and send the money to the bank; neither what it is made of nor the bank's reference is known."""
    await shop.paid()
    sent = {"currency": "eur", "early": True, "outcome": "in_transit", "membership": "in_progress"}
    [payout] = (await shop.act("payouts", sent))["data"]
    await shop.act(f"payouts/{payout['id']}/pay", {"trace": "pending"})
    await shop.catch_up()
    return payout


async def look(shop: Any, **later: int) -> list[tuple[str, str]]:
    """Read the account after some time, compare what is due by then, and list what was ever found."""
    till = shop.later(**later)
    await import_settlement(till)
    await plan(till)
    while await reconcile(till):
        pass
    return await found(shop)


async def test_a_payout_that_says_what_it_is_made_of_days_later_is_matched_and_nobody_was_alarmed(shop: Any) -> None:
    payout = await paid_out(shop)
    for hours in (2, 26):
        assert await look(shop, hours=hours) == [("in_transit", "open")]
    await shop.turn(clock_ahead_seconds=2 * 86_400)
    await shop.act(f"payouts/{payout['id']}/reconcile")
    assert await look(shop, days=2, hours=1) == [("in_transit", "explained")]
    assert await shop.owner.fetch("SELECT kind FROM settlement_line WHERE payout_id = $1", payout["id"]) == [
        ("capture",)
    ]
    assert await look(shop, days=9) == [("in_transit", "explained")]
    assert await told(shop) == 0


async def test_a_payout_that_never_says_what_it_is_made_of_is_told_of_after_a_week(shop: Any) -> None:
    await paid_out(shop)
    assert await look(shop, days=6) == [("in_transit", "open")]
    assert ("payout_sum_mismatch", "open") in await look(shop, days=8)
    assert await told(shop) == 1


async def test_a_payout_finds_its_line_of_the_bank_by_a_reference_that_came_days_later(shop: Any) -> None:
    payout = await paid_out(shop)
    await look(shop, hours=2)
    assert await shop.owner.fetchval("SELECT bank_reference FROM payout") is None
    traced = await shop.act(f"payouts/{payout['id']}/trace")
    reference = traced["trace_id"]["value"]
    amount = f"{payout['amount'] // 100}.{payout['amount'] % 100:02d}"
    file = f"Date,Amount,Currency,Reference\n{today()},{amount},EUR,A PAYOUT {reference}\n"
    await import_bank(shop.later(days=2), file.encode())
    assert await shop.count("payout", "bank_line IS NOT NULL") == 0
    await look(shop, days=4)
    row = await shop.owner.fetchrow("SELECT bank_reference, bank_line IS NOT NULL AS arrived FROM payout")
    assert tuple(row) == (reference, True)


async def test_a_payout_from_before_our_time_is_not_booked_for_the_sake_of_its_reference(shop: Any) -> None:
    payout = await paid_out(shop)
    await shop.act(f"payouts/{payout['id']}/trace")
    await shop.owner.execute("DELETE FROM payout")
    await shop.owner.execute(
        "INSERT INTO settlement_cursor (gateway, seen_until) VALUES ('stripe', now() + interval '3 days')"
    )
    await import_settlement(shop.later(days=4))
    assert await shop.count("payout") == 0


def today() -> date:
    return clock.now().date()
