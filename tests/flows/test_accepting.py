"""What accepting a disagreement does to the books: clearing is the gateway's balance, and nothing is invented."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_claim import disputed
from tests.flows.test_reconcile import CLEARING, SUSPENSE, found, only_line, tell

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.flows.clear_up import clear_up, preview
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.settlement.runs import Action

IN_TRANSIT, BANK = "gateway:stripe:payout_in_transit:EUR", "bank:EUR"
Play = Callable[[Any], Awaitable[None]]


def another(line: SettlementLine, **change: Any) -> SettlementLine:
    """Make a line of something that nobody here knows; without a change it only says that time has gone by."""
    new = {"line_id": "txn_else", "object_id": "pi_else", "our_reference": None}
    return replace(line, **(new | change))


def later(line: SettlementLine) -> SettlementLine:
    return another(line, occurred_at=clock.now() + timedelta(seconds=1), gross=0, fee=0, net=0)


async def a_strange_capture(shop: Any) -> None:
    await shop.pay(await shop.opened())
    await tell(shop, another(await only_line(shop)))


async def a_capture_that_is_gone(shop: Any) -> None:
    await shop.paid()
    await tell(shop, later(await only_line(shop)))


async def a_refund_that_is_gone(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    line = await only_line(shop)
    await tell(shop, line, later(line))


async def a_payout_that_is_gone(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    await tell(shop, line, later(line))


async def a_payout_on_its_way_that_is_gone(shop: Any) -> None:
    await a_payout_that_is_gone(shop)
    # As if Stripe had never said that it arrived.
    await shop.owner.execute("UPDATE payout SET status = 'created'")
    await shop.owner.execute("DELETE FROM discrepancy")
    await shop.owner.execute("UPDATE reconciliation_run SET status = 'due', asked = asked + 1")
    await tell(shop)


def a_capture_of(**change: Any) -> Play:
    async def play(shop: Any) -> None:
        await shop.paid()
        line = await only_line(shop)
        told = replace(line, **change)
        await tell(shop, replace(told, net=told.gross - told.fee - told.tax))

    return play


async def a_refund_of_more(shop: Any) -> None:
    await refunded(shop, -120)


async def a_refund_of_less(shop: Any) -> None:
    await refunded(shop, -90)


async def refunded(shop: Any, gross: int) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    line = await only_line(shop)
    reference = await shop.owner.fetchval("SELECT gateway_reference FROM refund")
    back = {"kind": LineKind.REFUND, "object_id": reference, "gross": gross, "fee": 0, "net": gross}
    await tell(shop, line, another(line, **back))


async def a_refund_that_we_have_not_heard_of(shop: Any) -> None:
    await refunded(shop, -99)
    await shop.owner.execute("DELETE FROM settlement_link WHERE side = 'refund'")


async def a_stranger(shop: Any, kind: LineKind, net: int) -> None:
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, line, another(line, kind=kind, gross=net, fee=0, net=net))


def a_strange(kind: LineKind, net: int) -> Play:
    return lambda shop: a_stranger(shop, kind, net)


async def an_unheard_capture(shop: Any) -> None:
    await shop.pay(await shop.opened())
    await tell(shop, await only_line(shop))


async def a_second_capture(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, line, replace(line, line_id="txn_again", object_id="pi_again"))


async def a_dearer_dispute(shop: Any) -> None:
    payment = await shop.paid()
    line = await only_line(shop)
    dispute = await disputed(shop, payment)
    held = {"kind": LineKind.DISPUTE, "object_id": dispute, "gross": -199, "fee": 1_700, "net": -1_899}
    await tell(shop, line, another(line, **held))


async def a_larger_dispute(shop: Any) -> None:
    payment = await shop.paid()
    line = await only_line(shop)
    dispute = await disputed(shop, payment)
    held = {"kind": LineKind.DISPUTE, "object_id": dispute, "gross": -250, "fee": 1_500, "net": -1_750}
    await tell(shop, line, another(line, **held))


async def a_rest_that_nothing_explains(shop: Any) -> None:
    await shop.paid()
    line = await only_line(shop)
    # As if the fee had been corrected in our figures and not in the books.
    await shop.owner.execute("UPDATE payment SET fee = fee + 4")
    await tell(shop, replace(line, fee=line.fee + 4, net=line.net - 4, payout_id="po_1"))


async def a_worse_rate(shop: Any) -> None:
    await shop.act("conversions", {"from": "eur", "to": "usd", "rate": "1.0873"})
    await shop.paid()
    line = await only_line(shop)
    await tell(shop, replace(line, net=line.net - 5))


@pytest.mark.parametrize(
    ("play", "kind", "accounts"),
    [
        (a_strange_capture, "missing_internal", {"revenue:other:EUR": -163}),
        (a_capture_that_is_gone, "missing_at_gateway", {"chargeback_loss:EUR": 163}),
        (a_refund_that_is_gone, "missing_at_gateway", {"refund_payable:EUR": -99}),
        (a_payout_that_is_gone, "missing_at_gateway", {BANK: -163}),
        (a_payout_on_its_way_that_is_gone, "missing_at_gateway", {IN_TRANSIT: -163}),
        (a_capture_of(gross=210), "amount_over", {"revenue:other:EUR": -11}),
        (a_capture_of(gross=180), "amount_under", {"chargeback_loss:EUR": 19}),
        (a_capture_of(fee=40), "fee_mismatch", {"fees:stripe:processing:EUR": 4}),
        (
            a_capture_of(currency="USD", settle_currency="USD"),
            "currency_mismatch",
            {"fx:trade:EUR": 163, "fx:trade:USD": -163},
        ),
        (a_refund_of_more, "amount_over", {"refunds_of_earned:EUR": 21}),
        (a_refund_of_less, "amount_under", {"refunds_of_earned:EUR": -9}),
        (a_strange(LineKind.REFUND, -99), "refund_unlinked", {"refunds_of_earned:EUR": 99}),
        (a_strange(LineKind.REFUND_FAILED, 99), "refund_unlinked", {"refunds_of_earned:EUR": -99}),
        (a_strange(LineKind.DISPUTE, -99), "dispute_unlinked", {"chargeback_loss:EUR": 99}),
        (a_strange(LineKind.DISPUTE_REVERSED, 99), "dispute_unlinked", {"chargeback_loss:EUR": -99}),
        (a_strange(LineKind.ADJUSTMENT, -99), "orphan_adjustment", {"chargeback_loss:EUR": 99}),
        (a_strange(LineKind.ADJUSTMENT, 99), "orphan_adjustment", {"revenue:other:EUR": -99}),
        (an_unheard_capture, "status_mismatch", {"revenue:other:EUR": -163}),
        (a_second_capture, "duplicate_at_gateway", {"revenue:other:EUR": -163}),
        (a_dearer_dispute, "fee_mismatch", {"fees:stripe:dispute:EUR": 200}),
        (a_larger_dispute, "amount_over", {"chargeback_loss:EUR": 51}),
        (a_rest_that_nothing_explains, "clearing_not_zero", {"chargeback_loss:EUR": 4}),
    ],
)
async def test_what_is_accepted_leaves_clearing_at_the_gateways_balance_and_moves_one_account_alone(
    shop: Any, play: Play, kind: str, accounts: dict[str, int]
) -> None:
    await play(shop)
    assert await accepted(shop, kind) == accounts
    await agree(shop)


@pytest.mark.parametrize("action", Action)
async def test_what_a_person_has_closed_leaves_no_rest_of_a_payment_that_was_paid_out(
    shop: Any, action: Action
) -> None:
    await a_capture_of(fee=40, payout_id="po_1")(shop)
    discrepancy = await shop.owner.fetchval("SELECT id FROM discrepancy WHERE kind = 'fee_mismatch'")
    await clear_up(shop.till, discrepancy, action=action, reason="seen", by="ana")
    await shop.owner.execute("UPDATE reconciliation_run SET status = 'due', asked = asked + 1")
    await tell(shop)
    assert await found(shop) == [("fee_mismatch", "closed")]
    await agree(shop)


async def test_the_rest_of_an_exchange_is_gain_or_loss(shop: Any) -> None:
    await a_worse_rate(shop)
    assert await accepted(shop, "fx_residual") == {"fx:trade:USD": -5, "fx_gain_loss:USD": 5}
    await agree(shop)


async def test_the_wrong_currency_is_no_income_neither_at_once_nor_when_the_goods_are_used(shop: Any) -> None:
    await a_capture_of(currency="USD", settle_currency="USD")(shop)
    await accepted(shop, "currency_mismatch")
    await shop.spend(120)
    earned = await shop.ledger("revenue:credits:EUR", "revenue:other:EUR", "revenue:other:USD", "revenue:credits:USD")
    assert earned == [199, 0, 0, 0]
    await agree(shop)


async def a_capture_the_wrong_way_round(shop: Any) -> None:
    await a_capture_of(gross=-199)(shop)


async def a_dispute_that_is_gone(shop: Any) -> None:
    payment = await shop.paid()
    await disputed(shop, payment)
    line = await only_line(shop)
    await tell(shop, line, later(line))


@pytest.mark.parametrize(
    ("play", "kind", "words"),
    [
        (a_capture_the_wrong_way_round, "direction_mismatch", "Ask the gateway why"),
        (a_dispute_that_is_gone, "missing_at_gateway", "ask the gateway"),
    ],
)
async def test_what_has_no_account_is_refused_with_what_to_do_instead_and_stays_open(
    shop: Any, play: Play, kind: str, words: str
) -> None:
    await play(shop)
    discrepancy = await shop.owner.fetchval("SELECT id FROM discrepancy WHERE kind = $1 AND status = 'open'", kind)
    for attempt in (
        preview(shop.till, discrepancy),
        clear_up(shop.till, discrepancy, action=Action.ACCEPT, reason="seen", by="ana"),
    ):
        with pytest.raises(InvalidStateError, match=words):
            await attempt
    assert (kind, "open") in await found(shop)
    await clear_up(shop.till, discrepancy, action=Action.IGNORE, reason="seen", by="ana")


@pytest.mark.parametrize(("returned", "on_its_way"), [(False, -500), (True, 0)])
async def test_a_payout_below_zero_comes_from_the_bank_and_needs_no_word_of_a_person(
    shop: Any,
    returned: bool,  # noqa: FBT001
    on_its_way: int,
) -> None:
    await shop.paid()
    line = await only_line(shop)
    pulled = another(line, kind=LineKind.PAYOUT, object_id="po_pull", gross=500, fee=0, net=500)
    held = replace(pulled, line_id="txn_held", kind=LineKind.RESERVE, gross=-500, net=-500, payout_id="po_pull")
    lines = [line, pulled, held]
    if returned:
        lines.append(replace(pulled, line_id="txn_back", kind=LineKind.PAYOUT_FAILED, gross=-500, net=-500))
    await tell(shop, *lines)
    assert await found(shop) == []
    assert await shop.ledger(IN_TRANSIT, SUSPENSE) == [on_its_way, 0]
    await agree(shop)


async def accepted(shop: Any, kind: str) -> dict[str, int]:
    """Accept the one open disagreement of a kind; return what that moved besides clearing and suspense."""
    [row] = await shop.owner.fetch("SELECT id FROM discrepancy WHERE status = 'open' AND kind = $1", kind)
    moved: Counter[str] = Counter()
    for journal in await clear_up(shop.till, row["id"], action=Action.ACCEPT, reason="seen", by="ana"):
        for each in journal.postings:
            moved[each.debit.code] += each.amount
            moved[each.credit.code] -= each.amount
    return {code: amount for code, amount in moved.items() if amount and code not in HELD}


HELD = {CLEARING, SUSPENSE, CLEARING.replace("EUR", "USD"), SUSPENSE.replace("EUR", "USD")}


async def agree(shop: Any) -> None:
    """Compare the books with what the gateway's own lines come to, in every currency."""
    rows = await shop.owner.fetch("SELECT settle_currency AS currency, sum(net) AS net FROM settlement_line GROUP BY 1")
    told = {f"gateway:stripe:clearing:{row['currency']}": int(row["net"]) for row in rows}
    for code in HELD:
        if "clearing" in code:
            assert await shop.ledger(code) == [told.get(code, 0)], code
