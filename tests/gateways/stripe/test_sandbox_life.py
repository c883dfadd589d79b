"""The life of a payment on the imitated Stripe, driven by the official client."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "charge.updated",
]


def test_a_session_is_paid_and_shows_its_charge_and_fee(sandbox: Any) -> None:
    session = sandbox.session(
        amount=10_000,
        client_reference_id="payment_1",
        metadata={"where": "session"},
        payment_intent_data={"metadata": {"payment": "payment_1"}},
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.url == f"{sandbox.url}/stripe/pay/{session.id}"

    sandbox.control("POST", f"stripe/sessions/{session.id}/pay")

    expand = {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    paid = sandbox.stripe.v1.checkout.sessions.retrieve(session.id, params=expand)
    intent = paid.payment_intent
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (intent.status, intent.amount_received) == ("succeeded", 10_000)
    assert intent.metadata.to_dict() == {"payment": "payment_1"}
    assert intent.latest_charge.balance_transaction.fee == 320
    assert intent.latest_charge.balance_transaction.net == 9_680
    assert paid.line_items.data[0].description == "120 credits"


def test_a_payment_announces_itself_in_stripes_order(sandbox: Any) -> None:
    sandbox.paid()
    assert sandbox.event_types() == PAID


def test_the_fee_is_rounded_half_up(sandbox: Any) -> None:
    fees = []
    for amount in (500, 1_050, 1_017):
        intent = sandbox.paid(amount=amount)
        charge = sandbox.stripe.v1.charges.list(
            params={"payment_intent": intent, "expand": ["data.balance_transaction"]}
        ).data[0]
        fees.append(charge.balance_transaction.fee)
    assert fees == [45, 60, 59]  # 14.5, 30.45 and 29.493, each plus 30


@pytest.mark.parametrize(("currency", "kept"), [("isk", 1_500), ("ugx", 1_500), ("eur", 1_480)])
def test_the_fee_is_no_fraction_of_a_unit_that_has_none(sandbox: Any, currency: str, kept: int) -> None:
    charge = sandbox.stripe.v1.charges.list(
        params={
            "payment_intent": sandbox.paid(amount=50_000, currency=currency),
            "expand": ["data.balance_transaction"],
        }
    ).data[0]
    assert charge.balance_transaction.fee == kept


def test_a_decline_leaves_the_session_open_for_another_try(sandbox: Any) -> None:
    session = sandbox.session()
    sandbox.control("POST", f"stripe/sessions/{session.id}/decline", {"code": "insufficient_funds"})
    after = sandbox.stripe.v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]})
    assert after.status == "open"
    assert after.payment_intent.status == "requires_payment_method"
    assert after.payment_intent.last_payment_error.code == "card_declined"
    assert after.payment_intent.last_payment_error.decline_code == "insufficient_funds"

    sandbox.control("POST", f"stripe/sessions/{session.id}/pay")
    failed = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert sandbox.event_types() == [*failed, *PAID[1:]]


def test_authentication_can_fail_and_then_pass(sandbox: Any) -> None:
    session = sandbox.session()
    sandbox.control("POST", f"stripe/sessions/{session.id}/authenticate", {"outcome": "fail"})
    intent_id = sandbox.stripe.v1.checkout.sessions.retrieve(session.id).payment_intent
    intent = sandbox.stripe.v1.payment_intents.retrieve(intent_id)
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert intent.latest_charge is None

    sandbox.control("POST", f"stripe/sessions/{session.id}/authenticate", {"outcome": "complete"})
    assert sandbox.stripe.v1.payment_intents.retrieve(intent_id).status == "succeeded"
    asked = ["payment_intent.requires_action", "payment_intent.payment_failed", "payment_intent.requires_action"]
    assert sandbox.event_types() == [PAID[0], *asked, *PAID[1:]]


def test_a_manual_capture_takes_part_and_releases_the_rest(sandbox: Any) -> None:
    session = sandbox.session(amount=1_000, payment_intent_data={"capture_method": "manual"})
    intent_id = sandbox.control("POST", f"stripe/sessions/{session.id}/pay")["payment_intent"]
    held = sandbox.stripe.v1.payment_intents.retrieve(intent_id)
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 1_000, 0)

    taken = sandbox.stripe.v1.payment_intents.capture(
        intent_id, params={"amount_to_capture": 400, "expand": ["latest_charge"]}
    )
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 400, 0)
    assert (taken.latest_charge.amount_captured, taken.latest_charge.amount_refunded) == (400, 0)
    assert sandbox.stripe.v1.refunds.list(params={"payment_intent": intent_id}).data == []
    assert sandbox.event_types()[1:] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "checkout.session.completed",
        "charge.captured",
        "payment_intent.succeeded",
    ]
    line = sandbox.control("GET", "books/stripe")["payment_intents"][0]
    assert (line["captured"], line["refunded"]) == (400, 0)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        sandbox.stripe.v1.refunds.create(params={"payment_intent": intent_id, "amount": 401})


def test_an_authorised_payment_can_be_canceled_and_a_paid_one_cannot(sandbox: Any) -> None:
    held = sandbox.paid(payment_intent_data={"capture_method": "manual"})
    assert sandbox.stripe.v1.payment_intents.cancel(held).status == "canceled"
    assert sandbox.stripe.v1.refunds.list().data == []
    assert sandbox.event_types()[-1] == "payment_intent.canceled"

    paid = sandbox.paid()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.stripe.v1.payment_intents.cancel(paid)
    assert (refused.value.http_status, refused.value.code) == (400, "payment_intent_unexpected_state")


def test_an_intent_of_an_open_session_is_ended_by_expiring_the_session(sandbox: Any) -> None:
    session = sandbox.session()
    intent = sandbox.control("POST", f"stripe/sessions/{session.id}/decline")["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="created by Checkout"):
        sandbox.stripe.v1.payment_intents.cancel(intent)

    assert sandbox.stripe.v1.checkout.sessions.expire(session.id).status == "expired"
    assert sandbox.stripe.v1.payment_intents.retrieve(intent).status == "canceled"
    assert sandbox.event_types()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError, match=r"has a status of `expired`"):
        sandbox.stripe.v1.checkout.sessions.expire(session.id)


def test_a_session_expires_by_itself(sandbox: Any, until: Any) -> None:
    session = sandbox.session()
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 86_401})
    until(lambda: "checkout.session.expired" in sandbox.event_types())
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_an_authorisation_that_nobody_captures_lapses(sandbox: Any, until: Any) -> None:
    intent = sandbox.paid(payment_intent_data={"capture_method": "manual"})
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 8 * 86_400})
    until(lambda: sandbox.stripe.v1.payment_intents.retrieve(intent).status == "canceled")
    assert sandbox.event_types()[-2:] == ["charge.expired", "payment_intent.canceled"]
    assert sandbox.stripe.v1.payment_intents.retrieve(intent).cancellation_reason == "expired"


def test_a_session_may_not_expire_too_soon_or_too_late(sandbox: Any) -> None:
    opened = sandbox.session().created
    for distance in (1_700, 86_500):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            sandbox.session(expires_at=opened + distance)
        assert refused.value.param == "expires_at"
    assert sandbox.session(expires_at=opened + 3_600).expires_at == opened + 3_600


def test_an_embedded_session_has_a_client_secret_and_no_address(sandbox: Any) -> None:
    session = sandbox.session(
        ui_mode="embedded_page", success_url="", cancel_url="", return_url="https://shop.example/r"
    )
    assert session.url is None
    assert session.client_secret.startswith(f"{session.id}_secret_")


def test_refunds_never_exceed_what_is_left(sandbox: Any) -> None:
    intent = sandbox.paid(amount=1_000)
    first = sandbox.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": 600, "reason": "duplicate"})
    assert (first.status, first.amount, first.reason) == ("succeeded", 600, "duplicate")
    with pytest.raises(stripe.InvalidRequestError, match=r"\(\$6.00\) is greater than unrefunded .* \(\$4.00\)"):
        sandbox.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": 600})

    rest = sandbox.stripe.v1.refunds.create(params={"charge": first.charge})
    assert rest.amount == 400
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.stripe.v1.refunds.create(params={"payment_intent": intent})
    assert refused.value.code == "charge_already_refunded"
    assert sandbox.stripe.v1.charges.retrieve(first.charge).refunded is True
    assert sandbox.event_types()[5:8] == ["refund.created", "charge.refunded", "refund.updated"]


def test_of_many_refunds_at_once_only_what_is_left_succeeds(sandbox: Any) -> None:
    intent = sandbox.paid(amount=1_000)
    with ThreadPoolExecutor(20) as crowd:
        form = f"payment_intent={intent}&amount=600"
        statuses = list(crowd.map(lambda _: sandbox.post("refunds", form).status_code, range(20)))
    assert sorted(statuses) == [200, *[400] * 19]
    assert sandbox.control("GET", "books/stripe")["totals"]["usd"]["refunded"] == 600


def test_a_refund_can_fail_later_and_gives_the_money_back_to_the_merchant(sandbox: Any) -> None:
    intent = sandbox.paid(amount=1_000)
    refund = sandbox.control("POST", "stripe/refunds", {"payment_intent": intent})
    failed = sandbox.control("POST", f"stripe/refunds/{refund['id']}/fail")
    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    assert sandbox.stripe.v1.charges.retrieve(failed["charge"]).amount_refunded == 0
    assert sandbox.event_types()[-3:] == ["refund.updated", "refund.failed", "charge.updated"]
    assert sandbox.control("GET", "books/stripe")["totals"]["usd"]["refunded"] == 0


def test_a_declined_intent_answers_402_with_the_intent_inside(sandbox: Any) -> None:
    with pytest.raises(stripe.CardError) as declined:
        sandbox.stripe.v1.payment_intents.create(
            params={
                "amount": 900,
                "currency": "eur",
                "confirm": True,
                "payment_method": "pm_card_chargeDeclinedExpiredCard",
            }
        )
    error = declined.value
    assert (error.http_status, error.code) == (402, "expired_card")
    inside: Any = error.error
    assert inside.decline_code == "expired_card"
    intent = sandbox.stripe.v1.payment_intents.retrieve(inside.payment_intent.id)
    assert intent.status == "requires_payment_method"
    assert sandbox.stripe.v1.charges.retrieve(intent.latest_charge).failure_code == "expired_card"


def test_an_intent_is_created_updated_and_confirmed(sandbox: Any) -> None:
    customer = sandbox.stripe.v1.customers.create(params={"email": "ana@example.com", "name": "Ana"})
    intent = sandbox.stripe.v1.payment_intents.create(
        params={"amount": 900, "currency": "EUR", "customer": customer.id, "metadata": {"a": "1", "b": "2"}}
    )
    assert (intent.currency, intent.status) == ("eur", "requires_payment_method")
    updated = sandbox.stripe.v1.payment_intents.update(intent.id, params={"amount": 950, "metadata": {"a": ""}})
    assert (updated.amount, updated.metadata.to_dict(), updated.customer) == (950, {"b": "2"}, customer.id)
    done = sandbox.stripe.v1.payment_intents.confirm(
        intent.id, params={"payment_method": "pm_card_visa", "expand": ["payment_method", "customer"]}
    )
    assert (done.status, done.payment_method.card.last4, done.customer.email) == (
        "succeeded",
        "4242",
        "ana@example.com",
    )


def test_an_intent_that_needs_authentication_says_where(sandbox: Any) -> None:
    params = {
        "amount": 900,
        "currency": "eur",
        "confirm": True,
        "payment_method": "pm_card_authenticationRequired",
        "return_url": "https://shop.example/back",
    }
    intent = sandbox.stripe.v1.payment_intents.create(params=params)
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url == f"{sandbox.url}/stripe/authenticate/{intent.id}"
    sandbox.control("POST", f"stripe/payment_intents/{intent.id}/authenticate", {"outcome": "complete"})
    assert sandbox.stripe.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_lists_are_paged_both_ways(sandbox: Any) -> None:
    ids = [sandbox.stripe.v1.customers.create(params={"email": "a@example.com"}).id for _ in range(5)][::-1]
    first = sandbox.stripe.v1.customers.list(params={"limit": 2})
    assert ([customer.id for customer in first.data], first.has_more) == (ids[:2], True)
    after = sandbox.stripe.v1.customers.list(params={"limit": 2, "starting_after": ids[1]})
    assert ([customer.id for customer in after.data], after.has_more) == (ids[2:4], True)
    before = sandbox.stripe.v1.customers.list(params={"limit": 2, "ending_before": ids[3]})
    assert ([customer.id for customer in before.data], before.has_more) == (ids[1:3], True)
    assert [customer.id for customer in sandbox.stripe.v1.customers.list().auto_paging_iter()] == ids


def test_events_are_found_by_type_time_and_delivery(sandbox: Any, until: Any) -> None:
    sandbox.receiver.statuses = [500] * 1000
    sandbox.paid()
    kinds = ["charge.succeeded", "payment_intent.created"]
    found = sandbox.stripe.v1.events.list(params={"types": kinds})
    assert sorted(event.type for event in found.data) == kinds
    assert found.data[0].pending_webhooks == 1
    created = found.data[0].created
    assert sandbox.stripe.v1.events.list(params={"created": {"gte": created + 60}}).data == []
    assert len(sandbox.stripe.v1.events.list(params={"delivery_success": False}).data) == 5

    sandbox.receiver.statuses = []
    until(lambda: not sandbox.stripe.v1.events.list(params={"delivery_success": False}).data)
    assert sandbox.stripe.v1.events.retrieve(found.data[0].id).pending_webhooks == 0


def test_every_answer_and_every_webhook_fits_stripes_own_types(
    sandbox: Any, answers: list[dict[str, Any]], validate: Any, until: Any
) -> None:
    v1 = sandbox.stripe.v1
    everything = ["payment_intent.latest_charge.balance_transaction", "line_items", "customer"]
    customer = v1.customers.create(params={"email": "ana@example.com"}).id
    for outcome, more in (("pay", {"customer": customer}), ("decline", {}), ("authenticate", {})):
        session = sandbox.session(**more)
        sandbox.control("POST", f"stripe/sessions/{session.id}/{outcome}")
        v1.checkout.sessions.retrieve(session.id, params={"expand": everything})
    held = sandbox.paid(payment_intent_data={"capture_method": "manual"})
    v1.payment_intents.capture(held, params={"amount_to_capture": 100})
    v1.payment_intents.cancel(sandbox.paid(payment_intent_data={"capture_method": "manual"}))
    session = sandbox.session()
    sandbox.control("POST", f"stripe/sessions/{session.id}/authenticate", {"outcome": "start"})
    v1.checkout.sessions.expire(session.id)
    intent = sandbox.paid()
    expand = {"expand": ["balance_transaction", "charge", "payment_intent"]}
    refund = v1.refunds.create(params={"payment_intent": intent, "amount": 300, **expand})
    sandbox.control("POST", f"stripe/refunds/{refund.id}/fail")
    v1.refunds.retrieve(refund.id, params={"expand": ["failure_balance_transaction", "payment_method"]})
    v1.charges.list(params={"expand": ["data.balance_transaction", "data.refunds", "data.payment_intent"]})
    for listed in (v1.checkout.sessions, v1.payment_intents, v1.refunds, v1.balance_transactions, v1.customers):
        listed.list(params={"limit": 100})
    v1.balance_transactions.list(params={"expand": ["data.source"]})
    events = v1.events.list(params={"limit": 100}).data
    until(lambda: len(sandbox.receiver.letters) >= len(events))

    things = [thing for answer in answers for thing in (answer["data"] if answer["object"] == "list" else [answer])]
    letters = [letter.event for letter in sandbox.receiver.letters]
    things += letters + [event["data"]["object"] for event in letters]
    assert len(things) > 150
    assert {event["api_version"] for event in letters} == {"2026-10-28.endive"}
    assert [error for thing in things for error in validate(thing)] == []


def test_a_field_that_stripe_does_not_have_would_be_found(sandbox: Any, validate: Any) -> None:
    charge = sandbox.get(f"charges?payment_intent={sandbox.paid()}").json()["data"][0]
    assert validate(charge) == []
    assert validate({**charge, "invented": 1}) != []
    assert validate({name: value for name, value in charge.items() if name != "billing_details"}) != []
