"""A file of the dashboard says less than the account: it contradicts nothing, whichever of the two comes first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_accepting import accepted
from tests.flows.test_claim import disputed, ended
from tests.flows.test_import_settlement import downloaded
from tests.flows.test_reconcile import Told, found

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.flows.import_settlement import import_file, import_settlement
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.kernel import clock
from tillkeeper.till import Till

HERE, THERE = "gateway:stripe:clearing:EUR", "gateway:stripe:clearing:USD"
ASIDE = "suspense:stripe:USD"


async def compare(till: Till, shop: Any) -> list[tuple[str, str]]:
    while await reconcile(till):
        pass
    return await found(shop)


async def taxed(shop: Any) -> Till:
    """Lend a till whose Stripe adds tax to its fees, as it does in some countries."""
    stripe, now = shop.till.gateways["stripe"], clock.now()
    page = await stripe.settlement(now - timedelta(hours=1), now + timedelta(hours=1), None)
    lines = tuple(_taxed(line) for line in page.lines)
    later: Till = shop.later(hours=2)
    return replace(later, gateways={"stripe": Told(stripe, lines)})


def _taxed(line: SettlementLine) -> SettlementLine:
    return replace(line, fee=line.fee - 6, tax=6) if line.kind is LineKind.CAPTURE else line


async def abroad(shop: Any) -> str:
    """Settle in dollars what is sold in euros, and let a customer dispute it; return the dispute."""
    await shop.act("conversions", {"from": "eur", "to": "usd", "rate": "1.0873"})
    return await disputed(shop, await shop.paid())


async def theirs(shop: Any) -> int:
    """Ask the gateway what stands on our account there."""
    return int(await shop.owner.fetchval("SELECT sum(net) FROM settlement_line WHERE settle_currency = 'USD'"))


async def test_a_file_that_leaves_out_the_tax_on_fees_contradicts_no_line(shop: Any) -> None:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    till = await taxed(shop)
    await import_settlement(till)
    taken = await import_file(till, "stripe", await downloaded(shop))
    assert (taken.new, taken.contradicting) == (0, 0)
    assert await shop.owner.fetchval("SELECT tax FROM settlement_line WHERE kind = 'capture'") == 6
    assert await compare(till, shop) == []


@pytest.mark.parametrize("file_first", [False, True])
async def test_a_file_with_a_dispute_in_the_currency_of_the_balance_contradicts_no_line(
    shop: Any, *, file_first: bool
) -> None:
    await abroad(shop)
    till, file = shop.later(hours=2), await downloaded(shop)
    if file_first:
        await import_file(till, "stripe", file)
    await import_settlement(till)
    taken = await import_file(till, "stripe", file)
    assert (taken.new, taken.contradicting) == (0, 0)
    row = await shop.owner.fetchrow("SELECT gross, currency, rate FROM settlement_line WHERE kind = 'dispute'")
    assert tuple(row) == (-199, "EUR", "1.0873")
    assert await compare(till, shop) == []
    assert await shop.ledger(HERE, THERE, ASIDE) == [0, await theirs(shop), 0]


@pytest.mark.parametrize("end", [None, "win"])
async def test_a_dispute_that_only_a_file_tells_of_in_another_currency_can_be_accepted(
    shop: Any, end: str | None
) -> None:
    dispute = await abroad(shop)
    if end:
        await ended(shop, dispute, end)
    till = shop.later(hours=2)
    await import_file(till, "stripe", await downloaded(shop))
    assert await compare(till, shop) == [("currency_mismatch", "open")]
    assert await shop.ledger(THERE) == [await theirs(shop)]
    await accepted(shop, "currency_mismatch")
    assert await shop.ledger(HERE, THERE, ASIDE) == [0, await theirs(shop), 0]


async def test_what_was_accepted_of_a_dispute_is_undone_when_the_account_tells_what_the_customer_knows(
    shop: Any,
) -> None:
    await abroad(shop)
    till = shop.later(hours=2)
    await import_file(till, "stripe", await downloaded(shop))
    await compare(till, shop)
    await accepted(shop, "currency_mismatch")
    await import_settlement(till)
    assert await compare(till, shop) == [("currency_mismatch", "explained")]
    assert await shop.ledger(HERE, THERE, ASIDE) == [0, await theirs(shop), 0]
