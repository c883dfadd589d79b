"""Stripe's account of us beyond what every gateway's has: conversion, payouts that say nothing, and odd lines."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tillkeeper.facts import LineKind, NoticeKind, SettlementLine
from tillkeeper.gateway import PlaceGoneError
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.gateways.stripe import reports, settlement, webhook
from tillkeeper.gateways.stripe.adapter import Stripe
from tillkeeper.kernel import clock
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.settlement.lines import rules

HEADER = (
    "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,"
    "customer_facing_amount,customer_facing_currency,payment_intent_id,customer_email"
)
ROW = "po_1,txn_1,2026-11-20 09:30:00,{currency},{gross},{fee},{net},{category},ch_1,{facing},{unit},pi_1,a@b.example"
USUAL = {"currency": "eur", "gross": "12.00", "fee": "0.65", "net": "11.35", "category": "charge"} | {
    "facing": "12.00",
    "unit": "eur",
}
CONVERTED = {LineKind.CAPTURE, LineKind.REFUND, LineKind.REFUND_FAILED, LineKind.DISPUTE, LineKind.DISPUTE_REVERSED}


@pytest.fixture
async def stripe(sandbox: Any) -> AsyncIterator[Stripe]:
    secrets = Secrets({"STRIPE_SECRET_KEY": "sk_test_sandbox_for_tests", "STRIPE_WEBHOOK_SECRET": "whsec_x"})
    opened = Stripe(secrets, base=f"{sandbox.url}/stripe")
    yield opened
    await opened.close()


async def account(stripe: Stripe, since: datetime, until: datetime | None = None) -> list[SettlementLine]:
    until = until or clock.now() + timedelta(seconds=1)
    return [line for page in await pages(stripe, since, until) for line in page.lines]


async def pages(stripe: Stripe, since: datetime, until: datetime) -> list[SettlementPage]:
    found, after, more = list[SettlementPage](), None, True
    while more:
        page = await stripe.settlement(since, until, after)
        assert page.unread == ()
        found.append(page)
        after, more = page.after, page.after is not None
    return found


async def traces(stripe: Stripe, until: datetime) -> dict[str, str]:
    told = await pages(stripe, until - timedelta(hours=1), until)
    return {payout: trace for page in told for payout, trace in page.traces.items()}


def entry(**change: Any) -> dict[str, Any]:
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": 1_200,
        "available_on": 1_764_000_000,
        "created": 1_763_900_000,
        "currency": "eur",
        "exchange_rate": None,
        "fee": 65,
        "fee_details": [{"amount": 65, "currency": "eur", "type": "stripe_fee"}],
        "net": 1_135,
        "reporting_category": "charge",
        "source": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {}, "currency": "eur"},
    } | change


def file(**change: str) -> bytes:
    return f"{HEADER}\r\n{ROW.format(**USUAL | change)}\r\n".encode()


async def test_a_converted_payment_keeps_what_the_customer_paid_beside_what_came_of_it(
    sandbox: Any, stripe: Stripe
) -> None:
    began = clock.now() - timedelta(seconds=1)
    sandbox.control("POST", "stripe/conversions", {"from": "usd", "to": "eur", "rate": "0.9123"})
    intent = sandbox.paid(amount=10_001)
    refund = sandbox.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": 333})
    lines = {line.kind: line for line in await account(stripe, began)}
    capture, back = lines[LineKind.CAPTURE], lines[LineKind.REFUND]
    assert (capture.gross, capture.currency, capture.rate, capture.settle_currency) == (10_001, "USD", "0.9123", "EUR")
    assert (capture.net + capture.fee, capture.fee) == (9_124, 295)
    assert (back.gross, back.currency, back.net, back.rate, back.object_id) == (-333, "USD", -304, "0.9123", refund.id)
    file = sandbox.http.get(f"{sandbox.url}/_control/stripe/settlement_file").content
    page = stripe.read_settlement(file)
    assert {line.kind: (line.gross, line.currency, line.net, line.rate) for line in page.lines} == {
        LineKind.CAPTURE: (10_001, "USD", capture.net, None),
        LineKind.REFUND: (-333, "USD", -304, None),
    }


@pytest.mark.parametrize(
    ("currency", "settle", "rate", "amount", "became", "between_majors"),
    [("jpy", "usd", "0.67", 1_000, 670, "0.0067"), ("usd", "jpy", "1.4925", 1_000, 1_493, "149.25")],
)
async def test_a_rate_is_one_between_stripes_own_integers(
    sandbox: Any, stripe: Stripe, currency: str, settle: str, rate: str, amount: int, became: int, between_majors: str
) -> None:
    began = clock.now() - timedelta(seconds=1)
    sandbox.control("POST", "stripe/conversions", {"from": currency, "to": settle, "rate": rate})
    sandbox.paid(amount=amount, currency=currency)
    [line] = await account(stripe, began)
    assert (line.gross, line.net + line.fee, line.rate) == (amount, became, between_majors)


async def test_the_file_contradicts_no_line_of_what_was_settled_in_another_currency(
    sandbox: Any, stripe: Stripe
) -> None:
    sandbox.control("POST", "stripe/conversions", {"from": "usd", "to": "eur", "rate": "0.9123"})
    began = clock.now() - timedelta(seconds=1)
    for kind, end in (("refunds", "fail"), ("disputes", "win")):
        made = sandbox.control("POST", f"stripe/{kind}", {"payment_intent": sandbox.paid(amount=10_001)})
        sandbox.control("POST", f"stripe/{kind}/{made['id']}/{end}")
    lines = await account(stripe, began)
    assert {line.kind for line in lines} == CONVERTED
    file = sandbox.http.get(f"{sandbox.url}/_control/stripe/settlement_file").content
    told = {line.line_id: line for line in stripe.read_settlement(file).lines}
    for line in lines:
        api, other = (rules.read(each, ZoneInfo("UTC"), lambda raw: raw) for each in (line, told[line.line_id]))
        for heard in (rules.hear(api, other), rules.hear(other, api)):
            assert not isinstance(heard, str), heard
            assert (heard.gross, heard.currency, heard.rate) == (line.gross, "USD", "0.9123")


async def test_a_line_is_told_again_with_its_payout_in_the_window_of_the_payout(sandbox: Any, stripe: Stripe) -> None:
    began = clock.now() - timedelta(seconds=1)
    sandbox.paid(amount=10_000)
    [before] = await account(stripe, began)
    assert before.payout_id is None
    ahead = 3 * 86_400
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": ahead})
    [payout] = sandbox.control("POST", "stripe/payouts", {})["data"]
    later = clock.now() + timedelta(seconds=ahead)
    first = await stripe.settlement(later - timedelta(hours=1), later + timedelta(hours=1), None)
    assert [line.kind for line in first.lines] == [LineKind.PAYOUT]
    second = await stripe.settlement(later - timedelta(hours=1), later + timedelta(hours=1), first.after)
    [again] = second.lines
    assert again == replace(before, payout_id=payout["id"], raw=again.raw)


@pytest.mark.parametrize(("membership", "automatic"), [("in_progress", True), ("not_applicable", False)])
async def test_a_payout_that_does_not_say_what_it_is_made_of_takes_no_line_along_and_may_never_say_so(
    sandbox: Any, stripe: Stripe, membership: str, *, automatic: bool
) -> None:
    began = clock.now() - timedelta(seconds=1)
    sandbox.paid(amount=10_000)
    sandbox.control("POST", "stripe/payouts", {"early": True, "membership": membership})
    lines = await account(stripe, began)
    assert sorted(line.kind for line in lines) == [LineKind.CAPTURE, LineKind.PAYOUT]
    assert {line.payout_id for line in lines} == {None}
    assert [line.automatic for line in lines if line.kind is LineKind.PAYOUT] == [automatic]


async def test_what_an_earlier_payout_took_along_is_told_in_the_window_in_which_stripe_could_say_so(
    sandbox: Any, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement, "part_size", 1)
    for _ in range(3):
        sandbox.paid(amount=10_000)
    [payout] = sandbox.control("POST", "stripe/payouts", {"early": True, "membership": "in_progress"})["data"]
    ahead = 2 * 86_400
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": ahead})
    sandbox.control("POST", f"stripe/payouts/{payout['id']}/reconcile")
    sandbox.paid(amount=10_000)
    [other] = sandbox.control("POST", "stripe/payouts", {"early": True})["data"]
    later = clock.now() + timedelta(seconds=ahead)
    lines = await account(stripe, later - timedelta(hours=1), later + timedelta(hours=1))
    told = [line.payout_id for line in lines if line.kind is LineKind.CAPTURE and line.payout_id]
    assert sorted(told) == sorted([payout["id"]] * 3 + [other["id"]])
    assert len({line.line_id for line in lines}) == 5


@pytest.mark.parametrize("place", ["entries txn_gone", "payouts po_gone", "completions evt_gone", "traces po_gone"])
async def test_a_place_behind_something_that_stripe_has_no_more_is_said_to_be_gone(stripe: Stripe, place: str) -> None:
    """Stripe forgets events after a month, and what stands in a test account when it is emptied."""
    until = clock.now()
    with pytest.raises(PlaceGoneError):
        await stripe.settlement(until - timedelta(hours=1), until, place)


async def test_what_the_bank_calls_a_payout_is_told_in_later_windows_once_it_is_known(
    sandbox: Any, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement, "part_size", 1)
    sent = []
    for trace in ("supported", "pending"):
        sandbox.paid(amount=10_000)
        [payout] = sandbox.control("POST", "stripe/payouts", {"early": True, "outcome": "in_transit"})["data"]
        sent.append(sandbox.control("POST", f"stripe/payouts/{payout['id']}/pay", {"trace": trace}))
    later = clock.now() + timedelta(days=14)
    assert await traces(stripe, later) == {sent[0]["id"]: sent[0]["trace_id"]["value"]}
    known = sandbox.control("POST", f"stripe/payouts/{sent[1]['id']}/trace")
    assert (await traces(stripe, later))[known["id"]] == known["trace_id"]["value"]
    assert await traces(stripe, later + timedelta(days=14)) == {}


def test_stripes_own_sample_is_read_as_what_it_is(oracles: Path) -> None:
    sample = json.loads((oracles / "fixtures/stripe/resources/balance_transaction.json").read_text())
    line = settlement.of_entry(sample)
    assert (line.kind, line.object_id, line.gross, line.net, line.currency) == (
        LineKind.CAPTURE,
        "ch_1PgafuB7WZ01zgkWXYmPNZs8",
        100,
        100,
        "USD",
    )
    assert line.occurred_at == datetime.fromtimestamp(1_234_567_890, UTC)


def test_the_tax_on_a_fee_is_told_apart_from_the_fee() -> None:
    parts = [{"amount": 55, "currency": "eur", "type": "stripe_fee"}, {"amount": 10, "currency": "eur", "type": "tax"}]
    line = settlement.of_entry(entry(fee_details=parts))
    assert (line.gross, line.fee, line.tax, line.net) == (1_200, 55, 10, 1_135)
    collected = {"amount": -190, "fee": 0, "fee_details": [], "net": -190, "source": None}
    taxed = settlement.of_entry(entry(**collected, reporting_category="tax"))
    assert (taxed.kind, taxed.gross, taxed.fee, taxed.tax, taxed.net) == (LineKind.FEE, 0, 0, 190, -190)


@pytest.mark.parametrize(
    ("parts", "tax"), [([("stripe_fee", 55), ("tax", 10)], 10), ([("stripe_fee", 65)], 0), (None, None)]
)
def test_a_fee_is_told_with_the_tax_within_it_where_stripe_says_so(
    parts: list[tuple[str, int]] | None, tax: int | None
) -> None:
    details = [{"type": kind, "amount": amount, "currency": "eur"} for kind, amount in parts] if parts else None
    charge = {"captured": True, "payment_intent": "pi_1", "balance_transaction": entry(fee_details=details)}
    [notice] = webhook.of_charge(charge, {})
    assert (notice.kind, notice.amount, notice.tax) == (NoticeKind.PAYMENT_FEE, 65, tax)


def test_what_is_kept_of_a_line_does_not_name_the_customer() -> None:
    named = {"id": "ch_1", "object": "charge", "currency": "eur", "billing_details": {"email": "ana@shop.example"}}
    line = settlement.of_entry(entry(source=named))
    assert "ana" not in line.raw
    assert json.loads(line.raw)["source"] == "ch_1"
    [line] = reports.read(file()).lines
    assert "a@b.example" not in line.raw


def test_a_category_that_is_not_known_is_an_adjustment_for_a_person_to_look_at() -> None:
    assert settlement.of_entry(entry(reporting_category="advance")).kind is LineKind.ADJUSTMENT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gross": '"12,50"'}, "no plain decimal"),
        ({"gross": "12.005"}, "exact amount of EUR"),
        ({"currency": "kwd", "gross": '"1,200"', "facing": "", "unit": ""}, "exact amount of KWD"),
        ({"net": "11.36"}, "does not add up"),
        ({"currency": "EURO"}, "three letters"),
        ({"gross": '"=HYPERLINK(""x"")"'}, "no plain decimal"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_with_its_reason_beside_those_that_can(
    change: dict[str, str], reason: str
) -> None:
    odd = file(**change).decode().replace("txn_1", "txn_odd")
    page = reports.read(odd.encode() + ROW.format(**USUAL).encode())
    [unread] = page.unread
    assert unread.line_id == "txn_odd"
    assert reason in unread.reason
    assert "txn_odd" in unread.raw
    assert [line.line_id for line in page.lines] == ["txn_1"]


def test_a_row_that_is_too_short_is_kept_under_a_name_of_its_own() -> None:
    page = reports.read(file() + b"po_1,txn_2,2026-11-20\r\n")
    assert [line.line_id for line in page.lines] == ["txn_1"]
    [unread] = page.unread
    assert unread.line_id.startswith("sha256:")
    assert "3 cells" in unread.reason
    assert page == reports.read(file() + b"po_1,txn_2,2026-11-20\r\n")


def test_thousands_and_brackets_of_a_report_are_understood() -> None:
    amounts = {"gross": '"(1,200.00)"', "fee": "0", "net": '"-1,200.00"', "category": "refund", "facing": '"-1,200.00"'}
    [line] = reports.read(file(**amounts)).lines
    assert (line.kind, line.gross, line.net) == (LineKind.REFUND, -120_000, -120_000)
