"""What a test may do that the API cannot: act as the customer, or from the gateway's own dashboard."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.stripe.sandbox import (
    balance,
    cards,
    checkout,
    currencies,
    disputes,
    late,
    payments,
    payouts,
    refunds,
    statement,
)
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
from tillkeeper.sandbox_kit import control
from tillkeeper.sandbox_kit import statement as statements
from tillkeeper.sandbox_kit.books import Json
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
    Verb("POST", "sessions/{id}/pay_by_debit", "Pay by bank debit: the session completes, the money is under way."),
    Verb("POST", "sessions/{id}/settle", "Let that debit come, or be returned.", '{"outcome": "failed"}'),
    Verb("POST", "sessions/{id}/late_success", "Take the money after all, though the session failed or expired."),
    Verb("POST", "sessions/{id}/abandon", "Close the tab: nothing changes, the session stays open."),
    Verb("POST", "sessions/{id}/expire", "Let the session expire now."),
    Verb("POST", "payment_intents/{id}/pay", "Pay an intent that was made without a session."),
    Verb("POST", "payment_intents/{id}/decline", "Decline it.", '{"code": "generic_decline"}'),
    Verb("POST", "payment_intents/{id}/authenticate", "Authenticate it.", '{"outcome": "complete"}'),
    Verb("POST", "payment_intents/{id}/lapse", "Let an authorisation that nobody captured lapse now."),
    Verb("POST", "payment_intents/{id}/late_success", "Take the money after all, though it failed or was canceled."),
    Verb(
        "POST",
        "refunds",
        "Refund from the gateway's dashboard; without an amount, all that is left.",
        '{"payment_intent": "pi_…", "amount": 500}',
    ),
    Verb("POST", "refunds/{id}/fail", "Let a refund fail after it had succeeded."),
    Verb(
        "POST",
        "disputes",
        "Let the customer's bank take a payment back; name a payment_intent or a charge. Without an amount, all that"
        f" was not refunded. Reasons: {', '.join(disputes.REASONS)}.",
        '{"payment_intent": "pi_…", "amount": 500, "reason": "fraudulent"}',
    ),
    Verb("POST", "disputes/{id}/win", "Decide a dispute for the merchant: the money comes back, the fee does not."),
    Verb("POST", "disputes/{id}/lose", "Decide a dispute for the customer."),
    Verb(
        "POST",
        "payouts",
        "Settlement run: pay out what is available, in one currency or in all; early takes what is pending too."
        " Outcomes: paid, failed, or in_transit, which leaves it under way. What it took along Stripe tells when"
        " membership is completed, and not when it is in_progress or, for a payout by hand, not_applicable.",
        '{"currency": "usd", "early": true, "outcome": "paid"}',
    ),
    Verb(
        "POST",
        "payouts/{id}/pay",
        "Let a payout arrive. Traces: supported, or pending, which leaves open by what the bank's line is known.",
        '{"trace": "pending"}',
    ),
    Verb("POST", "payouts/{id}/trace", "Tell by what the bank's line of a payout is known; no event says so."),
    Verb("POST", "payouts/{id}/reconcile", "Put together what a payout is made of whose membership is in_progress."),
    Verb("POST", "payouts/{id}/fail", "Let the bank send a payout back."),
    Verb(
        "POST",
        "movements",
        f"Move the balance for what is no payment. Kinds: {', '.join(balance.MOVEMENTS)}.",
        '{"kind": "stripe_fee", "currency": "usd", "amount": -250}',
    ),
    Verb(
        "POST",
        "conversions",
        "Settle payments of one currency in another from now on, at a rate.",
        '{"from": "usd", "to": "eur", "rate": "0.9123"}',
    ),
    statements.VERB,
)

Deed = Callable[[Act, str, Json], Json]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the control verbs of one desk."""
    return [
        *(Route(path, _handle(desk, deed, fields), methods=["POST"]) for path, deed, fields in DEEDS),
        statements.route(desk, statement.rows),
    ]


def _pay(act: Act, session_id: str, _wish: Json) -> Json:
    return checkout.pay(act, session_id)


def _decline(act: Act, session_id: str, wish: Json) -> Json:
    return checkout.decline(act, session_id, _code(wish))


def _authenticate(act: Act, session_id: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("complete", "fail", "start"))
    if outcome == "start":
        return checkout.ask(act, session_id)
    return checkout.authenticate(act, session_id, passed=outcome == "complete")


def _pay_by_debit(act: Act, session_id: str, _wish: Json) -> Json:
    return checkout.pay_by_debit(act, session_id)


def _settle(act: Act, session_id: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("succeeded", "failed"))
    return checkout.settle(act, session_id, succeeded=outcome == "succeeded")


def _succeed_late(act: Act, session_id: str, _wish: Json) -> Json:
    return checkout.succeed_late(act, session_id)


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
    return payments.cancel(act, intent, payments.LAPSED)


def _succeed_intent_late(act: Act, intent_id: str, _wish: Json) -> Json:
    return late.succeed(act, act.load("payment_intent", intent_id))


def _refund(act: Act, _nothing: str, wish: Json) -> Json:
    charge = _charge_of(act, control.text(wish, "payment_intent"))
    return refunds.give_back(act, charge, amount=control.amount(wish), reason=None, metadata={})


def _fail_refund(act: Act, refund_id: str, _wish: Json) -> Json:
    return refunds.fail(act, refund_id)


