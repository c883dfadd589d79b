"""Every answer and every webhook of the sandbox fits Square's own schemas, or its client's types where it has none."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from square.core.api_error import ApiError
from square.types.create_dispute_evidence_text_response import CreateDisputeEvidenceTextResponse
from square.types.create_order_response import CreateOrderResponse
from square.types.create_payment_link_response import CreatePaymentLinkResponse
from square.types.delete_payment_link_response import DeletePaymentLinkResponse
from square.types.get_order_response import GetOrderResponse
from square.types.get_payment_link_response import GetPaymentLinkResponse
from square.types.list_payment_links_response import ListPaymentLinksResponse
from square.types.order_created_event import OrderCreatedEvent
from square.types.order_updated_event import OrderUpdatedEvent
from square.types.submit_evidence_response import SubmitEvidenceResponse

from tillkeeper.gateways.square import sandbox
from tillkeeper.gateways.square.sandbox import sources

ANSWERS = {
    "POST /v2/payments": "CreatePaymentResponse",
    "GET /v2/payments": "ListPaymentsResponse",
    "POST /v2/payments/cancel": "CancelPaymentByIdempotencyKeyResponse",
    "GET /v2/payments/…": "GetPaymentResponse",
    "PUT /v2/payments/…": "UpdatePaymentResponse",
    "POST /v2/payments/…/complete": "CompletePaymentResponse",
    "POST /v2/payments/…/cancel": "CancelPaymentResponse",
    "POST /v2/refunds": "RefundPaymentResponse",
    "GET /v2/refunds": "ListPaymentRefundsResponse",
    "GET /v2/refunds/…": "GetPaymentRefundResponse",
    "POST /v2/customers": "CreateCustomerResponse",
    "GET /v2/customers": "ListCustomersResponse",
    "GET /v2/customers/…": "RetrieveCustomerResponse",
    "GET /v2/payouts": "ListPayoutsResponse",
    "GET /v2/payouts/…": "GetPayoutResponse",
    "GET /v2/payouts/…/payout-entries": "ListPayoutEntriesResponse",
    "GET /v2/disputes": "ListDisputesResponse",
    "GET /v2/disputes/…": "RetrieveDisputeResponse",
    "POST /v2/disputes/…/accept": "AcceptDisputeResponse",
    "POST /v2/events": "SearchEventsResponse",
    "GET /v2/events/types": "ListEventTypesResponse",
    "GET /v2/locations": "ListLocationsResponse",
}
CLIENT_TYPES: dict[str, Any] = {
    "POST /v2/online-checkout/payment-links": CreatePaymentLinkResponse,
    "GET /v2/online-checkout/payment-links": ListPaymentLinksResponse,
    "GET /v2/online-checkout/payment-links/…": GetPaymentLinkResponse,
    "DELETE /v2/online-checkout/payment-links/…": DeletePaymentLinkResponse,
    "GET /v2/orders/…": GetOrderResponse,
    "POST /v2/orders": CreateOrderResponse,
    "POST /v2/disputes/…/evidence-text": CreateDisputeEvidenceTextResponse,
    "POST /v2/disputes/…/submit-evidence": SubmitEvidenceResponse,
}
EVENTS = {
    "customer.created": "CustomerCreatedEvent",
    "dispute.created": "DisputeCreatedEvent",
    "dispute.state.updated": "DisputeStateUpdatedEvent",
    "payment.created": "PaymentCreatedEvent",
    "payment.updated": "PaymentUpdatedEvent",
    "payout.failed": "PayoutFailedEvent",
    "payout.paid": "PayoutPaidEvent",
    "payout.sent": "PayoutSentEvent",
    "refund.created": "RefundCreatedEvent",
    "refund.updated": "RefundUpdatedEvent",
}
CLIENT_EVENTS: dict[str, Any] = {"order.created": OrderCreatedEvent, "order.updated": OrderUpdatedEvent}
NAMED = re.compile(r"(/(?:payments|disputes|customers|refunds|payouts|orders|payment-links)/)(?!cancel$)[^/]+")


def play(house: Any) -> None:
    """Cause every object and event, and look at it by every call."""
    client, money = house.client, {"amount": 100, "currency": "USD"}
    link = house.link()
    client.checkout.payment_links.get(id=link.id)
    list(client.checkout.payment_links.list())
    client.checkout.payment_links.delete(id=link.id)
    declined = house.link()
    house.act(f"links/{declined.id}/decline")
    bank = house.act(f"links/{house.link().id}/pay_by_bank")
    client.payments.get(payment_id=bank["id"])
    customer = client.customers.create(idempotency_key="c", given_name="Ana", email_address="ana@shop.example").customer
    client.customers.get(customer_id=customer.id)
    list(client.customers.list())
    payment = house.paid(amount=20_000)
    refund = client.refunds.refund_payment(idempotency_key="r", amount_money=money, payment_id=payment).refund
    client.refunds.get(refund_id=refund.id)
    list(client.refunds.list())
    client.orders.get(order_id=client.payments.get(payment_id=payment).payment.order_id)
    held = house.charge(autocomplete=False, reference_id="ours", note="note", customer_id=customer.id)
    client.payments.update(payment_id=held.id, idempotency_key="u", payment={"amount_money": money})
    client.payments.complete(payment_id=held.id)
    client.payments.cancel(payment_id=house.charge(autocomplete=False).id)
    client.payments.cancel_by_idempotency_key(idempotency_key="nobody")
    for end in ("accept", "submit"):
        dispute = house.act("disputes", {"payment": house.paid()})["id"]
        client.disputes.get(dispute_id=dispute)
        if end == "accept":
            client.disputes.accept(dispute_id=dispute)
        else:
            client.disputes.create_evidence_text(dispute_id=dispute, idempotency_key="e", evidence_text="x")
            client.disputes.submit_evidence(dispute_id=dispute)
    list(client.disputes.list())
    for kind in ("FEE", "TAX_ON_FEE", "RESERVE_HOLD", "RESERVE_RELEASE", "ADJUSTMENT"):
        house.act("movements", {"type": kind, "currency": "USD", "amount": -25})
    for outcome in ("failed", "paid", "sent"):
        house.paid(amount=50_000)
        [payout] = house.act("payouts", {"outcome": outcome})["data"]
        client.payouts.get(payout_id=payout["id"])
        list(client.payouts.list_entries(payout_id=payout["id"]))
    list(client.payouts.list())
    list(client.payments.list())
    client.locations.list()
    client.events.list_event_types()
    order: Any = {
        "location_id": house.location,
        "line_items": [{"name": "x", "quantity": "2", "base_price_money": money}],
    }
    client.orders.create(order=order, idempotency_key="o")


def test_every_answer_fits_squares_schemas(house: Any, validate: Any, until: Any) -> None:
    play(house)
    until(lambda: house.events().count("refund.updated") == 2)
    seen, errors = set(), []
    for method, path, body in house.wire.answers:
        name = f"{method} " + NAMED.sub(r"\1…", path)
        seen.add(name)
        if name in ANSWERS:
            errors += validate(ANSWERS[name], body)
        else:
            TypeAdapter(CLIENT_TYPES[name]).validate_python(body, strict=True)
    assert errors == []
    assert seen == {*ANSWERS, *CLIENT_TYPES}


def test_every_webhook_fits_squares_schemas(house: Any, validate: Any, until: Any) -> None:
    play(house)
    until(lambda: house.events().count("refund.updated") == 2)
    until(lambda: len(house.receiver.letters) == len(house.events()))
    seen, errors = set(), []
    for letter in house.receiver.letters:
        kind = letter.event["type"]
        seen.add(kind)
        if kind in EVENTS:
            errors += validate(EVENTS[kind], letter.event)
        elif kind in CLIENT_EVENTS:
            TypeAdapter(CLIENT_EVENTS[kind]).validate_json(letter.body, strict=True)
    assert errors == []
    assert {*EVENTS, *CLIENT_EVENTS} <= seen


def test_a_refusal_has_squares_shape_and_a_declined_payment_is_shown_beside_it(house: Any, validate: Any) -> None:
    with pytest.raises(ApiError) as error:
        house.charge(source="cnon:card-nonce-declined")
    body = json.loads(json.dumps(error.value.body))
    assert validate("CreatePaymentResponse", body) == []
    assert (body["errors"][0]["code"], body["payment"]["status"]) == ("GENERIC_DECLINE", "FAILED")
    with pytest.raises(ApiError) as unknown:
        house.client.payments.get(payment_id="none")
    assert validate("GetPaymentResponse", unknown.value.body) == []


def test_every_error_of_the_sandbox_is_one_that_square_knows(oracles: Path) -> None:
    schemas = json.loads(next((oracles / "specs" / "square").glob("*.json")).read_text())["components"]["schemas"]
    source = "".join(path.read_text() for path in Path(sandbox.__file__).parent.glob("*.py"))
    written = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source))
    codes = {*re.findall(r'code="([A-Z_]+)"', source), *sources.DECLINES, sources.ASKS.code}
    assert len(codes) > 20
    assert codes <= set(schemas["ErrorCode"]["enum"])
    assert {category for category in written if category.endswith("_ERROR")} - codes <= set(
        schemas["ErrorCategory"]["enum"]
    )
