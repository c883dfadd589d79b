"""The official client drives the imitation through the whole life of a payment."""

from typing import Any

import pytest
from apimatic_core.exceptions.auth_validation_exception import AuthValidationException  # type: ignore[import-untyped]
from paypalserversdk.exceptions.error_exception import ErrorException  # type: ignore[import-untyped]

FULL = "return=representation"


def ask(value: str = "20.00", *, intent: str = "CAPTURE", invoice: str | None = None) -> dict[str, Any]:
    unit = {"amount": {"currency_code": "USD", "value": value}, "custom_id": "ours", "description": "120 credits"}
    if invoice:
        unit["invoice_id"] = invoice
    context = {
        "return_url": "https://shop.example/done",
        "cancel_url": "https://shop.example/cart",
        "user_action": "PAY_NOW",
    }
    source = {"paypal": {"experience_context": context}}
    return {"intent": intent, "purchase_units": [unit], "payment_source": source}


def opened(sandbox: Any, key: str = "k1", **more: Any) -> Any:
    return sandbox.sdk.orders.create_order({"body": ask(**more), "paypal_request_id": key, "prefer": FULL}).body


def captured(sandbox: Any, **more: Any) -> Any:
    order = opened(sandbox, **more)
    sandbox.act(f"orders/{order.id}/pay")
    done = sandbox.sdk.orders.capture_order({"id": order.id, "prefer": FULL, "paypal_request_id": "capture"}).body
    return done.purchase_units[0].payments.captures[0]


def issue(error: ErrorException) -> str:
    return str(error.details[0].issue)


def test_an_order_is_opened_approved_captured_and_told_by_three_webhooks(sandbox: Any, until: Any) -> None:
    order = opened(sandbox)
    assert order.status == "PAYER_ACTION_REQUIRED"
    assert [link.rel for link in order.links] == ["self", "payer-action"]
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.orders.capture_order({"id": order.id})
    assert issue(refused.value) == "ORDER_NOT_APPROVED"

    sandbox.act(f"orders/{order.id}/pay")
    assert sandbox.sdk.orders.get_order({"id": order.id}).body.status == "APPROVED"
    done = sandbox.sdk.orders.capture_order({"id": order.id, "prefer": FULL}).body
    capture = done.purchase_units[0].payments.captures[0]
    assert (done.status, capture.status, capture.amount.value) == ("COMPLETED", "COMPLETED", "20.00")
    assert capture.seller_receivable_breakdown.paypal_fee.value == "1.19"
    assert capture.seller_receivable_breakdown.net_amount.value == "18.81"
    until(lambda: len(sandbox.receiver.letters) == 3)
    assert sandbox.event_types() == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
    ]
    assert sorted(sandbox.receiver.types()) == sorted(sandbox.event_types())


def test_an_order_is_captured_once(sandbox: Any) -> None:
    capture = captured(sandbox)
    order = sandbox.lines()[0]["order"]
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.orders.capture_order({"id": order})
    assert (refused.value.response_code, issue(refused.value)) == (422, "ORDER_ALREADY_CAPTURED")
    assert sandbox.sdk.payments.get_captured_payment({"capture_id": capture.id}).body.status == "COMPLETED"
    assert [line["captured"] for line in sandbox.lines()] == [2000]


def test_a_declined_instrument_sends_the_payer_back_who_may_choose_another(sandbox: Any) -> None:
    order = opened(sandbox)
    sandbox.act(f"orders/{order.id}/decline")
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.orders.capture_order({"id": order.id, "paypal_request_id": "c1"})
    assert (refused.value.response_code, issue(refused.value)) == (422, "INSTRUMENT_DECLINED")
    assert "payer-action" in [link.rel for link in refused.value.links]
    assert sandbox.sdk.orders.get_order({"id": order.id}).body.status == "PAYER_ACTION_REQUIRED"

    sandbox.act(f"orders/{order.id}/pay")
    with pytest.raises(ErrorException) as replayed:
        sandbox.sdk.orders.capture_order({"id": order.id, "paypal_request_id": "c1"})
    assert (replayed.value.response_code, issue(replayed.value)) == (422, "INSTRUMENT_DECLINED")
    done = sandbox.sdk.orders.capture_order({"id": order.id, "paypal_request_id": "c2"}).body
    assert done.status == "COMPLETED"
    assert [line["captured"] for line in sandbox.lines()] == [2000]


