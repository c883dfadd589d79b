"""Events of every gateway with each field that is read of them: what tests of the parsers spoil."""

from typing import Any

PAYMENT = "payment_01h455vb4pex5vsknk084sn02q"
REFUND = "refund_01h455vb4pex5vsknk084sn02q"
SECONDS, MOMENT = 1_763_900_000, "2026-11-20T10:00:00Z"
Json = dict[str, Any]


def of_stripe(kind: str, **thing: Any) -> Json:
    """Write an event as Stripe does."""
    usual = {"id": "x_1", "object": "x", "currency": "eur", "livemode": False, "metadata": {"payment": PAYMENT}}
    inside = {"object": usual | {"created": SECONDS} | thing}
    return {"id": "evt_1", "type": kind, "created": SECONDS, "livemode": False, "api_version": None, "data": inside}


STRIPE = (
    of_stripe("checkout.session.completed", status="complete", payment_status="paid", amount_total=1_200)
    | {"api_version": "2026-10-28.endive"},
    of_stripe("checkout.session.expired", status="expired", payment_status="unpaid", payment_intent={"id": "pi_1"}),
    of_stripe("payment_intent.succeeded", status="succeeded", amount_received=1_200),
    of_stripe("payment_intent.payment_failed", last_payment_error={"decline_code": "x", "code": "y", "message": "z"}),
    of_stripe("refund.failed", status="failed", amount=600, payment_intent="pi_1", failure_reason="lost"),
    of_stripe(
        "charge.updated",
        captured=True,
        payment_intent="pi_1",
        balance_transaction={
            "currency": "eur",
            "fee": 65,
            "created": SECONDS,
            "fee_details": [{"type": "tax", "amount": 5}],
        },
    ),
    of_stripe(
        "charge.dispute.created",
        status="needs_response",
        amount=1_200,
        charge="ch_1",
        reason="fraudulent",
        evidence_details={"due_by": SECONDS},
        balance_transactions=[
            {"amount": -1_200, "fee": 1_500, "currency": "usd"},
            {"amount": 700, "fee": 0, "currency": "usd"},
        ],
    ),
    of_stripe("charge.dispute.closed", status="lost", amount=1_200, charge="ch_1", balance_transactions=None),
    of_stripe("payout.paid", status="paid", amount=-1_200, arrival_date=SECONDS, trace_id={"value": "T"}),
)


def of_razorpay(kind: str, **payload: Json) -> Json:
    """Write an event as Razorpay does."""
    parts = {name: {"entity": thing} for name, thing in payload.items()}
    return {"entity": "event", "event": kind, "payload": parts, "created_at": SECONDS}


PAID = {
    "id": "pay_1",
    "status": "captured",
    "captured": True,
    "amount": 1_200,
    "currency": "INR",
    "order_id": "order_1",
    "fee": 24,
    "tax": 4,
    "base_currency": "INR",
    "description": "#ABCDEFGHIJKLMN",
    "notes": [],
}
LINK = {
    "id": "plink_1",
    "status": "expired",
    "currency": "INR",
    "notes": {"payment": PAYMENT},
    "payments": [{"payment_id": "pay_1", "amount": 1_200, "status": "captured"}],
}
CONTESTED = {
    "id": "disp_1",
    "status": "open",
    "phase": "chargeback",
    "amount": 1_200,
    "amount_deducted": 0,
    "currency": "INR",
    "payment_id": "pay_1",
    "reason_code": "x",
    "respond_by": SECONDS,
}
RAZORPAY = (
    of_razorpay("payment.captured", payment=PAID),
    of_razorpay("payment.failed", payment=PAID | {"status": "failed", "error_reason": "x", "error_description": "y"}),
    of_razorpay("order.paid", payment=PAID, order={"id": "order_1", "notes": {"payment": PAYMENT}}),
    of_razorpay("payment_link.paid", payment=PAID, payment_link=LINK),
    of_razorpay("payment_link.expired", payment_link=LINK | {"status": "paid"}),
    of_razorpay(
        "refund.processed",
        payment=PAID,
        refund={"id": "rfnd_1", "status": "processed", "amount": 600, "currency": "INR", "payment_id": "pay_1"}
        | {"notes": {"refund": REFUND, "payment": PAYMENT}, "created_at": SECONDS},
    ),
    of_razorpay("payment.dispute.created", payment=PAID, dispute=CONTESTED),
    of_razorpay("payment.dispute.won", dispute=CONTESTED | {"status": "won", "amount_deducted": 100}),
    of_razorpay(
        "settlement.processed",
        settlement={"id": "setl_1", "status": "processed", "amount": 900, "utr": "U", "created_at": SECONDS},
    ),
)

