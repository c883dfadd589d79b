"""Payments: the list with its filters, and one payment with everything that happened to it."""

from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.capture import capture
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.review import Verdict, review
from tillkeeper.flows.sync import sync
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import Status
from tillkeeper.reports import breakdown, timeline
from tillkeeper.reports import payment as report
from tillkeeper.web.dashboard.days import begin_of, end_of
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import Group, Place
from tillkeeper.web.shop import diary

PLACE = Place(group=Group.MONEY, title="Payments", icon="banknote", path="/payments", key="p")
HELD = (Status.REQUIRES_CAPTURE, Status.IN_REVIEW)
UNCAPTURED = (Status.CREATED, Status.REQUIRES_ACTION, Status.PROCESSING, Status.OUTCOME_UNKNOWN, *HELD)
ICONS = {
    "payment": "credit-card",
    "attempt": "arrow-up-right",
    "call": "arrow-up-right",
    "webhook": "arrow-down-left",
    "ledger": "book-open",
    "delivery": "box",
    "goods": "box",
    "event": "bell",
    "sent": "send",
    "letter": "send",
    "risk": "shield",
    "request": "undo-2",
    "dispute": "gavel",
    "discrepancy": "scale",
}


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/payments/{payment}"
    return [
        entrance.page("/payments", show_list, live=True),
        *entrance.deed(f"{one}/refund", ask_refund, do_refund, Right.REFUND),
        *entrance.deed(f"{one}/capture", ask_capture, do_capture, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/cancel", ask_cancel, do_cancel, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/sync", ask_sync, do_sync, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/approve", ask_approve, do_approve, Right.REVIEW),
        *entrance.deed(f"{one}/reject", ask_reject, do_reject, Right.REVIEW),
        entrance.page(one, show_one, live=True),
    ]


async def show_list(desk: Desk) -> Response:
    """List payments, newest first."""
    wanted = filter_of(desk)
    page = await read(desk.till, lambda tx: report.find(tx, wanted))
    return desk.page(
        "payments.html",
        page=page,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        statuses=[("", "Any state"), *((each.value, each.value.replace("_", " ").capitalize()) for each in Status)],
        gateways=[("", "Any gateway"), *((name, each.title) for name, each in desk.till.gateways.items())],
    )


def filter_of(desk: Desk) -> report.Filter:
    """Read what a list of payments is narrowed down to; raises InvalidFieldError."""
    return report.Filter(
        user=desk.given("user"),
        status=desk.given("status"),
        gateway=desk.given("gateway"),
        created_after=begin_of(desk, "from"),
        created_before=end_of(desk, "to"),
        limit=rows_per_page,
        cursor=desk.given("cursor"),
    )


async def show_one(desk: Desk) -> Response:
    """Show a payment: what it is worth, what became of it, and everything that happened."""
    id_ = _id(desk)

    async def look(tx: Transaction) -> tuple[Json, Any, Json]:
        return await report.show(tx, id_), await timeline.show(tx, id_), await breakdown.show(tx, id_)

    payment, told, money_of = await read(desk.till, look)
    titles = {name: gateway.title for name, gateway in desk.till.gateways.items()}
    return desk.page(
        "payment.html",
        payment=payment,
        money_of=money_of,
        gateway=titles.get(payment["gateway"], payment["gateway"]),
        entries=[
            {"icon": ICONS.get(event["kind"], "circle"), "tone": tone_of(event)}
            | {name: getattr(entry, name) for name in ("words", "after", "at", "raw")}
            for event, entry in zip(told["data"], diary.entries(told["data"], titles), strict=True)
        ],
        proofs=diary.proofs(told["data"]),
        bookings=diary.bookings(told["data"]),
        can=_possible(desk, payment),
        left=_left(payment),
        api=desk.till.settings.public_url,
    )


def tone_of(event: Json) -> str:
    """Tell how a line of the timeline is coloured: only what needs a look stands out."""
    states = {event["data"].get("status"), event["data"].get("state"), event["data"].get("after")}
    if states & {"dead", "quarantined", "failed", "declined", "given_up", "broken"}:
        return "danger"
    return "warning" if states & {"parked", "outcome_unknown", "in_review"} else ""


def _possible(desk: Desk, payment: Json) -> set[str]:
    """Tell which buttons make sense for this payment and this person."""
    status = Status(payment["status"])
    found = set()
    if desk.may(Right.REFUND) and status is Status.SUCCEEDED and _left(payment) > 0:
        found.add("refund")
    if desk.may(Right.HANDLE_PAYMENTS):
        found.add("sync")
        found |= {"cancel"} if status in UNCAPTURED and status is not Status.IN_REVIEW else set()
        found |= {"capture"} if status is Status.REQUIRES_CAPTURE else set()
    if desk.may(Right.REVIEW) and status is Status.IN_REVIEW:
        found |= {"approve", "reject"}
    return found


def _left(payment: Json) -> int:
    gone = payment["amount_refunded"] + payment["amount_refunding"] + payment["amount_disputed"]
    return max(0, int(payment["amount_captured"]) - int(gone))


async def ask_refund(desk: Desk) -> Response:
    """Say what a refund brings with it, before it is made."""
    payment = await _payment(desk)
    left = _left(payment)
    amount = desk.given("amount") or money.decimal(left, payment["currency"])
    return desk.dialog("refund.html", payment=payment, left=left, amount=amount, reason=desk.given("reason") or "")


async def do_refund(desk: Desk) -> Response:
    """Give money back, and take the goods back with it."""
    payment = await _payment(desk)
    amount = _amount(desk, payment["currency"])
    wanted = RefundWish(
        payment=_id(desk),
        amount=amount,
        reason=desk.given("reason"),
        by_admin=desk.may(Right.DECIDE_REFUNDS),
        fresh=desk.principal.fresh,
    )
    made = (await refund(desk.till, desk.wish, wanted)).body
    told = f"{money.show(int(str(made['amount'])), payment['currency'])} is on its way back: {made['status']}."
    return desk.done(f"/payments/{payment['id']}", told)


async def ask_capture(desk: Desk) -> Response:
    """Ask how much of the authorised money is taken."""
    payment = await _payment(desk)
    amount = desk.given("amount") or money.decimal(payment["amount"], payment["currency"])
    return desk.dialog("capture.html", payment=payment, amount=amount)


async def do_capture(desk: Desk) -> Response:
    """Take authorised money."""
    payment = await _payment(desk)
    await capture(desk.till, desk.wish, _id(desk), amount=_amount(desk, payment["currency"]))
    return desk.done(f"/payments/{payment['id']}", "The money was asked for; the gateway’s answer is in the timeline.")


async def ask_cancel(desk: Desk) -> Response:
    """Say what it means to let a payment go."""
    return desk.dialog("cancel.html", payment=await _payment(desk))


async def do_cancel(desk: Desk) -> Response:
    """Let a payment go that is not captured."""
    await cancel(desk.till, desk.wish, _id(desk), authorised_too=True)
    return desk.done(f"/payments/{desk.part('payment')}", "The payment was let go.")


async def ask_sync(desk: Desk) -> Response:
    """Say what asking the gateway does."""
    return desk.dialog("sync.html", payment=await _payment(desk))


async def do_sync(desk: Desk) -> Response:
    """Ask the gateway what has become of a payment, and apply its answer."""
    shown = await sync(desk.till, _id(desk))
    return desk.done(f"/payments/{desk.part('payment')}", f"The gateway was asked. The payment is {shown['status']}.")


async def ask_approve(desk: Desk) -> Response:
    """Say what agreeing to a doubtful payment does."""
    return desk.dialog("review.html", payment=await _payment(desk), verb="approve")


async def do_approve(desk: Desk) -> Response:
    """Capture a payment that was held for review."""
    await review(desk.till, desk.wish, _id(desk), Verdict(approved=True, reason=desk.given("reason")))
    return desk.done(f"/payments/{desk.part('payment')}", "Approved: the money is being captured.")


async def ask_reject(desk: Desk) -> Response:
    """Say what turning a doubtful payment down does."""
    return desk.dialog("review.html", payment=await _payment(desk), verb="reject")


async def do_reject(desk: Desk) -> Response:
    """Let a payment go that was held for review."""
    block = desk.given("block") is not None
    verdict = Verdict(approved=False, reason=desk.given("reason"), block=block)
    await review(desk.till, desk.wish, _id(desk), verdict)
    return desk.done(f"/payments/{desk.part('payment')}", "Rejected: the authorised money is released.")


def _id(desk: Desk) -> UUID:
    return ids.parse("payment", desk.part("payment"))


async def _payment(desk: Desk) -> Json:
    id_ = _id(desk)
    found: Json = await read(desk.till, lambda tx: report.show(tx, id_))
    return found


def _amount(desk: Desk, currency: str) -> int:
    """Read an amount as people write it, exactly; raises InvalidFieldError."""
    try:
        return money.minor(desk.need("amount"), currency)
    except ValueError as error:
        raise InvalidFieldError(str(error), param="amount") from error
