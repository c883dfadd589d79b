"""What a test may do that the API cannot: act as the payer, or from PayPal's own pages."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.paypal.sandbox import (
    authorizations,
    captures,
    disputes,
    ledger,
    money,
    orders,
    shapes,
    statement,
    tokens,
)
from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.refusals import Issue, PayPalError, impossible
from tillkeeper.sandbox_kit import control
from tillkeeper.sandbox_kit import statement as statements
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk, Verb

CODES = (*orders.REFUSALS, "capture_declined")
WAITS = ("echeck", "review")

VERBS = (
    Verb("POST", "orders/{id}/pay", "Approve as the payer; copies is how often each webhook is sent.", '{"copies": 3}'),
    Verb(
        "POST",
        "orders/{id}/decline",
        f"Approve with an instrument that fails when the merchant captures. Codes: {', '.join(CODES)}.",
        '{"code": "instrument_declined"}',
    ),
    Verb(
        "POST",
        "orders/{id}/authenticate",
        "Log in to approve. Outcomes: complete, fail, which sends the payer away, or start, which leaves it waiting.",
        '{"outcome": "fail"}',
    ),
    Verb(
        "POST",
        "orders/{id}/pay_slowly",
        f"Approve with money that takes days: the capture is pending. Kinds: {', '.join(WAITS)}.",
        '{"kind": "echeck"}',
    ),
    Verb("POST", "orders/{id}/abandon", "Close the tab: nothing changes, the order stays open."),
    Verb("POST", "orders/{id}/expire", "Let the order lapse now: PayPal forgets it."),
    Verb("POST", "orders/{id}/late_success", "Approve after all, though the order lapsed."),
    Verb("POST", "captures/{id}/settle", "Let pending money come, or not.", '{"outcome": "denied"}'),
    Verb("POST", "captures/{id}/reverse", "Have PayPal itself take a capture back.", '{"amount": 500}'),
    Verb(
        "POST",
        "authorizations/{id}/capture",
        "Capture from PayPal's own pages; more keeps the rest for another capture.",
        '{"amount": 500, "more": true}',
    ),
    Verb("POST", "authorizations/{id}/lapse", "Let an authorisation that nobody captured lapse now."),
    Verb(
        "POST",
        "refunds",
        "Refund from PayPal's own pages; without an amount, all that is left. Name a capture or its order.",
        '{"capture": "3C6…", "amount": 500}',
    ),
    Verb("POST", "refunds/{id}/fail", "Let a refund fail after it had succeeded."),
    Verb(
        "POST",
        "disputes",
        "Let the payer dispute a capture; name it or its order. Without an amount, all that was not refunded."
        f" Reasons: {', '.join(disputes.REASONS)}. Stages: {', '.join(disputes.STAGES)}.",
        '{"capture": "3C6…", "amount": 500, "stage": "INQUIRY"}',
    ),
    Verb("POST", "disputes/{id}/escalate", "Turn an inquiry into a claim, for which the money is held back."),
    Verb("POST", "disputes/{id}/win", "Decide a dispute for the merchant: the money comes back."),
    Verb("POST", "disputes/{id}/lose", "Decide a dispute for the payer; a claim costs a fee besides."),
    Verb("POST", "disputes/{id}/withdraw", "Let the payer take the dispute back."),
    Verb("POST", "payouts", "Send what stands on the account to the bank.", '{"currency": "USD"}'),
    Verb("POST", "payouts/{id}/fail", "Let the bank send a withdrawal back."),
    Verb(
        "POST",
        "movements",
        f"Move the balance for what is no payment. Kinds: {', '.join(ledger.MOVEMENTS)}.",
        '{"kind": "fee", "currency": "EUR", "amount": -250}',
    ),
    Verb(
        "POST",
        "conversions",
        "Change part of the balance into another currency, at a rate that PayPal does not tell.",
        '{"from": "USD", "to": "EUR", "amount": 1000, "rate": "0.9123"}',
    ),
    statements.VERB,
    Verb("POST", "tokens/revoke", "End all access tokens before their time."),
)

Deed = Callable[[Act, str, Json], Json]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the control verbs of one desk."""
    return [
        *(Route(path, _handle(desk, deed, fields), methods=["POST"]) for path, deed, fields in DEEDS),
        statements.route(desk, statement.rows),
    ]


