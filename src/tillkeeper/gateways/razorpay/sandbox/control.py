"""What a test may do that the API cannot: act as the customer, or from the gateway's own dashboard."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.razorpay.sandbox import (
    checkout,
    disputes,
    entries,
    links,
    payments,
    refunds,
    settlements,
    statement,
)
from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.methods import FAILURES, METHODS
from tillkeeper.gateways.razorpay.sandbox.refusals import RazorpayError
from tillkeeper.sandbox_kit import control
from tillkeeper.sandbox_kit import statement as statements
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk, Verb

WAYS = ", ".join(METHODS)
answer_seconds_max = 90 * 86_400
VERBS = (
    Verb(
        "POST",
        "links/{id}/pay",
        "Pay as the customer; the answer holds the payment and what the browser brings to the merchant."
        f" Methods: {WAYS}. copies is how often each webhook is sent. The same verbs exist under orders/{{id}}.",
        '{"method": "upi", "copies": 3}',
    ),
    Verb(
        "POST",
        "links/{id}/decline",
        f"Have the payment fail. Codes: {', '.join(FAILURES)}.",
        '{"code": "insufficient_funds"}',
    ),
    Verb(
        "POST",
        "links/{id}/authenticate",
        "Pay with authentication. Outcomes: complete, fail, or start, which leaves it waiting.",
        '{"outcome": "fail"}',
    ),
    Verb("POST", "links/{id}/time_out", "Lose the customer at the bank: the attempt fails for want of an answer."),
    Verb("POST", "links/{id}/late_success", "Let the bank say yes after all, though the attempt failed or all ended."),
    Verb("POST", "links/{id}/abandon", "Close the tab: nothing changes, the link stays open."),
    Verb("POST", "links/{id}/expire", "Let the link expire now."),
    Verb("POST", "payments/{id}/authenticate", "Answer the bank for a payment that waits.", '{"outcome": "complete"}'),
    Verb("POST", "payments/{id}/capture", "Capture from the gateway's dashboard."),
    Verb("POST", "payments/{id}/lapse", "Give an authorised payment back that nobody captured."),
    Verb(
        "POST",
        "refunds",
        "Refund from the gateway's dashboard; without an amount, all that is left.",
        '{"payment": "pay_…", "amount": 500}',
    ),
    Verb("POST", "refunds/hold", "Leave refunds pending from now on, or let them arrive at once.", '{"held": true}'),
    Verb("POST", "refunds/{id}/process", "Let a pending refund arrive."),
    Verb("POST", "refunds/{id}/fail", "Let a refund fail, pending or after it had been processed."),
    Verb(
        "POST",
        "disputes",
        "Let the customer's bank question a payment. Without an amount, all that was not refunded."
        f" Phases: {', '.join(disputes.PHASES)}. Reasons: {', '.join(disputes.REASONS)}.",
        '{"payment": "pay_…", "amount": 500, "phase": "chargeback"}',
    ),
    Verb(
        "POST",
        "disputes/{id}/change",
        "Change an open dispute's amount, phase, or in how many seconds it must be answered; no webhook tells.",
        '{"seconds": 86400}',
    ),
    Verb("POST", "disputes/{id}/review", "Let the bank look at the evidence."),
    Verb("POST", "disputes/{id}/ask", "Let the bank find the evidence wanting."),
    Verb("POST", "disputes/{id}/win", "Decide for the merchant; amount is what is deducted all the same."),
    Verb("POST", "disputes/{id}/lose", "Decide for the customer: the money is deducted."),
    Verb("POST", "disputes/{id}/close", "Close a suspicion of fraud, or a retrieval, without money moving."),
    Verb(
        "POST",
        "settlements",
        "Settlement run: pay out the rupees that are due; early takes what is not due yet too."
        " Outcomes: processed, failed, or created, which leaves it under way.",
        '{"early": true, "outcome": "processed"}',
    ),
    Verb("POST", "settlements/{id}/process", "Let a settlement arrive."),
    Verb("POST", "settlements/{id}/fail", "Let the bank send a settlement back; no webhook tells."),
    Verb(
        "POST",
        "adjustments",
        "Correct the balance by hand, in rupees; the description is all that Razorpay tells of why.",
        '{"amount": -1180, "description": "Monthly fee"}',
    ),
    statements.VERB,
)

Deed = Callable[[Act, str, Json], Json]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the control verbs of one desk."""
    both = [
        (f"/{place}/{{id}}/{verb}", deed, fields)
        for place in ("links", "orders")
        for verb, (deed, fields) in CUSTOMER_DEEDS.items()
    ]
    deeds = (*both, *DEEDS)
    return [
        *(Route(path, _handle(desk, deed, fields), methods=["POST"]) for path, deed, fields in deeds),
        statements.route(desk, statement.rows),
    ]


