"""Payouts are followed to the bank."""

from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_reconcile import compare, found

from tillkeeper.facts import Notice, NoticeKind, PayoutFacts
from tillkeeper.flows.clear_up import clear_up
from tillkeeper.flows.import_bank import import_bank
from tillkeeper.flows.reconcile import ask, reconcile
from tillkeeper.kernel import clock
from tillkeeper.kernel.sheets import FileUnreadableError
from tillkeeper.settlement.runs import Action

IN_TRANSIT, BANK = "gateway:stripe:payout_in_transit:EUR", "bank:EUR"
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


def units(payout: Any) -> str:
    return f"{payout['amount'] // 100}.{payout['amount'] % 100:02d}"


async def test_a_payout_that_the_bank_does_not_have_is_missed_until_it_has(shop: Any) -> None:
    payout = await paid_out(shop)
    await bank(shop, f"{day(6)},1.00,EUR,somebody else")
    assert ("payout_missing_in_bank", "open") in await found(shop)
    await bank(shop, f"{day(3)},{units(payout)},EUR,STRIPE {payout['bank_reference']} PAYOUT")
    assert ("payout_missing_in_bank", "explained") in await found(shop)


async def test_a_card_number_that_a_bank_writes_is_not_kept(shop: Any) -> None:
    spaced = "4242 4242 4242 4242"
    await bank(shop, f"{day(6)},1.00,EUR,CARD {spaced} 12/27 REF 4500012345", f"{day(6)},1.00,EUR,{'x ' * 245}{spaced}")
    kept = [row["reference"] for row in await shop.owner.fetch("SELECT reference FROM bank_line ORDER BY id")]
    assert kept == ["CARD *** 12/27 REF 4500012345", "x " * 245 + "***"]


async def test_no_payout_is_missed_in_an_account_that_ends_before_it(shop: Any) -> None:
    await paid_out(shop)
    await bank(shop, f"{day(0)},1.00,EUR,somebody else")
    assert "payout_missing_in_bank" not in dict(await found(shop))


@pytest.mark.parametrize("reference", [None, ""])
async def test_a_payout_of_which_no_reference_is_known_is_missed_only_where_its_amount_is(
    shop: Any, reference: str | None
) -> None:
    payout = await paid_out(shop)
    await shop.owner.execute("UPDATE payout SET bank_reference = $1", reference)
    await bank(shop, f"{day(6)},1.00,EUR,somebody else")
    assert ("payout_missing_in_bank", "open") in await found(shop)
    await bank(shop, f"{day(3)},{units(payout)},EUR,A PAYOUT")
    assert ("payout_missing_in_bank", "explained") in await found(shop)


async def on_its_way(shop: Any) -> Any:
    """Pay out a sale of which the gateway tells by its line alone; return the payout as it stands here."""
    await shop.paid()
    [sent] = (await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "in_transit"}))["data"]
    await shop.act(f"payouts/{sent['id']}/pay", {"trace": "pending"})
    await compare(shop)
    payout = await shop.owner.fetchrow("SELECT amount, status, gateway_reference FROM payout")
    assert (payout["status"], await shop.ledger(IN_TRANSIT)) == ("created", [payout["amount"]])
    return payout


@pytest.mark.parametrize("words", ["STRIPE PAYMENTS EUROPE", "{gateway_reference} for the 21st"])
@pytest.mark.parametrize("known_before", [False, True])
async def test_a_payout_that_only_its_line_tells_of_arrives_with_the_line_of_the_bank(
    shop: Any,
    words: str,
    known_before: bool,  # noqa: FBT001
) -> None:
    payout = await on_its_way(shop)
    line = f"{day(3)},{units(payout)},EUR,{words.format(**payout)}"
    await bank(shop, line, f"{day(9)},1.00,EUR,somebody else")
    if known_before:
        await bank(shop, line)
    assert await shop.ledger(IN_TRANSIT, BANK) == [0, payout["amount"]]
    assert await shop.count("outbox_event", "type = 'payout.paid'") == 1
    arrived = await shop.owner.fetchval("SELECT effective_at FROM journal WHERE (source, kind) = ('payout', 'paid')")
    assert arrived.date().isoformat() == day(3)
    assert await found(shop) == []


async def test_an_amount_alone_is_shown_to_a_person_whose_word_books_it_until_the_gateway_says_more(shop: Any) -> None:
    payout = await on_its_way(shop)
    await bank(shop, f"{day(3)},{units(payout)},EUR,whatever", f"{day(9)},1.00,EUR,somebody else")
    assert await shop.ledger(IN_TRANSIT, BANK) == [payout["amount"], 0]
    missing = await shop.owner.fetchrow("SELECT id, detail FROM discrepancy WHERE kind = 'payout_missing_in_bank'")
    assert f"It shows the same amount on {day(3)} “whatever”." in missing["detail"]
    await clear_up(shop.till, missing["id"], action=Action.ACCEPT, reason="seen", by="ana")
    assert await shop.ledger(IN_TRANSIT, BANK) == [0, payout["amount"]]
    await shop.catch_up()  # the gateway says so itself
    await ask(shop.later(days=9), "stripe", clock.now().date())
    while await reconcile(shop.later(days=9)):
        pass
    assert ("payout_missing_in_bank", "explained") in await found(shop)
    assert await shop.ledger(IN_TRANSIT, BANK) == [0, payout["amount"]]


async def test_a_line_that_could_be_either_of_two_payouts_is_neither(shop: Any) -> None:
    await on_its_way(shop)
    await shop.owner.execute(
        """
        INSERT INTO payout (id, gateway, gateway_reference, status, amount, currency, automatic)
        SELECT gen_random_uuid(), gateway, 'po_other', status, amount, currency, automatic FROM payout
        """
    )
    amount = await shop.owner.fetchval("SELECT amount FROM payout LIMIT 1")
    await bank(shop, f"{day(3)},{units({'amount': amount})},EUR,STRIPE")
    assert await shop.ledger(BANK) == [0]


async def test_money_that_a_gateway_takes_from_the_bank_leaves_it_with_the_line_of_the_bank(shop: Any) -> None:
    pulled = Notice(
        kind=NoticeKind.PAYOUT_CREATED,
        gateway="stripe",
        references=(),
        amount=-500,
        currency="EUR",
        payout=PayoutFacts(id="po_pull"),
    )
    await shop.apply(pulled)
    assert await shop.ledger(IN_TRANSIT, BANK) == [-500, 0]
    await bank(shop, f"{day(1)},-5.00,EUR,STRIPE")
    assert await shop.ledger(IN_TRANSIT, BANK) == [0, -500]


async def test_a_bank_file_that_is_sent_twice_is_kept_once_also_where_it_repeats_itself(shop: Any) -> None:
    file = (HEADER + f"{day(0)},1.00,EUR,x\n" * 2).encode()
    assert [await import_bank(shop.till, file), await import_bank(shop.till, file)] == [2, 0]


@pytest.mark.parametrize("row", ["yesterday,1.00,EUR,x", f"{day(0)},1.001,EUR,x", f"{day(0)},1.00,EURO,x", "1,2"])
async def test_a_bank_file_with_one_bad_row_is_refused_as_a_whole(shop: Any, row: str) -> None:
    with pytest.raises(FileUnreadableError, match="Row 3"):
        await import_bank(shop.till, f"{HEADER}{day(0)},1.00,EUR,fine\n{row}\n".encode())
    assert await shop.count("bank_line") == 0
