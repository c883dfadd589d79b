"""Payouts are followed to the bank."""

from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_reconcile import found

from tillkeeper.flows.import_bank import import_bank
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.kernel import clock
from tillkeeper.kernel.sheets import FileUnreadableError

HEADER = "Date,Amount,Currency,Reference\n"


async def paid_out(shop: Any) -> Any:
    """Pay out a sale; return the payout as it stands here."""
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    return await shop.owner.fetchrow("SELECT amount, bank_reference, arrives_at FROM payout")


async def bank(shop: Any, *rows: str) -> None:
    """Take in the bank's account some days later, and compare what is due."""
    till = shop.later(days=8)
    await import_bank(till, (HEADER + "\n".join(rows) + "\n").encode())
    while await reconcile(till):
        pass


def day(days: int) -> str:
    return (clock.now() + timedelta(days=days)).date().isoformat()


async def test_a_payout_that_the_bank_does_not_have_is_missed_until_it_has(shop: Any) -> None:
    payout = await paid_out(shop)
    await bank(shop, f"{day(6)},1.00,EUR,somebody else")
    assert ("payout_missing_in_bank", "open") in await found(shop)
    units = f"{payout['amount'] // 100}.{payout['amount'] % 100:02d}"
    await bank(shop, f"{day(3)},{units},EUR,STRIPE {payout['bank_reference']} PAYOUT")
    assert ("payout_missing_in_bank", "explained") in await found(shop)


async def test_no_payout_is_missed_in_an_account_that_ends_before_it(shop: Any) -> None:
    await paid_out(shop)
    await bank(shop, f"{day(0)},1.00,EUR,somebody else")
    assert "payout_missing_in_bank" not in dict(await found(shop))


async def test_a_bank_file_that_is_sent_twice_is_kept_once_also_where_it_repeats_itself(shop: Any) -> None:
    file = (HEADER + f"{day(0)},1.00,EUR,x\n" * 2).encode()
    assert [await import_bank(shop.till, file), await import_bank(shop.till, file)] == [2, 0]


@pytest.mark.parametrize("row", ["yesterday,1.00,EUR,x", f"{day(0)},1.001,EUR,x", f"{day(0)},1.00,EURO,x", "1,2"])
async def test_a_bank_file_with_one_bad_row_is_refused_as_a_whole(shop: Any, row: str) -> None:
    with pytest.raises(FileUnreadableError, match="Row 3"):
        await import_bank(shop.till, f"{HEADER}{day(0)},1.00,EUR,fine\n{row}\n".encode())
    assert await shop.count("bank_line") == 0