def _pay(act: Act, target: str, wish: Json) -> Json:
    return _done(act, checkout.pay(act, target, _method(wish)))


def _decline(act: Act, target: str, wish: Json) -> Json:
    return _done(act, checkout.decline(act, target, control.choice(wish, "code", tuple(FAILURES)), _method(wish)))


def _authenticate(act: Act, target: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("complete", "fail", "start"))
    payment = checkout.ask(act, target)
    return _done(act, payment if outcome == "start" else checkout.answer(act, payment, passed=outcome == "complete"))


def _time_out(act: Act, target: str, _wish: Json) -> Json:
    return _done(act, checkout.time_out(act, target))


def _succeed_late(act: Act, target: str, _wish: Json) -> Json:
    return _done(act, checkout.succeed_late(act, target))


def _abandon(act: Act, target: str, _wish: Json) -> Json:
    kind = "payment_link" if target.startswith("plink_") else "order"
    shown: Json = act.load(kind, target)["shown"]
    return shown


def _expire(act: Act, link_id: str, _wish: Json) -> Json:
    shown: Json = links.expire(act, act.load("payment_link", link_id))["shown"]
    return shown


def _answer_bank(act: Act, payment_id: str, wish: Json) -> Json:
    passed = control.choice(wish, "outcome", ("complete", "fail")) == "complete"
    return _done(act, checkout.answer(act, payments.undecided(act, payment_id), passed=passed))


def _capture(act: Act, payment_id: str, _wish: Json) -> Json:
    payment = act.load("payment", payment_id)
    wanted = {"amount": payment["shown"]["amount"], "currency": payment["shown"]["currency"]}
    return payments.capture(act, Fields(wanted), payment_id)


def _lapse(act: Act, payment_id: str, _wish: Json) -> Json:
    shown: Json = refunds.give_back_uncaptured(act, act.load("payment", payment_id))["shown"]
    return shown


def _refund(act: Act, _nothing: str, wish: Json) -> Json:
    payment = act.load("payment", control.text(wish, "payment"))
    refund = refunds.give_back(act, payment, control.amount(wish), notes={})
    shown: Json = act.load("refund", refund["id"])["shown"]
    return shown


def _hold(act: Act, _nothing: str, wish: Json) -> Json:
    return refunds.hold(act, on=control.flag(wish, "held"))


def _dispute(act: Act, _nothing: str, wish: Json) -> Json:
    payment = act.load("payment", control.text(wish, "payment"))
    reason = control.choice(wish, "reason", disputes.REASONS)
    phase = control.choice(wish, "phase", disputes.PHASES)
    shown: Json = disputes.open_one(act, payment, amount=control.amount(wish), reason=reason, phase=phase)["shown"]
    return shown


def _change(act: Act, dispute_id: str, wish: Json) -> Json:
    told: Json = {"amount": control.amount(wish)} if "amount" in wish else {}
    if "phase" in wish:
        told["phase"] = control.choice(wish, "phase", disputes.PHASES)
    if "seconds" in wish:
        told["respond_by"] = act.now + control.seconds(wish, most=answer_seconds_max)
    shown: Json = disputes.change(act, act.load("dispute", dispute_id), **told)["shown"]
    return shown


