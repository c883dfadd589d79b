"""Every answer and webhook of the imitation fits PayPal's own specifications."""

from typing import Any

import pytest

FILES = {
    "checkout-order": ("checkout_orders_v2", "order"),
    "capture": ("payments_payment_v2", "capture-2"),
    "authorization": ("payments_payment_v2", "authorization-2"),
    "refund": ("payments_payment_v2", "refund"),
    "dispute": ("customer_disputes_v1", "dispute"),
}
SCHEMAS = {
    "/v2/checkout/orders": ("checkout_orders_v2", "order"),
    "/v2/payments/captures": ("payments_payment_v2", "capture-2"),
    "/v2/payments/authorizations": ("payments_payment_v2", "authorization-2"),
    "/v2/payments/refunds": ("payments_payment_v2", "refund"),
}
KINDS = {
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.ORDER.COMPLETED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "CUSTOMER.DISPUTE.UPDATED",
    "PAYMENT.AUTHORIZATION.CREATED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.REFUND.FAILED",
}


def play(sandbox: Any) -> list[str]:
    """Cause every kind of object and event; return the paths of all objects."""
    paths: list[str] = []
    for way, body in (("pay", {}), ("decline", {"code": "capture_declined"}), ("pay_slowly", {"kind": "echeck"})):
        order = sandbox.order(custom_id="ours", invoice_id=f"attempt_{way}", description="120 credits")["id"]
        paths.append(f"/v2/checkout/orders/{order}")
        sandbox.act(f"orders/{order}/{way}", body)
        made = sandbox.post(f"/v2/checkout/orders/{order}/capture").json()
        capture = made["purchase_units"][0]["payments"]["captures"][0]["id"]
        paths.append(f"/v2/payments/captures/{capture}")
    sandbox.act(f"captures/{capture}/settle", {"outcome": "denied"})
    capture = sandbox.captured(value="50.00", currency="EUR", custom_id="ours")["id"]
    for _ in range(2):
        part = {"amount": {"currency_code": "EUR", "value": "5.00"}, "note_to_payer": "sorry"}
        made = sandbox.post(f"/v2/payments/captures/{capture}/refund", part).json()
        paths.append(f"/v2/payments/refunds/{made['id']}")
    sandbox.act(f"refunds/{made['id']}/fail")
    sandbox.act(f"captures/{capture}/reverse", {"amount": 100})
    for intent_end in ("void", "capture"):
        held = sandbox.held(custom_id="ours")["id"]
        paths.append(f"/v2/payments/authorizations/{held}")
        sandbox.post(f"/v2/payments/authorizations/{held}/{intent_end}", {})
    for end in ("win", "lose", "withdraw"):
        disputed = sandbox.act("disputes", {"capture": sandbox.captured(custom_id="ours")["id"], "stage": "INQUIRY"})
        sandbox.act(f"disputes/{disputed['dispute_id']}/escalate")
        notes = {"evidences": [{"evidence_type": "OTHER", "notes": "It was delivered."}]}
        sandbox.post(f"/v1/customer/disputes/{disputed['dispute_id']}/provide-evidence", notes)
        sandbox.act(f"disputes/{disputed['dispute_id']}/{end}")
        paths.append(f"/v1/customer/disputes/{disputed['dispute_id']}")
    for kind, amount in (("fee", -100), ("reserve", -200), ("release", 200), ("adjustment", 40)):
        sandbox.act("movements", {"kind": kind, "currency": "EUR", "amount": amount})
    sandbox.act("conversions", {"from": "EUR", "to": "HUF", "amount": 1_000, "rate": "391.27"})
    payout = sandbox.act("payouts", {"currency": "EUR"})["data"][0]["id"]
    sandbox.act(f"payouts/{payout}/fail")
    sandbox.order()
    return paths


def test_every_object_fits_the_specification(sandbox: Any, validate: Any) -> None:
    errors = []
    for path in play(sandbox):
        file, schema = SCHEMAS.get(path.rpartition("/")[0], ("customer_disputes_v1", "dispute"))
        answer = sandbox.get(path)
        assert answer.status_code == 200, answer.text
        errors += [f"{path}: {error}" for error in validate(file, schema, answer.json())]
    assert errors == []


