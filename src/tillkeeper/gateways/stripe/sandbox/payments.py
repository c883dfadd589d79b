"""How money moves: attempts, authentication, capture and cancellation, with Stripe's events in Stripe's order."""

from tillkeeper.gateways.stripe.sandbox import charges, events, late, sessions
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.charges import Swipe
from tillkeeper.gateways.stripe.sandbox.currencies import written
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError, invalid, unexpected_state
from tillkeeper.sandbox_kit.books import Json

PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
LAPSED = "expired"
"""Why an intent ended that nobody ended."""
CANCELABLE = (*PAYABLE, "requires_capture", "processing")


def attempt(act: Act, intent: Json, swipe: Swipe, *, return_url: str | None = None) -> Json:
    """Try a card: it pays, is declined, or asks for authentication; return the intent as it then stands."""
    checked_status(intent, PAYABLE, doing="confirmed")
    intent = {**intent, "payment_method": swipe.method["id"], "next_action": None, "last_payment_error": None}
    if swipe.card.authenticate and not swipe.authenticated:
        return _ask_to_authenticate(act, intent, return_url)
    if swipe.card.code is not None:
        return _decline(act, intent, swipe)
    if swipe.card.delayed:
        return late.start(act, intent, swipe)
    return _succeed(act, intent, swipe)


def authenticate(act: Act, intent: Json, swipe: Swipe, *, passed: bool) -> Json:
    """End the customer's authentication: the payment goes on, or fails for want of it."""
    checked_status(intent, ("requires_action",), doing="authenticated")
    if passed:
        authenticated = Swipe(swipe.card, swipe.method, authenticated=True)
        return attempt(act, intent, authenticated)
    error = {
        "code": "payment_intent_authentication_failure",
        "doc_url": "https://docs.stripe.com/error-codes#payment-intent-authentication-failure",
        "message": (
            "We are unable to authenticate your payment method. Please choose a different payment method and try again."
        ),
        "payment_method": swipe.method,
        "type": "invalid_request_error",
    }
    return _fail(act, intent, error)


def capture(act: Act, intent: Json, amount: int | None) -> Json:
    """Take an authorised amount, or part of it; what is not taken is let go, which since 2025-03-31 is no refund."""
    checked_status(intent, ("requires_capture",), doing="captured")
    taken = intent["amount_capturable"] if amount is None else amount
    if taken < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param="amount_to_capture", code="parameter_invalid_integer")
    if taken > intent["amount_capturable"]:
        most = written(intent["amount_capturable"], intent["currency"])
        message = f"The requested capture amount is greater than the amount you can capture for this charge ({most})."
        raise StripeError(message, code="amount_too_large", param="amount_to_capture")
    charge = act.load("charge", intent["latest_charge"])
    charge = charges.settle(act, {**charge, "captured": True, "amount_captured": taken})
    events.emit(act, "charge.captured", charge)
    intent = act.put({**intent, "status": "succeeded", "amount_capturable": 0, "amount_received": taken})
    events.emit(act, "payment_intent.succeeded", intent)
    session = sessions.of_intent(act, intent["id"])
    if session is not None:
        act.put({**session, "payment_status": "paid"})
    return intent


def cancel(act: Act, intent: Json, reason: str | None) -> Json:
    """Cancel an intent and let go of what it had reserved on the card."""
    checked_status(intent, CANCELABLE, doing="canceled")
    if intent["status"] == "requires_capture" and reason == LAPSED:
        events.emit(act, "charge.expired", act.load("charge", intent["latest_charge"]))
    intent = act.put(
        {
            **intent,
            "status": "canceled",
            "amount_capturable": 0,
            "canceled_at": act.now,
            "cancellation_reason": reason,
            "next_action": None,
        }
    )
    events.emit(act, "payment_intent.canceled", intent)
    return intent


def checked_status(intent: Json, allowed: tuple[str, ...], *, doing: str) -> None:
    """Refuse unless the intent's status allows what is asked."""
    if intent["status"] not in allowed:
        message = (
            f"This PaymentIntent could not be {doing} because it has a status of {intent['status']}."
            f" Only a PaymentIntent with one of the following statuses may be {doing}: {', '.join(allowed)}."
        )
        raise unexpected_state(message, intent)


def _succeed(act: Act, intent: Json, swipe: Swipe) -> Json:
    manual = intent["capture_method"] == "manual"
    fee_later = intent["capture_method"] == "automatic_async"
    charge = charges.record(act, intent, swipe, captured=not manual)
    if not manual and not fee_later:
        charge = charges.settle(act, charge)
    intent = {**intent, "latest_charge": charge["id"]}
    events.emit(act, "charge.succeeded", charge)
    if manual:
        lapses_at = act.now + charges.authorisation_lapses_after_seconds
        intent = {**intent, "status": "requires_capture", "amount_capturable": intent["amount"]}
        act.put(intent, due=lapses_at)
        events.emit(act, "payment_intent.amount_capturable_updated", intent)
    else:
        intent = act.put({**intent, "status": "succeeded", "amount_received": intent["amount"]})
        events.emit(act, "payment_intent.succeeded", intent)
    session = sessions.of_intent(act, intent["id"])
    if session is not None:
        sessions.complete(act, session, paid=not manual)
    if fee_later:
        charges.settle_late(act, charge)
    return intent


def _decline(act: Act, intent: Json, swipe: Swipe) -> Json:
    charge = charges.record(act, intent, swipe, captured=False)
    events.emit(act, "charge.failed", charge)
    error = {
        "advice_code": "try_again_later",
        "charge": charge["id"],
        "code": swipe.card.code,
        "decline_code": swipe.card.decline_code,
        "doc_url": f"https://docs.stripe.com/error-codes#{(swipe.card.code or '').replace('_', '-')}",
        "message": swipe.card.message,
        "network_decline_code": swipe.card.network_code,
        "payment_method": swipe.method,
        "type": "card_error",
    }
    return _fail(act, {**intent, "latest_charge": charge["id"]}, error)


def _fail(act: Act, intent: Json, error: Json) -> Json:
    failed = act.put(
        {
            **intent,
            "status": "requires_payment_method",
            "payment_method": None,
            "next_action": None,
            "last_payment_error": error,
        }
    )
    events.emit(act, "payment_intent.payment_failed", failed)
    return failed


def _ask_to_authenticate(act: Act, intent: Json, return_url: str | None) -> Json:
    url = f"{act.desk.public_url}/stripe/authenticate/{intent['id']}"
    redirect = {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}
    asked = act.put({**intent, "status": "requires_action", "next_action": redirect})
    events.emit(act, "payment_intent.requires_action", asked)
    return asked