def _dispute(act: Act, _nothing: str, wish: Json) -> Json:
    if ("charge" in wish) == ("payment_intent" in wish):
        message = "Name what is disputed: either a payment_intent or a charge."
        raise control.refusal(message)
    if "charge" in wish:
        charge = act.load("charge", control.text(wish, "charge"))
    else:
        charge = _charge_of(act, control.text(wish, "payment_intent"))
    reason = control.choice(wish, "reason", disputes.REASONS)
    return disputes.open_one(act, charge, amount=control.amount(wish), reason=reason)


def _win(act: Act, dispute_id: str, _wish: Json) -> Json:
    return disputes.win(act, act.load("dispute", dispute_id))


def _lose(act: Act, dispute_id: str, _wish: Json) -> Json:
    return disputes.lose(act, act.load("dispute", dispute_id))


def _pay_out(act: Act, _nothing: str, wish: Json) -> Json:
    currency = control.text(wish, "currency").lower() if "currency" in wish else None
    end = OUTCOMES[control.choice(wish, "outcome", tuple(OUTCOMES))]
    membership = control.choice(wish, "membership", (payouts.COMPLETED, payouts.IN_PROGRESS, payouts.MANUAL))
    made = payouts.run(act, currency=currency, early=control.flag(wish, "early"), membership=membership)
    sent = [end(act, payout) for payout in made]
    return {"object": "list", "data": sent}


def _pay_payout(act: Act, payout_id: str, wish: Json) -> Json:
    trace = control.choice(wish, "trace", ("supported", "pending"))
    return payouts.pay(act, act.load("payout", payout_id), traced=trace == "supported")


def _trace_payout(act: Act, payout_id: str, _wish: Json) -> Json:
    return payouts.trace(act, act.load("payout", payout_id))


def _reconcile_payout(act: Act, payout_id: str, _wish: Json) -> Json:
    return payouts.reconcile(act, act.load("payout", payout_id))


def _fail_payout(act: Act, payout_id: str, _wish: Json) -> Json:
    return payouts.fail(act, act.load("payout", payout_id))


def _move(act: Act, _nothing: str, wish: Json) -> Json:
    kind = control.choice(wish, "kind", balance.MOVEMENTS)
    currency = currencies.checked_currency(control.text(wish, "currency"), param="currency")
    return balance.move(act, kind, currency, control.signed_amount(wish))


def _convert(act: Act, _nothing: str, wish: Json) -> Json:
    currency, into = (currencies.checked_currency(control.text(wish, name), param=name) for name in ("from", "to"))
    return balance.convert(act, currency, into, control.rate(wish))


def _leave(_act: Act, payout: Json) -> Json:
    return payout


def _charge_of(act: Act, intent_id: str) -> Json:
    intent = act.load("payment_intent", intent_id)
    return act.load("charge", intent["latest_charge"] or "none")


OUTCOMES: Mapping[str, Callable[[Act, Json], Json]] = {
    "paid": payouts.pay,
    "failed": payouts.fail,
    "in_transit": _leave,
}
DEEDS: tuple[tuple[str, Deed, set[str]], ...] = (
    ("/sessions/{id}/pay", _pay, set()),
    ("/sessions/{id}/decline", _decline, {"code"}),
    ("/sessions/{id}/authenticate", _authenticate, {"outcome"}),
    ("/sessions/{id}/pay_by_debit", _pay_by_debit, set()),
    ("/sessions/{id}/settle", _settle, {"outcome"}),
    ("/sessions/{id}/late_success", _succeed_late, set()),
    ("/sessions/{id}/abandon", _abandon, set()),
    ("/sessions/{id}/expire", _expire, set()),
    ("/payment_intents/{id}/pay", _pay_intent, set()),
    ("/payment_intents/{id}/decline", _decline_intent, {"code"}),
    ("/payment_intents/{id}/authenticate", _authenticate_intent, {"outcome"}),
    ("/payment_intents/{id}/lapse", _lapse, set()),
    ("/payment_intents/{id}/late_success", _succeed_intent_late, set()),
    ("/refunds", _refund, {"payment_intent", "amount"}),
    ("/refunds/{id}/fail", _fail_refund, set()),
    ("/disputes", _dispute, {"payment_intent", "charge", "amount", "reason"}),
    ("/disputes/{id}/win", _win, set()),
    ("/disputes/{id}/lose", _lose, set()),
    ("/payouts", _pay_out, {"currency", "outcome", "early", "membership"}),
    ("/payouts/{id}/pay", _pay_payout, {"trace"}),
    ("/payouts/{id}/trace", _trace_payout, set()),
    ("/payouts/{id}/reconcile", _reconcile_payout, set()),
    ("/payouts/{id}/fail", _fail_payout, set()),
    ("/movements", _move, {"kind", "currency", "amount"}),
    ("/conversions", _convert, {"from", "to", "rate"}),
)


def _code(wish: Json) -> str:
    if wish.get("code") == "card_declined":
        return "generic_decline"
    return control.choice(wish, "code", ("generic_decline", *cards.DECLINES))


def _handle(desk: Desk, deed: Deed, fields: set[str]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        wish = await control.wish(request, fields | control.COMMON)
        try:
            with desk.books.change(desk.gateway) as change:
                change.follow(control.course(wish), about=request.path_params.get("id", ""))
                act = Act(desk, change, desk.now(), copies=control.copies(wish))
                return JSONResponse(deed(act, request.path_params.get("id", ""), wish))
        except StripeError as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)

    return handle