def _win(act: Act, dispute_id: str, wish: Json) -> Json:
    shown: Json = disputes.win(act, act.load("dispute", dispute_id), deducted=control.amount(wish) or 0)["shown"]
    return shown


def _settle(act: Act, _nothing: str, wish: Json) -> Json:
    end = OUTCOMES[control.choice(wish, "outcome", tuple(OUTCOMES))]
    sent = [end(act, settlement)["shown"] for settlement in settlements.run(act, early=control.flag(wish, "early"))]
    return {"entity": "collection", "count": len(sent), "items": sent}


def _adjust(act: Act, _nothing: str, wish: Json) -> Json:
    return entries.of_adjustment(act, control.signed_amount(wish), control.text(wish, "description"))


def _leave(_act: Act, settlement: Json) -> Json:
    return settlement


def _to(kind: str, step: Callable[[Act, Json], Json]) -> Deed:
    """Make a deed of a step that needs nothing but the thing it is about."""

    def deed(act: Act, thing_id: str, _wish: Json) -> Json:
        shown: Json = step(act, act.load(kind, thing_id))["shown"]
        return shown

    return deed


def _method(wish: Json) -> str:
    return control.choice(wish, "method", tuple(METHODS))


def _done(act: Act, payment: Json) -> Json:
    authorized = payment["shown"]["status"] in {"authorized", "captured"}
    return {"payment": payment["shown"], "callback": checkout.callback(act, payment) if authorized else None}


OUTCOMES: Mapping[str, Callable[[Act, Json], Json]] = {
    "processed": settlements.process,
    "failed": settlements.fail,
    "created": _leave,
}
CUSTOMER_DEEDS: Mapping[str, tuple[Deed, set[str]]] = {
    "pay": (_pay, {"method"}),
    "decline": (_decline, {"code", "method"}),
    "authenticate": (_authenticate, {"outcome"}),
    "time_out": (_time_out, set()),
    "late_success": (_succeed_late, set()),
    "abandon": (_abandon, set()),
}
DEEDS: tuple[tuple[str, Deed, set[str]], ...] = (
    ("/links/{id}/expire", _expire, set()),
    ("/payments/{id}/authenticate", _answer_bank, {"outcome"}),
    ("/payments/{id}/capture", _capture, set()),
    ("/payments/{id}/lapse", _lapse, set()),
    ("/refunds", _refund, {"payment", "amount"}),
    ("/refunds/hold", _hold, {"held"}),
    ("/refunds/{id}/process", _to("refund", refunds.process), set()),
    ("/refunds/{id}/fail", _to("refund", refunds.fail), set()),
    ("/disputes", _dispute, {"payment", "amount", "reason", "phase"}),
    ("/disputes/{id}/review", _to("dispute", disputes.review), set()),
    ("/disputes/{id}/ask", _to("dispute", disputes.ask_again), set()),
    ("/disputes/{id}/change", _change, {"amount", "phase", "seconds"}),
    ("/disputes/{id}/win", _win, {"amount"}),
    ("/disputes/{id}/lose", _to("dispute", disputes.lose), set()),
    ("/disputes/{id}/close", _to("dispute", disputes.close), set()),
    ("/settlements", _settle, {"outcome", "early"}),
    ("/settlements/{id}/process", _to("settlement", settlements.process), set()),
    ("/settlements/{id}/fail", _to("settlement", settlements.fail), set()),
    ("/adjustments", _adjust, {"amount", "description"}),
)


def _handle(desk: Desk, deed: Deed, fields: set[str]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        wish = await control.wish(request, fields | control.COMMON)
        try:
            with desk.books.change(desk.gateway) as change:
                change.follow(control.course(wish), about=request.path_params.get("id", ""))
                act = Act(desk, change, desk.now(), copies=control.copies(wish))
                return JSONResponse(deed(act, request.path_params.get("id", ""), wish))
        except RazorpayError as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)

    return handle
