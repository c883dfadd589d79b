"""What a customer does on the hosted page, and what time does to a session."""

from http import HTTPStatus

from tillkeeper.gateways.stripe.sandbox import cards, charges, disputes, events, intents, late, payments, sessions
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.cards import Card
from tillkeeper.gateways.stripe.sandbox.charges import Swipe
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
from tillkeeper.sandbox_kit.books import Json

CARDHOLDER = "Sandbox Customer"
EMAIL = "customer@example.com"


def pay(act: Act, session_id: str) -> Json:
    """Pay with a good card; return the session."""
    return _try(act, session_id, cards.GOOD)


def decline(act: Act, session_id: str, code: str) -> Json:
    """Try a card that is declined for a reason; the session stays open."""
    return _try(act, session_id, cards.DECLINES[code])


def ask(act: Act, session_id: str) -> Json:
    """Try a card whose bank wants to see the customer first."""
    return _try(act, session_id, cards.ASKS)


def authenticate(act: Act, session_id: str, *, passed: bool) -> Json:
    """Finish the authentication that is under way, or begin and finish one."""
    session = _open_session(act, session_id)
    intent = act.load("payment_intent", session["payment_intent"]) if session["payment_intent"] else None
    if intent is None or intent["status"] != "requires_action":
        session = ask(act, session_id)
        intent = act.load("payment_intent", session["payment_intent"])
    authenticate_intent(act, intent, passed=passed)
    return act.load("checkout.session", session_id)


def authenticate_intent(act: Act, intent: Json, *, passed: bool) -> Json:
    """Finish the authentication of an intent."""
    payments.checked_status(intent, ("requires_action",), doing="authenticated")
    card, method = cards.chosen(act, intent["payment_method"], customer=intent["customer"])
    return payments.authenticate(act, intent, Swipe(card, method), passed=passed)


def try_intent(act: Act, intent: Json, card: Card) -> Json:
    """Try a card on an intent that no session stands behind."""
    method = cards.method(act, card, customer=intent["customer"], billing=cards.billing_details(EMAIL, CARDHOLDER))
    return payments.attempt(act, intent, Swipe(card, method))


def pay_by_debit(act: Act, session_id: str) -> Json:
    """Pay by bank debit: the session completes, and the money comes or does not come days later."""
    session = _open_session(act, session_id)
    if sessions.private(act, session_id)["payment_intent_data"]["capture_method"] == "manual":
        message = "A bank debit cannot be authorised first: this Checkout Session has capture_method=manual."
        raise StripeError(message)
    if "us_bank_account" not in session["payment_method_types"]:
        message = "This Checkout Session does not take the payment method type us_bank_account."
        raise StripeError(message)
    return _try(act, session_id, cards.DEBIT)


def settle(act: Act, session_id: str, *, succeeded: bool) -> Json:
    """Let the bank debit of a session come, or come back."""
    late.settle(act, _intent(act, act.load("checkout.session", session_id)), succeeded=succeeded)
    return act.load("checkout.session", session_id)


def succeed_late(act: Act, session_id: str) -> Json:
    """Take the money of a session after all, though it had failed or lapsed."""
    late.succeed(act, _intent(act, act.load("checkout.session", session_id)))
    return act.load("checkout.session", session_id)


def expire(act: Act, params: Params, session_id: str) -> Json:
    """End an open session, and its intent with it."""
    params.done()
    session = act.load("checkout.session", session_id)
    sessions.checked_open(session, verb="expired")
    return _expire(act, session)


def lapse(act: Act, thing: Json) -> None:
    """Do what time brings: sessions, authorisations and unanswered disputes lapse, late fees become known."""
    if thing["object"] == "checkout.session" and thing["status"] == "open":
        _expire(act, thing)
    elif thing["object"] == "payment_intent" and thing["status"] == "requires_capture":
        payments.cancel(act, thing, payments.LAPSED)
    elif thing["object"] == "dispute" and thing["status"] == "needs_response":
        disputes.lapse(act, thing)
    elif thing["object"] == charges.FEE_REMINDER:
        charges.remind(act, thing)
    else:
        act.put(thing)


def _try(act: Act, session_id: str, card: Card) -> Json:
    session = _open_session(act, session_id)
    intent = _intent(act, session)
    known = session["customer_details"] or {}
    billing = cards.billing_details(known.get("email") or EMAIL, CARDHOLDER)
    method = cards.method(act, card, customer=intent["customer"], billing=billing)
    payments.attempt(act, intent, Swipe(card, method))
    return act.load("checkout.session", session_id)


def _intent(act: Act, session: Json) -> Json:
    """Load the intent behind a session, or create it when nobody tried to pay yet."""
    if session["payment_intent"] is None:
        return intents.for_session(act, session)
    return act.load("payment_intent", session["payment_intent"])


def _open_session(act: Act, session_id: str) -> Json:
    session = act.load("checkout.session", session_id)
    sessions.checked_open(session, verb="paid")
    if session["expires_at"] <= act.now:
        message = "This Checkout Session has expired."
        raise StripeError(message, status=HTTPStatus.BAD_REQUEST)
    return session


def _expire(act: Act, session: Json) -> Json:
    if session["payment_intent"] is not None:
        intent = act.load("payment_intent", session["payment_intent"])
        payments.cancel(act, intent, "expired")
    expired = act.put({**session, "status": "expired", "url": None})
    events.emit(act, "checkout.session.expired", expired)
    return expired