def open_order(act: Act, order_id: str) -> Json:
    """Load an order that the payer may approve, or approve anew with another way to pay."""
    order = orders.known(act, order_id)
    if order["status"] not in {*orders.OPEN, "APPROVED"}:
        raise impossible(Issue.ORDER_ALREADY_CAPTURED)
    return order


def _pay(act: Act, order_id: str, _wish: Json) -> Json:
    return orders.approve(act, open_order(act, order_id))


def _decline(act: Act, order_id: str, wish: Json) -> Json:
    code = control.choice(wish, "code", CODES)
    return orders.approve(act, open_order(act, order_id), code)


def _authenticate(act: Act, order_id: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("complete", "fail", "start"))
    order = open_order(act, order_id)
    return orders.approve(act, order) if outcome == "complete" else order


def _pay_slowly(act: Act, order_id: str, wish: Json) -> Json:
    kind = control.choice(wish, "kind", WAITS)
    return orders.approve(act, open_order(act, order_id), kind)


def _abandon(act: Act, order_id: str, _wish: Json) -> Json:
    return orders.known(act, order_id)


def _expire(act: Act, order_id: str, _wish: Json) -> Json:
    return orders.expire(act, open_order(act, order_id))


def _succeed_late(act: Act, order_id: str, _wish: Json) -> Json:
    order = act.load("order", order_id)
    if order["status"] == "COMPLETED":
        raise impossible(Issue.ORDER_ALREADY_CAPTURED)
    return orders.approve(act, {**order, "gone": False})


def _settle(act: Act, capture_id: str, wish: Json) -> Json:
    outcome = control.choice(wish, "outcome", ("completed", "denied"))
    return captures.settle(act, act.load("capture", capture_id), completed=outcome == "completed")


def _reverse(act: Act, capture_id: str, wish: Json) -> Json:
    capture = act.load("capture", capture_id)
    return captures.give_back(act, capture, control.amount(wish), _told(capture), reversed_by_paypal=True)


def _capture(act: Act, authorization_id: str, wish: Json) -> Json:
    held = act.load("authorization", authorization_id)
    return authorizations.take(act, held, control.amount(wish), final=not control.flag(wish, "more"))


def _lapse(act: Act, authorization_id: str, _wish: Json) -> Json:
    return authorizations.let_go(act, act.load("authorization", authorization_id))


def _refund(act: Act, _nothing: str, wish: Json) -> Json:
    capture = _capture_of(act, wish)
    return captures.give_back(act, capture, control.amount(wish), _told(capture))


def _fail_refund(act: Act, refund_id: str, _wish: Json) -> Json:
    return captures.fail_refund(act, act.load("refund", refund_id))


def _dispute(act: Act, _nothing: str, wish: Json) -> Json:
    reason = control.choice(wish, "reason", disputes.REASONS)
    stage = control.choice(wish, "stage", disputes.STAGES)
    capture = _capture_of(act, wish)
    return disputes.open_one(act, capture, amount=control.amount(wish), reason=reason, stage=stage)


def _escalate(act: Act, dispute_id: str, _wish: Json) -> Json:
    return disputes.escalate(act, act.load("dispute", dispute_id))


def _win(act: Act, dispute_id: str, _wish: Json) -> Json:
    return disputes.win(act, act.load("dispute", dispute_id))


def _lose(act: Act, dispute_id: str, _wish: Json) -> Json:
    return disputes.lose(act, act.load("dispute", dispute_id))


def _withdraw(act: Act, dispute_id: str, _wish: Json) -> Json:
    return disputes.withdraw(act, act.load("dispute", dispute_id))


