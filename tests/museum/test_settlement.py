"""Public incidents with payouts, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

from typing import Any

from tests.flows.test_pay_out import books, told


async def test_a_payout_that_is_told_three_times_is_booked_once(shop: Any) -> None:
    """Re-enact opencollective#573: what had been paid out once stood in the ledger three times."""
    for _ in range(3):
        await shop.apply(told("paid"))

    assert await books(shop) == [-970, 0, 970]
    assert await shop.count("outbox_event", "type = 'payout.paid'") == 1
