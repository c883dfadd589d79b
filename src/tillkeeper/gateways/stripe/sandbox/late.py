"""Outcomes that come late: bank debits that take days, and money that was taken after all."""

from tillkeeper.gateways.stripe.sandbox import cards, charges, events, sessions
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.charges import Swipe
from tillkeeper.gateways.stripe.sandbox.refusals import unexpected_state
from tillkeeper.sandbox_kit.books import Json

RETURNED_CODE = "insufficient_funds"
RETURNED = "The customer's account has insufficient funds to cover this payment."


def start(act: Act, intent: Json, swipe: Swipe) -> Json:
    """Begin a bank debit: its session completes unpaid, and the money is under way."""
    charge = charges.record(act, intent, swipe, captured=True)
    charge = act.put({**charge, "paid": False, "status": "pending"})
    events.emit(act, "charge.pending", charge)
    intent = act.put({**intent, "status": "processing", "latest_charge": charge["id"]})
    events.emit(act, "payment_intent.processing", intent)
    session = sessions.of_intent(act, intent["id"])
    if session is not None:
        sessions.complete(act, session, paid=False)
    return intent


def settle(act: Act, intent: Json, *, succeeded: bool) -> Json:
    """End a bank debit: the money came, or the bank returned the debit."""
    if intent["status"] != "processing":
        message = f"Only a bank debit under way can be settled; this PaymentIntent has a status of {intent['status']}."
        raise unexpected_state(message, intent)
    charge = act.load("charge", intent["latest_charge"])
    return _land(act, intent, charge) if succeeded else _bounce(act, intent, charge)


def succeed(act: Act, intent: Json) -> Json:
    """Take the money after all, though the intent had failed, lapsed or was canceled in the meantime."""
    if intent["status"] in {"succeeded", "requires_capture"}:
        message = f"There is nothing to come late: this PaymentIntent has a status of {intent['status']}."
        raise unexpected_state(message, intent)
    charge = _pending(act, intent)
    if charge is None:
        billing = cards.billing_details("customer@example.com")
        method = cards.method(act, cards.GOOD, customer=intent["customer"], billing=billing)
        charge = charges.record(act, intent, Swipe(cards.GOOD, method), captured=True)
        intent = {**intent, "payment_method": method["id"], "latest_charge": charge["id"]}
    return _land(act, intent, charge)


def _pending(act: Act, intent: Json) -> Json | None:
    charge = act.change.find("charge", intent["latest_charge"] or "")
    return charge if charge is not None and charge["status"] == "pending" else None


def _land(act: Act, intent: Json, charge: Json) -> Json:
    charge = charges.settle(act, {**charge, "paid": True, "status": "succeeded"})
    events.emit(act, "charge.succeeded", charge)
    intent = act.put(
        {
            **intent,
            "status": "succeeded",
            "amount_capturable": 0,
            "amount_received": charge["amount_captured"],
            "canceled_at": None,
            "cancellation_reason": None,
            "last_payment_error": None,
            "next_action": None,
        }
    )
    events.emit(act, "payment_intent.succeeded", intent)
    session = sessions.of_intent(act, intent["id"])
    if session is not None and session["status"] == "open":
        sessions.complete(act, session, paid=True)
    elif session is not None and session["status"] == "complete":
        paid = act.put({**session, "payment_status": "paid"})
        events.emit(act, "checkout.session.async_payment_succeeded", paid)
    return intent


def _bounce(act: Act, intent: Json, charge: Json) -> Json:
    told = {"failure_code": RETURNED_CODE, "failure_message": RETURNED}
    charge = act.put({**charge, **told, "status": "failed", "captured": False, "amount_captured": 0})
    events.emit(act, "charge.failed", charge)
    error = {
        "charge": charge["id"],
        "code": "payment_intent_payment_attempt_failed",
        "decline_code": RETURNED_CODE,
        "message": RETURNED,
        "payment_method": act.load("payment_method", charge["payment_method"]),
        "type": "invalid_request_error",
    }
    intent = act.put(
        {**intent, "status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    )
    events.emit(act, "payment_intent.payment_failed", intent)
    session = sessions.of_intent(act, intent["id"])
    if session is not None:
        events.emit(act, "checkout.session.async_payment_failed", session)
    return intent
