"""What becomes of files that others wrote: lines, or the one error that a file may end in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz import events
from tests.fuzz.strange import JSON, LEAVES, fuzzed, spoilt

from tillkeeper import settlement
from tillkeeper.adoption import UnreadableError
from tillkeeper.adoption.rules import read as read_history
from tillkeeper.gateways.paypal import reports as paypal_reports
from tillkeeper.gateways.razorpay import reports as razorpay_reports
from tillkeeper.gateways.stripe import reports as stripe_reports
from tillkeeper.kernel.money import amount_max
from tillkeeper.kernel.sheets import FileUnreadableError

pytestmark = pytest.mark.timeout(900)
REPORTS = {
    "stripe": (
        stripe_reports.read,
        (
            "balance_transaction_id,reporting_category,created_utc,currency,gross,fee,net,source_id,available_on_utc,"
            "automatic_payout_id,customer_facing_amount,customer_facing_currency,charge_id,payment_intent_id,"
            "payment_metadata[payment],refund_metadata[refund]"
        ),
        (
            "txn_1,charge,2026-11-20 09:30:00,eur,12.00,0.65,11.35,ch_1,2026-11-22 00:00:00,po_1,12.00,eur,ch_1,pi_1,"
            f"{events.PAYMENT},"
        ),
        "",
    ),
    "razorpay": (
        razorpay_reports.read,
        (
            "transaction_entity,entity_id,amount,currency,fee (exclusive tax),tax,debit,credit,entity_created_at,"
            "entity_description,order_receipt,refund_notes,dispute_id,settlement_id,settled_at,payment_id,order_id"
        ),
        (
            "refund,rfnd_1,1000.00,INR,0,0,1000.00,0.00,20/11/2026 10:30:00,x,attempt_1,{},,setl_1,20/11/2026 23:45:00,"
            "pay_1,order_1"
        ),
        "",
    ),
    "paypal": (
        paypal_reports.read,
        (
            "RH,2026/05/02 03:00:00 +0000,X,1.0\nCH,Transaction ID,Transaction Event Code,Transaction Initiation Date,"
            "Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,"
            "Fee Amount,Fee Currency,PayPal Reference ID,Invoice ID,Custom Field"
        ),
        f"SB,8AB1,T0006,2026/05/01 10:00:00 -0700,CR,1200,EUR,DR,91,EUR,9XY1,attempt_1,{events.PAYMENT}",
        "SC,1\nFF,1\n",
    ),
    "a bank": (settlement.read_bank, "date,amount,currency,reference", "2026-11-20,12.34,EUR,STRIPE PAYOUT", ""),
}
CELLS = LEAVES.map(str) | st.text(max_size=30) | st.sampled_from(('"', '"x', "[" * 100_000, "{" * 50_000, "\r", "()"))


@st.composite
def reports(draw: st.DrawFn, name: str) -> bytes:
    """Write a report with something else in a few cells of its rows, and sometimes of its header."""
    _, header, row, end = REPORTS[name]
    cells = row.split(",")
    for _ in range(draw(st.integers(0, 3))):
        cells[draw(st.integers(0, len(cells) - 1))] = draw(CELLS)
    if draw(st.integers(0, 9)) == 0:
        header = draw(CELLS) + header[draw(st.integers(0, len(header))) :]
    file = f"{header}\n{','.join(cells)}\n{end}".encode(errors="replace")
    return file[: draw(st.integers(0, len(file)))] if draw(st.integers(0, 9)) == 0 else file


@pytest.mark.parametrize("name", REPORTS)
def test_a_file_is_read_or_refused_and_nothing_else_whatever_is_in_it(name: str) -> None:
    read, header, row, end = REPORTS[name]
    assert read(f"{header}\n{row}\n{end}".encode())

    @fuzzed
    @given(reports(name) | st.binary(max_size=300))
    def go(file: bytes) -> None:
        try:
            found = read(file)
        except FileUnreadableError:
            return
        for line in getattr(found, "lines", ()):
            assert all(type(each) is int for each in (line.gross, line.fee, line.tax, line.net))
            assert max(abs(line.gross), abs(line.net)) <= amount_max
            assert line.occurred_at.tzinfo

    go()


HISTORY = {
    "object": "payment",
    "id": "old-1",
    "gateway": "stripe",
    "user": "ana",
    "amount": 1_200,
    "currency": "EUR",
    "status": "succeeded",
    "created_at": "2025-01-01T00:00:00Z",
    "refunds": [{"amount": 100, "created_at": "2025-01-02T00:00:00Z"}],
}


def test_the_line_of_an_earlier_system_that_is_spoilt_here_is_read_before_it_is() -> None:
    assert read_history(json.dumps(HISTORY).encode(), major_units=False) is not None


@fuzzed
@given(spoilt((HISTORY,)) | JSON | st.binary(max_size=300))
def test_a_line_of_an_earlier_system_is_read_or_refused_and_nothing_else(line: bytes) -> None:
    try:
        read_history(line, major_units=False)
    except UnreadableError as refused:
        assert str(refused)  # noqa: PT017 (either is right)