def _pay_out(act: Act, _nothing: str, wish: Json) -> Json:
    currency = control.text(wish, "currency").upper() if "currency" in wish else None
    return {"data": ledger.withdraw(act, currency)}


def _fail_payout(act: Act, payout_id: str, _wish: Json) -> Json:
    return {"data": [ledger.fail(act, act.load("payout", payout_id))]}


def _move(act: Act, _nothing: str, wish: Json) -> Json:
    kind = control.choice(wish, "kind", tuple(ledger.MOVEMENTS))
    currency = control.choice(wish, "currency", sorted(money.SUPPORTED))
    return {"data": [ledger.move(act, kind, currency, control.signed_amount(wish))]}


def _convert(act: Act, _nothing: str, wish: Json) -> Json:
    currency, into = (control.choice(wish, name, sorted(money.SUPPORTED)) for name in ("from", "to"))
    return {"data": ledger.convert(act, control.amount(wish) or 0, currency, into, control.rate(wish))}


def _revoke(act: Act, _nothing: str, _wish: Json) -> Json:
    return tokens.revoke(act)


DEEDS: tuple[tuple[str, Deed, set[str]], ...] = (
    ("/orders/{id}/pay", _pay, set()),
    ("/orders/{id}/decline", _decline, {"code"}),
    ("/orders/{id}/authenticate", _authenticate, {"outcome"}),
    ("/orders/{id}/pay_slowly", _pay_slowly, {"kind"}),
    ("/orders/{id}/abandon", _abandon, set()),
    ("/orders/{id}/expire", _expire, set()),
    ("/orders/{id}/late_success", _succeed_late, set()),
    ("/captures/{id}/settle", _settle, {"outcome"}),
    ("/captures/{id}/reverse", _reverse, {"amount"}),
    ("/authorizations/{id}/capture", _capture, {"amount", "more"}),
    ("/authorizations/{id}/lapse", _lapse, set()),
    ("/refunds", _refund, {"capture", "order", "amount"}),
    ("/refunds/{id}/fail", _fail_refund, set()),
    ("/disputes", _dispute, {"capture", "order", "amount", "reason", "stage"}),
    ("/disputes/{id}/escalate", _escalate, set()),
    ("/disputes/{id}/win", _win, set()),
    ("/disputes/{id}/lose", _lose, set()),
    ("/disputes/{id}/withdraw", _withdraw, set()),
    ("/payouts", _pay_out, {"currency"}),
    ("/payouts/{id}/fail", _fail_payout, set()),
    ("/movements", _move, {"kind", "currency", "amount"}),
    ("/conversions", _convert, {"from", "to", "amount", "rate"}),
    ("/tokens/revoke", _revoke, set()),
)


def _capture_of(act: Act, wish: Json) -> Json:
    """Find the capture that a wish speaks of."""
    if ("capture" in wish) == ("order" in wish):
        message = "Name what it is about: either a capture or its order."
        raise control.refusal(message)
    if "capture" in wish:
        return act.load("capture", control.text(wish, "capture"))
    made = act.load("order", control.text(wish, "order"))["captures"]
    return act.load("capture", made[-1] if made else "none")


def _told(capture: Json) -> Json:
    """Say of a refund made by hand what PayPal takes over from its capture."""
    return {"custom_id": capture["custom_id"], "invoice_id": capture["invoice_id"], "note": None}


def _handle(desk: Desk, deed: Deed, fields: set[str]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        wish = await control.wish(request, fields | control.COMMON)
        try:
            with desk.books.change(desk.gateway) as change:
                change.follow(control.course(wish), about=request.path_params.get("id", ""))
                act = Act(desk, change, desk.now(), copies=control.copies(wish))
                done = deed(act, request.path_params.get("id", ""), wish)
                return JSONResponse(
                    shapes.show(act, act.load(done["object"], done["id"])) if "object" in done else done
                )
        except PayPalError as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)

    return handle
