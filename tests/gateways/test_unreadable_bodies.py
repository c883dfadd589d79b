"""Bodies and files that parsers once took for something, or that led to another error than the promised one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tillkeeper.facts import Notice
from tillkeeper.gateway import PayloadUnreadableError, Unknown
from tillkeeper.gateways.paypal import webhook as paypal
from tillkeeper.gateways.razorpay import entities, reports
from tillkeeper.gateways.razorpay import webhook as razorpay
from tillkeeper.gateways.square import calls
from tillkeeper.gateways.square import webhook as square
from tillkeeper.gateways.stripe import webhook as stripe

EUROS = {"value": "12.00", "currency_code": "EUR"}
DISPUTE = {"id": "dp_1", "status": "needs_response", "amount": 1_200, "currency": "eur", "charge": "ch_1"}
CAPTURE = {"id": "8AB1", "status": "COMPLETED", "amount": EUROS, "update_time": "2026-11-20T10:00:00Z"}
PAYMENT = {"id": "pay_1", "status": "captured", "amount": 1_200, "currency": "INR", "order_id": "order_1"}
CARD = {"id": "p-1", "status": "COMPLETED", "total_money": {"amount": 1_200, "currency": "USD"}}
deep = 100_000


def of_stripe(kind: str, thing: dict[str, Any], created: object = 1_763_900_000) -> list[Notice]:
    event = {"id": "evt_1", "type": kind, "created": created, "data": {"object": thing}}
    return stripe.translate(json.dumps(event).encode())


def of_paypal(resource: dict[str, Any], at: object = "2026-11-20T10:00:00Z") -> list[Notice]:
    event = {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": resource, "create_time": at}
    return paypal.translate(json.dumps(event).encode(), live=False)


def of_razorpay(payment: dict[str, Any], at: object = 1_763_900_000) -> list[Notice]:
    event = {"event": "payment.captured", "payload": {"payment": {"entity": payment}}, "created_at": at}
    return razorpay.translate(json.dumps(event).encode())


def of_square(payment: dict[str, Any], at: object = "2026-11-20T10:00:00Z") -> list[Notice]:
    event = {"event_id": "e", "type": "payment.updated", "created_at": at, "data": {"object": {"payment": payment}}}
    return square.translate(json.dumps(event).encode(), live=False)


def of_fractions(amount: float) -> list[Notice]:
    """Tell of a dispute whose money moved in another currency than the customer's, in fractions."""
    moved = [{"amount": amount, "fee": 0, "currency": "usd"}, {"amount": 5, "fee": 0, "currency": "usd"}]
    return of_stripe("charge.dispute.created", DISPUTE | {"balance_transactions": moved})


def test_the_events_are_read_as_they_are() -> None:
    assert of_fractions(-1_300)
    assert of_paypal(CAPTURE)
    assert of_razorpay(PAYMENT)
    assert of_square(CARD)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda: of_fractions(-1_300.5), id="a share of a dispute that is a fraction"),
        pytest.param(lambda: of_stripe("charge.dispute.created", DISPUTE | {"id": 7}), id="an id that is a number"),
        pytest.param(lambda: of_stripe("charge.dispute.created", DISPUTE, 1e300), id="a moment beyond all calendars"),
        pytest.param(lambda: of_stripe("payout.paid", {"id": "po_1", "status": []}), id="a status that is a list"),
        pytest.param(lambda: of_paypal(CAPTURE | {"id": ["8AB1"]}), id="an id that is a list"),
        pytest.param(lambda: of_paypal(CAPTURE, "20261120"), id="a moment without a zone"),
        pytest.param(lambda: of_paypal(CAPTURE | {"supplementary_data": 5}), id="a number in place of an object"),
        pytest.param(lambda: of_paypal({}), id="nothing in an object"),
        pytest.param(lambda: of_razorpay(PAYMENT | {"amount": 10**30}), id="an amount that no column holds"),
        pytest.param(lambda: of_razorpay(PAYMENT | {"order_id": {"a": 1}}), id="an id that is an object"),
        pytest.param(lambda: of_razorpay(PAYMENT, 10**30), id="a moment after the end of time"),
        pytest.param(lambda: of_square(CARD | {"total_money": {"amount": 2**63, "currency": "USD"}}), id="2**63"),
        pytest.param(lambda: of_square(CARD | {"order_id": 1.5}), id="an order that is a fraction"),
        pytest.param(lambda: of_square(CARD | {"id": None}), id="no id"),
        pytest.param(lambda: of_square(CARD, 5), id="a moment that is a number"),
        pytest.param(lambda: stripe.translate(b"[" * deep), id="deep nesting"),
        pytest.param(lambda: square.translate(b"\xff", live=False), id="no text"),
    ],
)
def test_what_a_gateway_never_says_is_unreadable_and_no_fact(read: Callable[[], list[Notice]]) -> None:
    with pytest.raises(PayloadUnreadableError):
        read()


def test_a_dead_letter_still_says_which_field_is_missing() -> None:
    with pytest.raises(PayloadUnreadableError, match="KeyError: 'id'"):
        of_razorpay({name: value for name, value in PAYMENT.items() if name != "id"})


def test_notes_of_a_report_that_are_nested_without_end_make_one_line_unreadable_and_no_accident() -> None:
    header = (
        "transaction_entity,entity_id,amount,currency,fee (exclusive tax),tax,debit,credit,entity_created_at,"
        "refund_notes,settlement_id,settled_at"
    )
    row = "refund,rfnd_1,10.00,INR,0,0,10.00,0,20/11/2026 10:30:00,{},setl_1,20/11/2026 23:45:00"
    good, bad = row.format("{}"), row.format("[" * deep)
    page = reports.read(f"{header}\n{good}\n{bad}\n{good.replace('rfnd_1', 'rfnd_2')}\n".encode())
    assert [line.line_id for line in page.lines] == ["rfnd_1", "rfnd_2"]
    assert [line.line_id for line in page.unread] == ["rfnd_1"]


def test_an_answer_that_tells_a_moment_beyond_all_calendars_leaves_the_outcome_unknown() -> None:
    def read(_answer: object) -> Any:
        return entities.moment(10**30)

    assert isinstance(calls.read_safely(read, {}), Unknown)
