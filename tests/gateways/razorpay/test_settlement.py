"""Razorpay's account of us beyond what every gateway's has: days in India, fees with tax, and its own samples."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.facts import LineKind, NoticeKind, SettlementLine, UnreadLine
from tillkeeper.gateway import Accepted
from tillkeeper.gateway.lines import read_line
from tillkeeper.gateways.razorpay import reports, settlement
from tillkeeper.gateways.razorpay.adapter import Razorpay

HEADER = (
    "transaction_entity,entity_id,amount,currency,fee (exclusive tax),tax,debit,credit,entity_created_at,"
    "entity_description,order_receipt,refund_notes,dispute_id,settlement_id,settled_at"
)
ROW = "payment,pay_1,1000.00,INR,20.00,3.60,0.00,976.40,{made},,attempt_1,,,setl_1,20/11/2026 23:45:00"


def item(**change: Any) -> dict[str, Any]:
    return {
        "entity_id": "pay_1",
        "type": "payment",
        "debit": 0,
        "credit": 97_640,
        "amount": 100_000,
        "currency": "INR",
        "fee": 2_360,
        "tax": 360,
        "created_at": 1_763_900_000,
        "settled_at": 1_764_000_000,
        "settlement_id": "setl_1",
        "order_receipt": "attempt_1",
        "notes": {"payment": "payment_by_the_browser"},
    } | change


def read(thing: dict[str, Any]) -> SettlementLine | UnreadLine:
    return read_line("razorpay", "{}", lambda: settlement.of_item(thing))


def test_razorpays_own_sample_is_read_line_by_line(oracles: Path) -> None:
    sample = json.loads((oracles / "fixtures/razorpay/api/settlements__fetch-recon__1-success.json").read_text())
    lines = [settlement.of_item(each) for each in sample["items"]]
    assert [(line.kind, line.gross, line.fee, line.tax, line.net) for line in lines] == [
        (LineKind.CAPTURE, 100_000, 2_900, 0, 97_100),
        (LineKind.REFUND, -242_500, 0, 0, -242_500),
        (LineKind.ADJUSTMENT, -100_000, 250, 46, -100_296),
        (LineKind.ADJUSTMENT, 1_012, 0, 0, 1_012),
    ]
    assert all(isinstance(read(each), SettlementLine) for each in sample["items"])
    assert {line.payout_id for line in lines} == {"setl_DGlQ1Rj8os78Ec"}
    assert lines[1].parent_id == "pay_DEXq1pACSqFxtS"


def test_a_payout_of_razorpays_own_sample_is_read(oracles: Path) -> None:
    sample = json.loads((oracles / "fixtures/razorpay/api/settlements__fetch-all__1-success.json").read_text())
    for each in sample["items"]:
        line = settlement.of_settlement(each)
        assert (line.kind, line.net, line.object_id) == (LineKind.PAYOUT, -each["amount"], each["id"])


def test_the_fee_of_a_line_is_without_the_tax_that_razorpay_counts_into_it() -> None:
    line = settlement.of_item(item())
    assert (line.fee, line.tax, line.net) == (2_000, 360, 97_640)
    assert line.our_reference == "attempt_1"


def test_a_fee_that_fee_credits_or_an_invoice_paid_is_not_taken_from_the_balance() -> None:
    line = settlement.of_item(item(credit=100_000, credit_type="fee"))
    assert (line.gross, line.fee, line.tax, line.net) == (100_000, 0, 0, 100_000)


def test_a_line_that_does_not_add_up_is_not_read() -> None:
    unread = read(item(credit=97_641))
    assert isinstance(unread, UnreadLine)
    assert "does not add up" in unread.reason


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 500), ("KWD", 12_340), ("ISK", 500), ("HUF", 300_050)])
def test_lines_are_exact_in_currencies_that_razorpay_counts_otherwise(currency: str, amount: int) -> None:
    line = settlement.of_item(item(currency=currency, amount=amount, credit=amount, fee=0, tax=0))
    assert (line.gross, line.net, line.currency, line.settle_currency) == (amount, amount, currency, currency)


def test_a_currency_whose_decimals_are_not_known_is_not_read() -> None:
    assert isinstance(read(item(currency="XXX")), UnreadLine)


async def test_a_fee_is_told_with_the_tax_within_it(sandbox: Any, gateway: Razorpay) -> None:
    payment = sandbox.paid(amount=100_000)
    outcome = await gateway.fetch_fee(payment["id"])
    assert isinstance(outcome, Accepted)
    [notice] = outcome.notices
    assert (notice.kind, notice.amount, notice.tax) == (NoticeKind.PAYMENT_FEE, 2_360, 360)


async def test_the_report_is_asked_for_by_days_in_india(sandbox: Any, gateway: Razorpay) -> None:
    sandbox.paid(amount=100_000)
    [sent] = sandbox.act("settlements", early=True)["items"]
    made = datetime.fromtimestamp(sent["created_at"], UTC)
    wide = (made - timedelta(hours=30), made + timedelta(hours=30))
    found, after, more, days = list[SettlementLine](), None, True, 0
    while more:
        page = await gateway.settlement(*wide, after)
        found += page.lines
        after, more, days = page.after, page.after is not None, days + 1
    assert {line.kind for line in found} == {LineKind.CAPTURE, LineKind.PAYOUT}
    assert len({line.line_id for line in found}) == len(found)
    routes = sandbox.control("GET", "calls")["routes"]
    assert routes["GET /v1/settlements/recon/combined"]["calls"] in {3, 4}
    assert days == routes["GET /v1/settlements/recon/combined"]["calls"] + 1


@pytest.mark.parametrize("made", ["20/11/2026 10:30:00", "2026-11-20T10:30:00", "2026-11-20 05:00:00+00:00"])
def test_times_of_a_report_are_indian_however_they_are_written(made: str) -> None:
    [line] = reports.read(f"{HEADER}\n{ROW.format(made=made)}\n".encode()).lines
    assert line.occurred_at == datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert (line.gross, line.fee, line.tax, line.net) == (100_000, 2_000, 360, 97_640)


def test_a_time_that_is_none_leaves_a_row_unread() -> None:
    page = reports.read(f"{HEADER}\n{ROW.format(made='31/31/2026 10:30:00')}\n".encode())
    assert (page.lines, [unread.line_id for unread in page.unread]) == ((), ["pay_1"])
