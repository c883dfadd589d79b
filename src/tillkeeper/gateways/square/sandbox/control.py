"""What a test may do that the API cannot: act as the customer, or from the gateway's own dashboard."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.square.sandbox import (
    account,
    balance,
    checkout,
    currencies,
    disputes,
    links,
    payments,
    payouts,
    refunds,
    sources,
)
from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit import control
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk, Verb

DECLINES = ("GENERIC_DECLINE", *sources.DECLINES)
VERBS = (
    Verb("POST", "links/{id}/pay", "Pay as the customer; copies is how often each webhook is sent.", '{"copies": 3}'),
    Verb(
        "POST",
        "links/{id}/decline",
        f"Have the card declined. Codes: {', '.join(sources.DECLINES)}.",
        '{"code": "INSUFFICIENT_FUNDS"}',
    ),
    Verb(
        "POST",
        "links/{id}/authenticate",
        "Pay with a card whose bank asks the customer. Outcomes: complete, fail.",
        '{"outcome": "fail"}',
    ),
    Verb("POST", "links/{id}/pay_by_bank", "Pay by bank account: the money is under way."),
    Verb("POST", "links/{id}/late_success", "Take the money after all, though the link was ended or a payment failed."),
    Verb("POST", "links/{id}/abandon", "Close the tab: nothing changes, the link stays open."),
    Verb("POST", "links/{id}/expire", "End the link now, as the shop could."),
    Verb(
        "POST",
        "cards",
        f"Make a nonce as the form in a shop's page does. Outcomes: {', '.join(sources.OUTCOMES)}.",
        '{"outcome": "CVV_FAILURE"}',
    ),
    Verb("POST", "payments/{id}/settle", "Let a bank payment come, or come back.", '{"outcome": "failed"}'),
    Verb("POST", "payments/{id}/late_success", "Take the money after all, though the payment failed or was canceled."),
    Verb("POST", "payments/{id}/complete", "Capture an authorised payment in the dashboard."),
    Verb("POST", "payments/{id}/void", "Let an authorised payment go in the dashboard."),
    Verb("POST", "payments/{id}/lapse", "Let an authorisation that nobody captured lapse now."),
    Verb(
        "POST",
        "refunds",
        "Refund from the dashboard; without an amount, all that is left.",
        '{"payment": "…", "amount": 500}',
    ),
    Verb(
        "POST",
        "refunds/hold",
        "Leave refunds pending from now on, and refuse a second one of a payment meanwhile; or let them arrive again.",
        '{"held": true}',
    ),
    Verb("POST", "refunds/{id}/complete", "Let a pending refund arrive now."),
    Verb("POST", "refunds/{id}/fail", "Let a refund fail, also after it had arrived."),
    Verb("POST", "refunds/{id}/reject", "Let a pending refund be rejected."),
    Verb(
        "POST",
        "disputes",
        "Let the customer's bank take a payment back, or with inquiry only ask about it. Without an amount, all that"
        f" was not refunded. Reasons: {', '.join(disputes.REASONS)}.",
        '{"payment": "…", "amount": 500, "reason": "NOT_RECEIVED"}',
    ),
    Verb("POST", "disputes/{id}/win", "Decide a dispute for the merchant: the money comes back."),
    Verb("POST", "disputes/{id}/lose", "Decide a dispute for the customer."),
    Verb(
        "POST",
        "payouts",
        "Settlement run: pay out the balance, in one currency or in all. Outcomes: paid, failed, or sent, which"
        " leaves it under way.",
        '{"currency": "USD", "outcome": "paid"}',
    ),
    Verb("POST", "payouts/{id}/pay", "Let a payout arrive."),
    Verb("POST", "payouts/{id}/fail", "Let the bank send a payout back."),
    Verb(
        "POST",
        "movements",
        f"Move the balance for what is no payment. Types: {', '.join(balance.MOVEMENTS)}.",
        '{"type": "FEE", "currency": "USD", "amount": -250}',
    ),
    Verb(
        "POST",
        "account",
        f"Tie the account to one currency, as real ones are ({', '.join(currencies.ALL)}), or to none.",
        '{"currency": "USD"}',
    ),
)

Deed = Callable[[Act, str, Json], Json]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the control verbs of one desk."""
    return [Route(path, _handle(desk, deed, fields), methods=["POST"]) for path, deed, fields in DEEDS]


def _pay(act: Act, link: str, _wish: Json, source: sources.Source = sources.GOOD) -> Json:
    return _shown(checkout.pay(act, links.find(act, link), source))


def _decline(act: Act, link: str, wish: Json) -> Json:
    return _pay(act, link, wish, sources.DECLINES[control.choice(wish, "code", DECLINES)])


def _authenticate(act: Act, link: str, wish: Json) -> Json:
    passed = control.choice(wish, "outcome", ("complete", "fail")) == "complete"
    return _pay(act, link, wish, sources.GOOD if passed else sources.ASKS)


def _succeed_late(act: Act, link: str, _wish: Json) -> Json:
    return _shown(checkout.succeed_late(act, links.find(act, link)))


def _abandon(act: Act, link: str, _wish: Json) -> Json:
    return _shown(links.find(act, link))


def _expire(act: Act, link: str, _wish: Json) -> Json:
    return links.end(act, links.find(act, link))


def _issue(act: Act, _nothing: str, wish: Json) -> Json:
    return {"source_id": sources.issue(act, control.choice(wish, "outcome", sources.OUTCOMES))}


