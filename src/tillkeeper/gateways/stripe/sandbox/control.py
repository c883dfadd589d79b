"""What a test may do that the API cannot: act as the customer, or from the gateway's own dashboard."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.stripe.sandbox import cards, checkout, payments, refunds
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
from tillkeeper.sandbox_kit import control
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.stand import Desk, Verb

VERBS = (
    Verb(
        "POST", "sessions/{id}/pay", "Pay as the customer; copies is how often each webhook is sent.", '{"copies": 3}'
    ),
    Verb(
        "POST",
        "sessions/{id}/decline",
        f"Have the card declined. Codes: {', '.join(cards.DECLINES)}.",
        '{"code": "insufficient_funds"}',
    ),
    Verb(
        "POST",
        "sessions/{id}/authenticate",
        "Pay with authentication. Outcomes: complete, fail, or start, which leaves it waiting.",
        '{"outcome": "fail"}',
    ),
    Verb("POST", "sessions/{id}/abandon", "Close the tab: nothing changes, the session stays open."),
    Verb("POST", "sessions/{id}/expire", "Let the session expire now."),
    Verb("POST", "payment_intents/{id}/pay", "Pay an intent that was made without a session."),
    Verb("POST", "payment_intents/{id}/decline", "Decline it.", '{"code": "generic_decline"}'),
    Verb("POST", "payment_intents/{id}/authenticate", "Authenticate it.", '{"outcome": "complete"}'),
    Verb("POST", "payment_intents/{id}/lapse", "Let an authorisation that nobody captured lapse now."),
    Verb(
        "POST",
        "refunds",
        "Refund from the gateway's dashboard; without an amount, all that is left.",
        '{"payment_intent": "pi_…", "amount": 500}',
    ),
    Verb("POST", "refunds/{id}/fail", "Let a refund fail after it had succeeded."),
)

Deed = Callable[[Act, str, Json], Json]
COMMON = {"copies"}


def routes(desk: Desk) -> list[BaseRoute]:
    """List the control verbs of one desk."""
    return [
        *(Route(path, _handle(desk, deed, fields), methods=["POST"]) for path, deed, fields in DEEDS),
    ]


def report(change: Change) -> Json:
    """Lay open what every payment intent came to, and the sums by currency."""
    intents = [_line(change, intent) for intent in reversed(change.select("payment_intent"))]
    totals: dict[str, Json] = {}
    for line in intents:
        total = totals.setdefault(line["currency"], {"captured": 0, "refunded": 0, "fee": 0, "net": 0, "payments": 0})
        for name in ("captured", "refunded", "fee"):
            total[name] += line[name]
        total["payments"] += 1 if line["captured"] else 0
        total["net"] += line["captured"] - line["refunded"] - line["fee"]
    return {"payment_intents": intents, "totals": totals, "sessions": len(change.select("checkout.session"))}


def _line(change: Change, intent: Json) -> Json:
    charges = change.select("charge", where={"payment_intent": intent["id"]})
    captured = [charge for charge in charges if charge["captured"]]
    transactions = [change.find("balance_transaction", charge["balance_transaction"] or "") for charge in captured]
    # A refund without a balance transaction only released what was never captured; no money came back.
    given_back = [
        refund
        for refund in change.select("refund", where={"payment_intent": intent["id"]})
        if refund["status"] == "succeeded" and refund["balance_transaction"]
    ]
    session = change.select("checkout.session", where={"payment_intent": intent["id"]}, limit=1)
    return {
        "payment_intent": intent["id"],
        "session": session[0]["id"] if session else None,
        "status": intent["status"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "captured": sum(charge["amount_captured"] for charge in captured),
        "refunded": sum(refund["amount"] for refund in given_back),
        "fee": sum(transaction["fee"] for transaction in transactions if transaction),
        "charges": len(charges),
        "captures": len(captured),
        "refunds": len(given_back),
        "metadata": intent["metadata"],
    }


def _pay(act: Act, session_id: str, _wish: Json) -> Json:
    return checkout.pay(act, session_id)


def _decline(act: Act, session_id: str, wish: Json) -> Json:
    return checkout.decline(act, session_id, _code(wish))


def _authenticate(act: Act, session_id: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("complete", "fail", "start"))
    if outcome == "start":
        return checkout.ask(act, session_id)
    return checkout.authenticate(act, session_id, passed=outcome == "complete")


def _abandon(act: Act, session_id: str, _wish: Json) -> Json:
    return act.load("checkout.session", session_id)


def _expire(act: Act, session_id: str, _wish: Json) -> Json:
    return checkout.expire(act, Params({}), session_id)


def _pay_intent(act: Act, intent_id: str, _wish: Json) -> Json:
    return checkout.try_intent(act, act.load("payment_intent", intent_id), cards.GOOD)


def _decline_intent(act: Act, intent_id: str, wish: Json) -> Json:
    return checkout.try_intent(act, act.load("payment_intent", intent_id), cards.DECLINES[_code(wish)])


def _authenticate_intent(act: Act, intent_id: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("complete", "fail", "start"))
    intent = act.load("payment_intent", intent_id)
    if intent["status"] != "requires_action":
        intent = checkout.try_intent(act, intent, cards.ASKS)
    if outcome == "start":
        return intent
    return checkout.authenticate_intent(act, intent, passed=outcome == "complete")


def _lapse(act: Act, intent_id: str, _wish: Json) -> Json:
    intent = act.load("payment_intent", intent_id)
    payments.checked_status(intent, ("requires_capture",), doing="lapsed")
    return payments.cancel(act, intent, "automatic")


def _refund(act: Act, _nothing: str, wish: Json) -> Json:
    intent = act.load("payment_intent", control.text(wish, "payment_intent"))
    charge = act.load("charge", intent["latest_charge"] or "none")
    return refunds.give_back(act, charge, amount=control.amount(wish), reason=None, metadata={})


def _fail_refund(act: Act, refund_id: str, _wish: Json) -> Json:
    return refunds.fail(act, refund_id)


DEEDS: tuple[tuple[str, Deed, set[str]], ...] = (
    ("/sessions/{id}/pay", _pay, set()),
    ("/sessions/{id}/decline", _decline, {"code"}),
    ("/sessions/{id}/authenticate", _authenticate, {"outcome"}),
    ("/sessions/{id}/abandon", _abandon, set()),
    ("/sessions/{id}/expire", _expire, set()),
    ("/payment_intents/{id}/pay", _pay_intent, set()),
    ("/payment_intents/{id}/decline", _decline_intent, {"code"}),
    ("/payment_intents/{id}/authenticate", _authenticate_intent, {"outcome"}),
    ("/payment_intents/{id}/lapse", _lapse, set()),
    ("/refunds", _refund, {"payment_intent", "amount"}),
    ("/refunds/{id}/fail", _fail_refund, set()),
)


def _code(wish: Json) -> str:
    if wish.get("code") == "card_declined":
        return "generic_decline"
    return control.choice(wish, "code", ("generic_decline", *cards.DECLINES))


def _handle(desk: Desk, deed: Deed, fields: set[str]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        wish = await control.wish(request, fields | COMMON)
        try:
            with desk.books.change(desk.gateway) as change:
                act = Act(desk, change, desk.now(), copies=control.copies(wish))
                return JSONResponse(deed(act, request.path_params.get("id", ""), wish))
        except StripeError as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)

    return handle
