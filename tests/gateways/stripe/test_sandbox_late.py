"""What the imitated Stripe decides late: bank debits, money taken after all, and fees known days later."""

from typing import Any

import pytest
import stripe


def line(sandbox: Any) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.control("GET", "books/stripe")["payment_intents"][0]
    return found


def debited(sandbox: Any, **more: Any) -> tuple[str, str]:
    """Pay a session by bank debit; return the session and its intent."""
    session = sandbox.session(**more)
    paid = sandbox.control("POST", f"stripe/sessions/{session.id}/pay_by_debit")
    return session.id, paid["payment_intent"]


def test_a_bank_debit_completes_the_session_unpaid_and_takes_no_money_yet(sandbox: Any) -> None:
    session_id, intent_id = debited(sandbox)
    session = sandbox.stripe.v1.checkout.sessions.retrieve(session_id, params={"expand": ["payment_intent"]})
    assert (session.status, session.payment_status, session.payment_intent.status) == (
        "complete",
        "unpaid",
        "processing",
    )
    assert sandbox.event_types() == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]
    assert line(sandbox)["captured"] == 0
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        sandbox.stripe.v1.refunds.create(params={"payment_intent": intent_id})


def test_a_bank_debit_that_comes_pays_the_session(sandbox: Any) -> None:
    session_id, intent_id = debited(sandbox, amount=10_000)
    sandbox.control("POST", f"stripe/sessions/{session_id}/settle", {"outcome": "succeeded"})
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session_id).payment_status == "paid"
    assert sandbox.event_types()[-3:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    assert (line(sandbox)["captured"], line(sandbox)["fee"]) == (10_000, 320)
    refund = sandbox.stripe.v1.refunds.create(params={"payment_intent": intent_id, "expand": ["balance_transaction"]})
    assert refund.balance_transaction.type == "payment_refund"


def test_a_returned_bank_debit_fails_the_session_and_leaves_no_money(sandbox: Any) -> None:
    session_id, intent_id = debited(sandbox)
    sandbox.control("POST", f"stripe/sessions/{session_id}/settle", {"outcome": "failed"})
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session_id).payment_status == "unpaid"
    intent = sandbox.stripe.v1.payment_intents.retrieve(intent_id)
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", "insufficient_funds")
    assert sandbox.event_types()[-3:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]
    assert line(sandbox)["captured"] == 0
    answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/sessions/{session_id}/settle")
    assert (answer.status_code, "has a status of requires_payment_method" in answer.text) == (400, True)


def test_a_session_for_cards_only_or_with_manual_capture_takes_no_debit(sandbox: Any) -> None:
    for more in ({"payment_method_types": ["card"]}, {"payment_intent_data": {"capture_method": "manual"}}):
        session = sandbox.session(**more)
        answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/sessions/{session.id}/pay_by_debit")
        assert answer.status_code == 400
    assert sandbox.control("GET", "books/stripe")["payment_intents"] == []


def test_an_expired_session_can_still_turn_out_to_be_paid(sandbox: Any) -> None:
    session = sandbox.session(amount=10_000)
    sandbox.control("POST", f"stripe/sessions/{session.id}/decline")
    sandbox.stripe.v1.checkout.sessions.expire(session.id)
    assert line(sandbox)["status"] == "canceled"
    sandbox.control("POST", f"stripe/sessions/{session.id}/late_success")
    intent = sandbox.stripe.v1.payment_intents.retrieve(line(sandbox)["payment_intent"])
    assert (intent.status, intent.amount_received, intent.canceled_at) == ("succeeded", 10_000, None)
    assert sandbox.event_types()[-2:] == ["charge.succeeded", "payment_intent.succeeded"]
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert (line(sandbox)["captured"], line(sandbox)["captures"]) == (10_000, 1)


def test_a_session_that_nobody_tried_to_pay_can_be_paid_after_it_expired(sandbox: Any) -> None:
    session = sandbox.session(payment_intent_data={"metadata": {"payment": "payment_1"}})
    sandbox.stripe.v1.checkout.sessions.expire(session.id)
    sandbox.control("POST", f"stripe/sessions/{session.id}/late_success")
    assert (line(sandbox)["captured"], line(sandbox)["metadata"]) == (1200, {"payment": "payment_1"})


def test_a_debit_canceled_under_way_can_still_take_the_money(sandbox: Any) -> None:
    _, intent_id = debited(sandbox)
    assert sandbox.stripe.v1.payment_intents.cancel(intent_id).status == "canceled"
    late = sandbox.control("POST", f"stripe/payment_intents/{intent_id}/late_success")
    assert (late["status"], late["cancellation_reason"]) == ("succeeded", None)
    assert sandbox.event_types()[-1] == "checkout.session.async_payment_succeeded"
    assert (line(sandbox)["charges"], line(sandbox)["captures"]) == (1, 1)


def test_a_payment_that_succeeded_cannot_succeed_late_as_well(sandbox: Any) -> None:
    intent = sandbox.paid()
    answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/payment_intents/{intent}/late_success")
    assert (answer.status_code, "nothing to come late" in answer.text) == (400, True)
    assert line(sandbox)["captures"] == 1


def test_a_failed_intent_without_a_session_can_succeed_late(sandbox: Any) -> None:
    intent = sandbox.post("payment_intents", "amount=1000&currency=eur").json()["id"]
    sandbox.control("POST", f"stripe/payment_intents/{intent}/decline")
    assert sandbox.control("POST", f"stripe/payment_intents/{intent}/late_success")["status"] == "succeeded"
    assert (line(sandbox)["charges"], line(sandbox)["captured"]) == (2, 1000)


def test_a_fee_can_become_known_late_even_when_the_charge_was_refunded_before(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"late_fee_seconds": 3_600})
    intent = sandbox.paid(amount=10_000)
    charge = sandbox.stripe.v1.charges.list(params={"payment_intent": intent}).data[0]
    assert (charge.balance_transaction, line(sandbox)["fee"]) == (None, 0)
    sandbox.stripe.v1.refunds.create(params={"charge": charge.id, "amount": 4_000})
    assert "charge.updated" not in sandbox.event_types()

    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 3_601})
    until(lambda: sandbox.event_types()[-1] == "charge.updated")
    assert sandbox.stripe.v1.charges.retrieve(charge.id).amount_refunded == 4_000
    assert (line(sandbox)["fee"], line(sandbox)["refunded"]) == (320, 4_000)
    assert sandbox.control("GET", "injected")["counts"]["late_fee_seconds"] == 1
