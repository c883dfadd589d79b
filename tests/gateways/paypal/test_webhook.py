"""PayPal's events in our words."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.facts import DisputeStatus, Notice, NoticeKind
from tillkeeper.gateways.paypal import webhook
from tillkeeper.kernel import ids

PAYMENT = ids.new()
OURS = ids.text("payment", PAYMENT)
CAPTURE, ORDER, HELD = "3C679366HH908993F", "5O190127TN364715T", "0AW2184448108334S"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fixtures(oracles: Path) -> Path:
    return oracles / "fixtures" / "paypal"


def told(kind: str, resource: Json, *, live: bool = False) -> list[Notice]:
    event = {"id": "WH-1", "event_type": kind, "resource_version": "2.0", "resource": resource}
    return webhook.translate(json.dumps(event).encode(), live=live)


def one(kind: str, resource: Json, *, live: bool = False) -> Notice:
    [notice] = told(kind, resource, live=live)
    return notice


def capture(**change: Any) -> Json:
    thing = {
        "id": CAPTURE,
        "status": "COMPLETED",
        "amount": {"currency_code": "EUR", "value": "1.99"},
        "custom_id": OURS,
        "supplementary_data": {"related_ids": {"order_id": ORDER, "authorization_id": HELD}},
    }
    return thing | change


def refund(**change: Any) -> Json:
    up = {"rel": "up", "method": "GET", "href": f"https://api.paypal.com/v2/payments/captures/{CAPTURE}"}
    thing = {
        "id": "1JU08902781691411",
        "status": "COMPLETED",
        "amount": {"currency_code": "EUR", "value": "0.50"},
        "links": [{"rel": "self", "href": "https://api.paypal.com/v2/payments/refunds/1JU08902781691411"}, up],
    }
    return thing | change


def dispute(**change: Any) -> Json:
    thing = {
        "dispute_id": "PP-D-4012",
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_life_cycle_stage": "CHARGEBACK",
        "reason": "UNAUTHORISED",
        "dispute_amount": {"currency_code": "EUR", "value": "1.50"},
        "disputed_transactions": [{"seller_transaction_id": CAPTURE, "custom": OURS}],
        "update_time": "2026-11-20T12:00:00.000Z",
        "seller_response_due_date": "2026-11-30T12:00:00.000Z",
    }
    return thing | change


SAID = {
    "constructed_checkout_order_approved.json": [NoticeKind.PAYMENT_APPROVED],
    "constructed_customer_dispute_resolved_buyer.json": [NoticeKind.DISPUTE_LOST],
    "constructed_customer_dispute_resolved_seller.json": [NoticeKind.DISPUTE_WON],
    "constructed_customer_dispute_updated.json": [NoticeKind.DISPUTE_UPDATED],
    "constructed_payment_capture_denied.json": [NoticeKind.PAYMENT_FAILED],
    "real_v1_2015-05-12.json": [],
    "real_v1_2015-05-18.json": [],
    "real_v1_2016-10-05.json": [],
    "real_v1_2017-03-30.json": [],
}


def test_every_webhook_of_the_fixtures_says_the_right_thing(fixtures: Path) -> None:
    said = {
        path.name: [notice.kind for notice in webhook.translate(path.read_bytes(), live=False)]
        for path in sorted((fixtures / "webhooks").glob("*.json"))
    }
    assert said == SAID


def test_the_approved_fixture_names_its_order_and_its_amount(fixtures: Path) -> None:
    body = (fixtures / "webhooks" / "constructed_checkout_order_approved.json").read_bytes()
    [notice] = webhook.translate(body, live=False)
    assert (notice.references, notice.amount, notice.currency) == ((ORDER,), 10_000, "USD")
    assert (notice.payment, webhook.head(body).type) == (None, "CHECKOUT.ORDER.APPROVED")


def test_the_denied_fixture_leaves_the_order_to_go_on_with(fixtures: Path) -> None:
    body = (fixtures / "webhooks" / "constructed_payment_capture_denied.json").read_bytes()
    [notice] = webhook.translate(body, live=False)
    assert notice.references == ("48R416400V564864N", "24B76447NN600461P", "7U133281TB3277326")
    assert notice.code == "capture_declined"


def test_every_object_of_the_api_fixtures_is_read(fixtures: Path) -> None:
    def load(name: str) -> Json:
        thing: Json = json.loads((fixtures / "api" / f"{name}.json").read_text())
        return thing

    around = webhook.Around(live=False)
    taken = webhook.of_order(load("Orders__mockOrderPaymentCapturedResponse"), around)
    assert [(each.kind, each.references, each.amount) for each in taken] == [
        (NoticeKind.PAYMENT_CAPTURED, (CAPTURE, ORDER), 10_000),
        (NoticeKind.PAYMENT_FEE, (CAPTURE, ORDER), 300),
    ]
    [held] = webhook.of_order(load("Orders__mockOrderPaymentAuthorizedResponse"), around)
    assert (held.kind, held.references, held.amount) == (NoticeKind.PAYMENT_AUTHORIZED, (HELD, ORDER), 10_000)
    assert webhook.of_order(load("Orders__mockOrderDetailsResponse"), around) == []
    [given_back] = webhook.of_refund(load("PaymentRefunds__mockGetRefundDetailsResponse"), around)
    assert (given_back.kind, given_back.references) == (NoticeKind.REFUND_SUCCEEDED, ("2GG279541U471931P",))
    assert (given_back.amount, given_back.refund_reference) == (1099, "1JU08902781691411")
    [lost] = webhook.of_dispute(load("Disputes__mockGetDisputesResponse"), around)
    assert (lost.kind, lost.references, lost.amount) == (NoticeKind.DISPUTE_LOST, ("3BC38643YC807283D",), 9600)
    assert lost.dispute is not None
    assert (lost.dispute.withdrawn, lost.dispute.fee) == (9600, None)


def test_an_event_of_paypals_older_payments_has_no_effect(fixtures: Path) -> None:
    for name in ("WebHooks__mockGetWebHookEventResponse", "WebHooks__mockResendWebHookEventNotificationResponse"):
        body = (fixtures / "api" / f"{name}.json").read_bytes()
        assert webhook.head(body).type == "PAYMENT.AUTHORIZATION.CREATED"
        assert webhook.translate(body, live=False) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("COMPLETED", NoticeKind.PAYMENT_CAPTURED),
        ("PARTIALLY_REFUNDED", NoticeKind.PAYMENT_CAPTURED),
        ("REFUNDED", NoticeKind.PAYMENT_CAPTURED),
        ("PENDING", NoticeKind.PAYMENT_PENDING),
        ("DECLINED", NoticeKind.PAYMENT_FAILED),
        ("FAILED", NoticeKind.PAYMENT_FAILED),
    ],
)
def test_a_capture_says_what_became_of_it(status: str, said: str) -> None:
    notice = one("PAYMENT.CAPTURE.COMPLETED", capture(status=status))
    assert (notice.kind, notice.payment, notice.currency) == (said, PAYMENT, "EUR")
    names = (CAPTURE, HELD, ORDER)
    assert notice.references == (names[::-1] if said is NoticeKind.PAYMENT_FAILED else names)
    assert notice.amount == (None if said is NoticeKind.PAYMENT_FAILED else 199)
    assert notice.attempt == (None if said is NoticeKind.PAYMENT_CAPTURED else CAPTURE)


def test_what_paypal_kept_of_a_capture_is_a_fact_of_its_own() -> None:
    fee = {"gross_amount": {}, "paypal_fee": {"currency_code": "EUR", "value": "0.42"}}
    taken, kept = told("PAYMENT.CAPTURE.COMPLETED", capture(seller_receivable_breakdown=fee))
    assert (taken.kind, taken.amount) == (NoticeKind.PAYMENT_CAPTURED, 199)
    assert (kept.kind, kept.amount, kept.currency) == (NoticeKind.PAYMENT_FEE, 42, "EUR")
    assert kept.references == taken.references


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("CREATED", NoticeKind.PAYMENT_AUTHORIZED),
        ("PENDING", NoticeKind.PAYMENT_PENDING),
        ("DENIED", NoticeKind.PAYMENT_FAILED),
        ("VOIDED", NoticeKind.PAYMENT_CANCELED),
        ("CAPTURED", None),
        ("PARTIALLY_CAPTURED", None),
    ],
)
def test_an_authorisation_says_how_it_stands(status: str, said: str | None) -> None:
    thing = capture(id=HELD, status=status, supplementary_data={"related_ids": {"order_id": ORDER}})
    assert [notice.kind for notice in told("PAYMENT.AUTHORIZATION.CREATED", thing)] == ([said] if said else [])


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED", NoticeKind.REFUND_SUCCEEDED),
        ("PAYMENT.CAPTURE.REVERSED", "COMPLETED", NoticeKind.REFUND_SUCCEEDED),
        ("PAYMENT.REFUND.PENDING", "PENDING", NoticeKind.REFUND_CREATED),
        ("PAYMENT.REFUND.FAILED", "FAILED", NoticeKind.REFUND_FAILED),
        ("PAYMENT.REFUND.FAILED", "CANCELLED", NoticeKind.REFUND_FAILED),
    ],
)
def test_in_a_webhook_about_a_refund_the_resource_is_the_refund_and_the_capture_is_a_link(
    kind: str, status: str, said: str
) -> None:
    notice = one(kind, refund(status=status))
    assert (notice.kind, notice.references, notice.amount) == (said, (CAPTURE,), 50)
    assert notice.refund_reference == "1JU08902781691411"
    assert notice.reversal == (kind == "PAYMENT.CAPTURE.REVERSED"), "nobody asked PayPal for that one"


def test_a_refund_that_does_not_say_how_much_is_to_be_asked_for() -> None:
    thing = {name: value for name, value in refund().items() if name != "amount"}
    notice = one("PAYMENT.CAPTURE.REFUNDED", thing)
    assert (notice.amount, notice.currency) == (None, None)


def test_our_refund_carries_our_ids_and_one_made_at_paypal_that_of_its_payment() -> None:
    made = ids.new()
    ours = one("PAYMENT.CAPTURE.REFUNDED", refund(custom_id=webhook.label(PAYMENT, made)), live=True)
    assert (ours.refund, ours.payment, ours.live) == (made, PAYMENT, True)
    foreign = one("PAYMENT.CAPTURE.REFUNDED", refund(custom_id=OURS))
    assert (foreign.refund, foreign.payment, foreign.live) == (None, PAYMENT, False)


@pytest.mark.parametrize("strange", [None, "", "payment_", "payment_zzz", "order 5", "pi_01J"])
def test_somebody_elses_custom_id_is_not_taken_for_ours(strange: str | None) -> None:
    assert one("PAYMENT.CAPTURE.COMPLETED", capture(custom_id=strange)).payment is None


@pytest.mark.parametrize(
    "href", ["", "https://x/v2/payments/authorizations/0VF5", "https://x/v2/payments/captures/a b"]
)
def test_a_link_that_leads_to_no_capture_names_none(href: str) -> None:
    assert one("PAYMENT.CAPTURE.REFUNDED", refund(links=[{"rel": "up", "href": href}])).references == ()


@pytest.mark.parametrize(
    ("kind", "change", "said", "stage"),
    [
        ("CREATED", {"dispute_life_cycle_stage": "INQUIRY"}, NoticeKind.DISPUTE_OPENED, DisputeStatus.WARNING),
        ("CREATED", {}, NoticeKind.DISPUTE_OPENED, DisputeStatus.NEEDS_RESPONSE),
        ("UPDATED", {}, NoticeKind.DISPUTE_UPDATED, DisputeStatus.NEEDS_RESPONSE),
        ("UPDATED", {"status": "UNDER_REVIEW"}, NoticeKind.DISPUTE_UPDATED, DisputeStatus.UNDER_REVIEW),
        ("UPDATED", {"status": "OTHER"}, NoticeKind.DISPUTE_UPDATED, DisputeStatus.UNDER_REVIEW),
    ],
)
def test_a_dispute_says_its_stage(kind: str, change: Json, said: str, stage: str) -> None:
    notice = one(f"CUSTOMER.DISPUTE.{kind}", dispute(**change))
    assert (notice.kind, notice.references, notice.payment) == (said, (CAPTURE,), PAYMENT)
    assert (notice.amount, notice.currency) == (150, "EUR")
    assert notice.dispute is not None
    assert (notice.dispute.id, notice.dispute.status, notice.dispute.withdrawn) == ("PP-D-4012", stage, None)
    assert notice.dispute.at == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert notice.dispute.due_at == datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("RESOLVED_BUYER_FAVOUR", NoticeKind.DISPUTE_LOST),
        ("ACCEPTED", NoticeKind.DISPUTE_LOST),
        ("RESOLVED_SELLER_FAVOUR", NoticeKind.DISPUTE_WON),
        ("RESOLVED_WITH_PAYOUT", NoticeKind.DISPUTE_WON),
        ("CANCELED_BY_BUYER", NoticeKind.DISPUTE_WON),
        ("DENIED", NoticeKind.DISPUTE_WON),
        ("NONE", NoticeKind.DISPUTE_UPDATED),
        ("SOMETHING_NEW", NoticeKind.DISPUTE_UPDATED),
    ],
)
def test_a_resolved_dispute_says_who_won(outcome: str, said: str) -> None:
    ended = dispute(status="RESOLVED", dispute_outcome={"outcome_code": outcome})
    assert one("CUSTOMER.DISPUTE.RESOLVED", ended).kind == said


def test_a_dispute_says_what_was_withdrawn_for_it_and_what_it_cost() -> None:
    def moved(type_: str, value: str, reason: str, party: str = "SELLER") -> Json:
        amount = {"currency_code": "EUR", "value": value}
        return {"affected_party": party, "type": type_, "amount": amount, "reason": reason}

    taken = moved("DEBIT", "1.50", "DISPUTE_SETTLEMENT")
    fee, others = moved("DEBIT", "15.00", "DISPUTE_FEE"), moved("CREDIT", "1.50", "DISPUTE_SETTLEMENT", "BUYER")
    back = moved("CREDIT", "1.50", "DISPUTE_SETTLEMENT")
    for movements, withdrawn, cost in (([taken], 150, 0), ([taken, fee, others], 150, 1500), ([taken, back], 0, 0)):
        facts = one("CUSTOMER.DISPUTE.UPDATED", dispute(money_movements=movements)).dispute
        assert facts is not None
        assert (facts.withdrawn, facts.fee) == (withdrawn, cost)


def test_an_unknown_type_has_no_effect() -> None:
    assert told("PAYMENT.CAPTURE.SOMETHING", {}) == told("CHECKOUT.ORDER.COMPLETED", {}) == []