def test_an_order_can_be_complete_with_a_capture_that_was_declined(sandbox: Any) -> None:
    order = opened(sandbox)
    sandbox.act(f"orders/{order.id}/decline", {"code": "capture_declined"})
    done = sandbox.sdk.orders.capture_order({"id": order.id, "prefer": FULL}).body
    assert (done.status, done.purchase_units[0].payments.captures[0].status) == ("COMPLETED", "DECLINED")
    assert [line["captured"] for line in sandbox.lines()] == [0]
    assert sandbox.event_types()[-1] == "PAYMENT.CAPTURE.DECLINED"


@pytest.mark.parametrize(
    ("outcome", "status", "event", "taken"),
    [
        ("completed", "COMPLETED", "PAYMENT.CAPTURE.COMPLETED", 2000),
        ("denied", "DECLINED", "PAYMENT.CAPTURE.DENIED", 0),
    ],
)
def test_a_capture_can_sit_pending_until_the_money_comes_or_not(
    sandbox: Any, outcome: str, status: str, event: str, taken: int
) -> None:
    order = opened(sandbox)
    sandbox.act(f"orders/{order.id}/pay_slowly", {"kind": "echeck"})
    done = sandbox.sdk.orders.capture_order({"id": order.id, "prefer": FULL, "paypal_request_id": "c"}).body
    capture = done.purchase_units[0].payments.captures[0]
    assert (capture.status, capture.status_details.reason) == ("PENDING", "ECHECK")
    assert [line["captured"] for line in sandbox.lines()] == [0]

    sandbox.act(f"captures/{capture.id}/settle", {"outcome": outcome})
    again = sandbox.sdk.orders.capture_order({"id": order.id, "prefer": FULL, "paypal_request_id": "c"}).body
    assert again.purchase_units[0].payments.captures[0].status == status
    assert sandbox.event_types()[-2:] == ["PAYMENT.CAPTURE.PENDING", event]
    assert [line["captured"] for line in sandbox.lines()] == [taken]


def test_an_authorisation_is_captured_in_part_and_the_rest_is_let_go(sandbox: Any) -> None:
    order = opened(sandbox, intent="AUTHORIZE")
    sandbox.act(f"orders/{order.id}/pay")
    done = sandbox.sdk.orders.authorize_order({"id": order.id, "prefer": FULL}).body
    held = done.purchase_units[0].payments.authorizations[0]
    assert held.status == "CREATED"
    part = {"amount": {"currency_code": "USD", "value": "15.00"}, "final_capture": True}
    made = sandbox.sdk.payments.capture_authorized_payment({"authorization_id": held.id, "body": part}).body
    assert made.status == "COMPLETED"
    assert sandbox.sdk.payments.get_authorized_payment({"authorization_id": held.id}).body.status == "CAPTURED"
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.payments.capture_authorized_payment({"authorization_id": held.id, "body": part})
    assert issue(refused.value) == "AUTHORIZATION_ALREADY_CAPTURED"
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.payments.void_payment({"authorization_id": held.id})
    assert issue(refused.value) == "PREVIOUSLY_CAPTURED"
    assert [(line["captured"], line["captures"]) for line in sandbox.lines()] == [(1500, 1)]
    assert sandbox.event_types() == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.AUTHORIZATION.CREATED",
        "PAYMENT.CAPTURE.COMPLETED",
    ]


def test_an_authorisation_is_voided_once(sandbox: Any) -> None:
    held = sandbox.held()["id"]
    sandbox.sdk.payments.void_payment({"authorization_id": held})
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.payments.void_payment({"authorization_id": held})
    assert issue(refused.value) == "PREVIOUSLY_VOIDED"
    assert sandbox.sdk.payments.get_authorized_payment({"authorization_id": held}).body.status == "VOIDED"
    assert sandbox.event_types()[-1] == "PAYMENT.AUTHORIZATION.VOIDED"