EUROS = {"value": "12.00", "currency_code": "EUR"}
UP = [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/8AB1"}]
TAKEN = {
    "id": "8AB1",
    "status": "COMPLETED",
    "amount": EUROS,
    "custom_id": PAYMENT,
    "create_time": MOMENT,
    "update_time": MOMENT,
    "seller_receivable_breakdown": {"paypal_fee": EUROS | {"value": "0.77"}},
    "supplementary_data": {"related_ids": {"order_id": "5O1", "authorization_id": "0A1"}},
}


def of_paypal(kind: str, resource: Json) -> Json:
    """Write an event as PayPal does."""
    return {"id": "WH-1", "event_type": kind, "resource_version": "2.0", "create_time": MOMENT, "resource": resource}


PAYPAL = (
    of_paypal(
        "CHECKOUT.ORDER.APPROVED",
        {"id": "5O1", "status": "APPROVED", "purchase_units": [{"amount": EUROS, "custom_id": PAYMENT}]},
    ),
    of_paypal(
        "CHECKOUT.ORDER.APPROVED",
        {"id": "5O1", "status": "COMPLETED"}
        | {"purchase_units": [{"payments": {"captures": [TAKEN], "authorizations": [{"id": "0A1"}]}}]},
    ),
    of_paypal("PAYMENT.AUTHORIZATION.CREATED", TAKEN | {"status": "CREATED"}),
    of_paypal("PAYMENT.CAPTURE.COMPLETED", TAKEN),
    of_paypal("PAYMENT.CAPTURE.DECLINED", TAKEN | {"status": "DECLINED", "status_details": {"reason": "X"}}),
    of_paypal("PAYMENT.CAPTURE.REVERSED", TAKEN | {"custom_id": f"{PAYMENT},{REFUND}", "links": UP}),
    of_paypal(
        "CUSTOMER.DISPUTE.RESOLVED",
        {
            "dispute_id": "PP-D-1",
            "status": "RESOLVED",
            "dispute_amount": EUROS,
            "reason": "X",
            "seller_response_due_date": MOMENT,
            "update_time": MOMENT,
            "dispute_life_cycle_stage": "CHARGEBACK",
            "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR", "amount_refunded": EUROS},
            "disputed_transactions": [{"seller_transaction_id": "8AB1", "custom": PAYMENT}],
            "money_movements": [
                {"affected_party": "SELLER", "amount": EUROS, "type": "DEBIT", "reason": "CHARGEBACK_FEE"}
            ],
        },
    ),
)

DOLLARS = {"amount": 1_200, "currency": "USD"}
CHARGED = {
    "id": "p-1",
    "status": "COMPLETED",
    "total_money": DOLLARS,
    "amount_money": DOLLARS,
    "order_id": "o-1",
    "reference_id": PAYMENT,
    "note": f"{PAYMENT} to be captured by the shop",
    "processing_fee": [{"amount_money": DOLLARS | {"amount": -59}}],
    "card_details": {
        "card_payment_timeline": {"captured_at": MOMENT},
        "errors": [{"code": "INSUFFICIENT_FUNDS", "detail": "No."}],
    },
}


def of_square(kind: str, word: str, thing: Json) -> Json:
    """Write an event as Square does."""
    return {"event_id": "e-1", "type": kind, "created_at": MOMENT, "data": {"object": {word: thing}}}


SQUARE = (
    of_square("payment.updated", "payment", CHARGED),
    of_square("payment.updated", "payment", CHARGED | {"status": "FAILED"}),
    of_square("payment.updated", "payment", CHARGED | {"status": "CANCELED", "reference_id": None}),
    of_square("order.updated", "order_updated", {"state": "CANCELED", "order_id": "o-1", "reference_id": PAYMENT}),
    of_square(
        "refund.updated",
        "refund",
        {"id": "r-1", "status": "COMPLETED", "amount_money": DOLLARS, "payment_id": "p-1", "updated_at": MOMENT}
        | {"reason": f"{PAYMENT} {REFUND}"},
    ),
    of_square(
        "dispute.created",
        "dispute",
        {"id": "d-1", "state": "LOST", "amount_money": DOLLARS, "reason": "X", "due_at": MOMENT, "updated_at": MOMENT}
        | {"disputed_payment": {"payment_id": "p-1"}},
    ),
    of_square(
        "payout.paid",
        "payout",
        {"id": "po-1", "status": "PAID", "amount_money": DOLLARS, "arrival_date": "2026-11-20", "type": "BATCH"}
        | {"end_to_end_id": "E"},
    ),
)