def test_every_webhook_and_what_it_tells_of_fits_the_specification(sandbox: Any, validate: Any, until: Any) -> None:
    play(sandbox)
    events = sandbox.events()
    until(lambda: len(sandbox.receiver.letters) == len(events))
    letters = [letter.event for letter in sandbox.receiver.letters]
    assert {letter["event_type"] for letter in letters} == KINDS
    errors = [error for letter in letters for error in validate("notifications_webhooks_v1", "event", letter)]
    for letter in letters:
        file, schema = FILES[letter["resource_type"]]
        errors += [f"{letter['event_type']} {error}" for error in validate(file, schema, letter["resource"])]
    assert errors == []
    assert sorted(letters, key=lambda each: each["id"]) == sorted(events, key=lambda each: each["id"])


def test_every_list_fits_the_specification(sandbox: Any, validate: Any) -> None:
    play(sandbox)
    day = sandbox.events()[0]["create_time"][:10]
    found = {
        "/v1/notifications/webhooks-events?page_size=300": ("notifications_webhooks_v1", "EventList"),
        "/v1/customer/disputes": ("customer_disputes_v1", "dispute_search"),
        f"/v1/reporting/transactions?start_date={day}T00:00:00Z&end_date={day}T23:59:59Z": (
            "reporting_transactions_v1",
            "search_response",
        ),
    }
    for path, (file, schema) in found.items():
        assert validate(file, schema, sandbox.get(path).json()) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "file"),
    [
        ("POST", "/v2/checkout/orders", {}, 400, "checkout_orders_v2"),
        ("GET", "/v2/checkout/orders/NONE", None, 404, "checkout_orders_v2"),
        ("GET", "/v2/payments/captures/NONE", None, 404, "payments_payment_v2"),
    ],
)
def test_every_error_fits_the_specification(
    sandbox: Any, validate: Any, method: str, path: str, body: Any, status: int, file: str
) -> None:
    answer = sandbox.call(method, path, body)
    assert answer.status_code == status
    assert validate(file, f"error_{status}", answer.json()) == []
    assert validate("notifications_webhooks_v1", "error", answer.json()) == []


def named(refused: Any) -> Any:
    """Leave the descriptions out of a refusal: its names are PayPal's, its words are the imitation's own."""
    error = refused.json()
    details = [{name: text for name, text in each.items() if name != "description"} for each in error["details"]]
    return error | {"details": details}


def test_every_refusal_of_a_capture_or_refund_is_one_that_paypal_knows(sandbox: Any, validate: Any) -> None:
    order = sandbox.order()["id"]
    refusals = [sandbox.post(f"/v2/checkout/orders/{order}/capture")]
    for code in ("instrument_declined", "payer_cannot_pay", "transaction_refused"):
        sandbox.act(f"orders/{order}/decline", {"code": code})
        refusals.append(sandbox.post(f"/v2/checkout/orders/{order}/capture"))
    sandbox.act(f"orders/{order}/pay")
    made = sandbox.post(f"/v2/checkout/orders/{order}/capture").json()
    capture = made["purchase_units"][0]["payments"]["captures"][0]["id"]
    refusals.append(sandbox.post(f"/v2/checkout/orders/{order}/capture"))
    for refused in refusals:
        for schema in ("error_422", "orders.capture-422"):
            assert validate("checkout_orders_v2", schema, named(refused)) == []
    for value, currency in (("12.01", "USD"), ("1.00", "EUR")):
        part = {"amount": {"currency_code": currency, "value": value}}
        refused = sandbox.post(f"/v2/payments/captures/{capture}/refund", part)
        for schema in ("error_422", "captures.refund-422"):
            assert validate("payments_payment_v2", schema, named(refused)) == []


def test_a_signature_request_is_answered_as_the_specification_says(sandbox: Any, validate: Any, oracles: Any) -> None:
    asked = (oracles / "fixtures/paypal/api/spec_notifications_webhooks_v1__verify_webhook_signature.json").read_text()
    headers = {"Authorization": f"Bearer {sandbox.grant()}"}
    url = f"{sandbox.api}/v1/notifications/verify-webhook-signature"
    answer = sandbox.http.post(url, content=asked, headers=headers).json()
    assert validate("notifications_webhooks_v1", "verify_webhook_signature_response", answer) == []
    assert answer == {"verification_status": "FAILURE"}


def test_the_order_of_the_specifications_example_is_taken(sandbox: Any, oracles: Any) -> None:
    for name in ("order_request", "orders_request_create"):
        asked = (oracles / f"fixtures/paypal/api/spec_checkout_orders_v2__{name}.json").read_text()
        headers = {"Authorization": f"Bearer {sandbox.grant()}", "PayPal-Request-Id": name}
        made = sandbox.http.post(f"{sandbox.api}/v2/checkout/orders", content=asked, headers=headers)
        assert made.status_code in {200, 201}, made.text