def _settle(act: Act, payment: str, wish: Json) -> Json:
    succeeded = control.choice(wish, "outcome", ("succeeded", "failed")) == "succeeded"
    return _shown(payments.settle(act, act.load("payment", payment), succeeded=succeeded))


def _land(act: Act, payment: str, _wish: Json) -> Json:
    found = act.load("payment", payment)
    payments.checked_status(found, ("FAILED", "CANCELED", "PENDING"), doing="completed late")
    return _shown(payments.land(act, {**found, "source": {**found["source"], "code": None}}))


def _lapse(act: Act, payment: str, _wish: Json) -> Json:
    found = act.load("payment", payment)
    payments.checked_status(found, ("APPROVED",), doing="lapsed")
    return _shown(payments.lapse(act, found))


def _refund(act: Act, _nothing: str, wish: Json) -> Json:
    payment = act.load("payment", control.text(wish, "payment"))
    amount = control.amount(wish)
    money = None if amount is None else {**payment["shown"]["total_money"], "amount": amount}
    return _shown(refunds.give_back(act, payment, money, reason="Refunded in the dashboard"))


def _hold(act: Act, _nothing: str, wish: Json) -> Json:
    return account.put(act, {"refunds_held": control.flag(wish, "held")})


def _end_refund(status: str, act: Act, refund: str, _wish: Json) -> Json:
    return _shown(refunds.fail(act, act.load("refund", refund), status))


def _dispute(act: Act, _nothing: str, wish: Json) -> Json:
    payment = act.load("payment", control.text(wish, "payment"))
    reason, inquiry = control.choice(wish, "reason", disputes.REASONS), control.flag(wish, "inquiry")
    return _shown(disputes.open_one(act, payment, amount=control.amount(wish), reason=reason, inquiry=inquiry))


def _pay_out(act: Act, _nothing: str, wish: Json) -> Json:
    currency = control.text(wish, "currency") if "currency" in wish else None
    end = OUTCOMES[control.choice(wish, "outcome", tuple(OUTCOMES))]
    return {"data": [_shown(end(act, payout)) for payout in payouts.run(act, currency=currency)]}


def _move(act: Act, _nothing: str, wish: Json) -> Json:
    kind = control.choice(wish, "type", balance.MOVEMENTS)
    currency = control.choice(wish, "currency", currencies.ALL)
    return _shown(balance.enter(act, kind, control.signed_amount(wish), currency))


def _leave(_act: Act, payout: Json) -> Json:
    return payout


def _tie(act: Act, _nothing: str, wish: Json) -> Json:
    currency = control.choice(wish, "currency", currencies.ALL) if wish.get("currency") else None
    return account.put(act, {"currency": currency})


def _one(kind: str, verb: Callable[[Act, Json], Json]) -> Deed:
    """Make a deed of a verb that takes one object."""

    def deed(act: Act, thing_id: str, _wish: Json) -> Json:
        return _shown(verb(act, act.load(kind, thing_id)))

    return deed


def _shown(thing: Json) -> Json:
    shown: Json = thing["shown"]
    return shown


OUTCOMES: Mapping[str, Callable[[Act, Json], Json]] = {"paid": payouts.pay, "failed": payouts.fail, "sent": _leave}
DEEDS: tuple[tuple[str, Deed, set[str]], ...] = (
    ("/links/{id}/pay", _pay, set()),
    ("/links/{id}/decline", _decline, {"code"}),
    ("/links/{id}/authenticate", _authenticate, {"outcome"}),
    ("/links/{id}/pay_by_bank", partial(_pay, source=sources.BANK), set()),
    ("/links/{id}/late_success", _succeed_late, set()),
    ("/links/{id}/abandon", _abandon, set()),
    ("/links/{id}/expire", _expire, set()),
    ("/cards", _issue, {"outcome"}),
    ("/payments/{id}/settle", _settle, {"outcome"}),
    ("/payments/{id}/late_success", _land, set()),
    ("/payments/{id}/complete", _one("payment", payments.complete), set()),
    ("/payments/{id}/void", _one("payment", payments.void), set()),
    ("/payments/{id}/lapse", _lapse, set()),
    ("/refunds", _refund, {"payment", "amount"}),
    ("/refunds/hold", _hold, {"held"}),
    ("/refunds/{id}/complete", _one("refund", refunds.complete), set()),
    ("/refunds/{id}/fail", partial(_end_refund, "FAILED"), set()),
    ("/refunds/{id}/reject", partial(_end_refund, "REJECTED"), set()),
    ("/disputes", _dispute, {"payment", "amount", "reason", "inquiry"}),
    ("/disputes/{id}/win", _one("dispute", disputes.win), set()),
    ("/disputes/{id}/lose", _one("dispute", disputes.lose), set()),
    ("/payouts", _pay_out, {"currency", "outcome"}),
    ("/payouts/{id}/pay", _one("payout", payouts.pay), set()),
    ("/payouts/{id}/fail", _one("payout", payouts.fail), set()),
    ("/movements", _move, {"type", "currency", "amount"}),
    ("/account", _tie, {"currency"}),
)


def _handle(desk: Desk, deed: Deed, fields: set[str]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        wish = await control.wish(request, fields | control.COMMON)
        try:
            with desk.books.change(desk.gateway) as change:
                change.follow(control.course(wish), about=request.path_params.get("id", ""))
                act = Act(desk, change, desk.now(), copies=control.copies(wish))
                return JSONResponse(deed(act, request.path_params.get("id", ""), wish))
        except SquareError as refusal:
            return JSONResponse(refusal.body, refusal.status)

    return handle