def test_refunds_go_up_to_what_was_captured_and_no_further(sandbox: Any) -> None:
    capture = captured(sandbox)
    part = {"amount": {"currency_code": "USD", "value": "5.00"}, "custom_id": "refund_1"}
    order = {"capture_id": capture.id, "body": part, "prefer": FULL, "paypal_request_id": "r1"}
    made = sandbox.sdk.payments.refund_captured_payment(order).body
    assert (made.status, made.amount.value, made.custom_id) == ("COMPLETED", "5.00", "refund_1")
    assert made.seller_payable_breakdown.paypal_fee.value == "0.00"
    assert sandbox.sdk.payments.refund_captured_payment(order).body.id == made.id
    assert sandbox.sdk.payments.get_refund({"refund_id": made.id}).body.status == "COMPLETED"
    assert sandbox.sdk.payments.get_captured_payment({"capture_id": capture.id}).body.status == "PARTIALLY_REFUNDED"
    too_much = {"amount": {"currency_code": "USD", "value": "15.01"}}
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.payments.refund_captured_payment({"capture_id": capture.id, "body": too_much})
    assert issue(refused.value) == "REFUND_AMOUNT_EXCEEDED"
    sandbox.sdk.payments.refund_captured_payment({"capture_id": capture.id})
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.payments.refund_captured_payment({"capture_id": capture.id})
    assert issue(refused.value) == "CAPTURE_FULLY_REFUNDED"
    assert [(line["refunded"], line["refunds"]) for line in sandbox.lines()] == [(2000, 2)]
    assert sandbox.event_types().count("PAYMENT.CAPTURE.REFUNDED") == 2


def test_refunds_made_and_failed_on_paypals_own_pages_are_told(sandbox: Any) -> None:
    capture = captured(sandbox)
    made = sandbox.act("refunds", {"capture": capture.id, "amount": 700})
    assert [line["refunded"] for line in sandbox.lines()] == [700]
    sandbox.act(f"refunds/{made['id']}/fail")
    assert [line["refunded"] for line in sandbox.lines()] == [0]
    assert sandbox.sdk.payments.get_captured_payment({"capture_id": capture.id}).body.status == "COMPLETED"
    sandbox.act(f"captures/{capture.id}/reverse")
    assert sandbox.event_types()[-3:] == [
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.REFUND.FAILED",
        "PAYMENT.CAPTURE.REVERSED",
    ]


def test_one_invoice_is_paid_once(sandbox: Any) -> None:
    captured(sandbox, key="a", invoice="attempt_1")
    second = opened(sandbox, key="b", invoice="attempt_1")
    sandbox.act(f"orders/{second.id}/pay")
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.orders.capture_order({"id": second.id})
    assert issue(refused.value) == "DUPLICATE_INVOICE_ID"
    assert [line["captured"] for line in sandbox.lines()] == [2000, 0]


def test_an_order_that_nobody_approves_is_forgotten(sandbox: Any, until: Any) -> None:
    order = opened(sandbox)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 3 * 3600 + 1})
    until(lambda: sandbox.lines()[0]["status"] == "VOIDED")
    with pytest.raises(ErrorException) as refused:
        sandbox.sdk.orders.get_order({"id": order.id})
    assert (refused.value.response_code, issue(refused.value)) == (404, "INVALID_RESOURCE_ID")


def test_an_authorisation_lapses_after_29_days(sandbox: Any, until: Any) -> None:
    sandbox.held()
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 29 * 86_400 + 1})
    sandbox.token = ""
    until(lambda: "PAYMENT.AUTHORIZATION.VOIDED" in sandbox.event_types())


def test_movements_are_reported_with_their_fees(sandbox: Any) -> None:
    capture = captured(sandbox, invoice="attempt_1")
    sandbox.sdk.payments.refund_captured_payment({"capture_id": capture.id})
    sandbox.captured(value="20.00")
    sandbox.act("payouts", {"currency": "USD"})
    day = sandbox.events()[0]["create_time"][:10]
    window = {"start_date": f"{day}T00:00:00Z", "end_date": f"{day}T23:59:59Z"}
    listed = sandbox.sdk.transaction_search.search_transactions(window).body.transaction_details
    told = [each.transaction_info for each in listed]
    assert [(each.transaction_event_code, each.transaction_amount.value) for each in told] == [
        ("T0006", "20.00"),
        ("T1107", "-20.00"),
        ("T0006", "20.00"),
        ("T0400", "-17.62"),
    ]
    assert (told[0].fee_amount.value, told[0].invoice_id) == ("-1.19", "attempt_1")
    assert sandbox.control("GET", "books/paypal")["totals"]["USD"]["balance"] == 0
    before = sandbox.get("/v1/reporting/transactions?start_date=2020-01-01T00:00:00Z&end_date=2020-01-02T00:00:00Z")
    assert before.json()["total_items"] == 0


def test_a_wrong_secret_gets_no_token(stranger: Any) -> None:
    with pytest.raises(AuthValidationException):
        stranger.orders.get_order({"id": "5O190127TN364715T"})
