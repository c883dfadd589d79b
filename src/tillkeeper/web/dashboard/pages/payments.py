"""Payments: the list with its filters, and one payment with everything that happened to it."""

from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.annotate import annotate
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.capture import capture
from tillkeeper.flows.read import survey
from tillkeeper.flows.refulfil import refulfil
from tillkeeper.flows.refund import RefundWish, refund, refundable
from tillkeeper.flows.review import Verdict, review
from tillkeeper.flows.sync import sync
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import Status
from tillkeeper.payments.notes import text_length_max
from tillkeeper.reports import breakdown, timeline
from tillkeeper.reports import payment as report
from tillkeeper.web.dashboard import button, curl, entries, paper
from tillkeeper.web.dashboard.days import begin_of, end_of
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import Group, Place
from tillkeeper.web.shop import diary

PLACE = Place(group=Group.MONEY, title="Payments", icon="banknote", path="/payments", key="p")
HELD = (Status.REQUIRES_CAPTURE, Status.IN_REVIEW)
UNCAPTURED = (Status.CREATED, Status.REQUIRES_ACTION, Status.PROCESSING, Status.OUTCOME_UNKNOWN, *HELD)
reason_length_max = 200


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/payments/{payment}"
    return [
        entrance.page("/payments", show_list, live=True),
        *entrance.deed(f"{one}/refund", ask_refund, do_refund, Right.REFUND),
        *entrance.deed(f"{one}/capture", ask_capture, do_capture, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/cancel", ask_cancel, do_cancel, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/sync", ask_sync, do_sync, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/note", ask_note, do_note, Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/fulfil", ask_fulfil, button.once(do_fulfil), Right.HANDLE_PAYMENTS),
        *entrance.deed(f"{one}/approve", ask_approve, do_approve, Right.REVIEW),
        *entrance.deed(f"{one}/reject", ask_reject, do_reject, Right.REVIEW),
        entrance.page(one, show_one, live=True),
    ]


async def show_list(desk: Desk) -> Response:
    """List payments, newest first."""
    wanted = filter_of(desk)
    page = await survey(desk.till, lambda tx: report.find(tx, wanted))
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

    payment, told, money_of = await survey(desk.till, look)
    titles = {name: gateway.title for name, gateway in desk.till.gateways.items()}
    return desk.page(
        "payment.html",
        payment=payment,
        money_of=money_of,
        gateway=titles.get(payment["gateway"], payment["gateway"]),
        entries=entries.lines(told["data"], titles, may_replay=desk.may(Right.REPLAY)),
        aside=entries.aside(told["data"]),
        proofs=diary.proofs(told["data"]),
        bookings=diary.bookings(told["data"]),
        can=_possible(desk, payment),
        curl=curl.command(desk.till, f"/api/v1/payments/{payment['id']}"),
    )


def _possible(desk: Desk, payment: Json) -> set[str]:
    """Tell which buttons make sense for this payment and this person."""
    status = Status(payment["status"])
    found = set()
    if desk.may(Right.REFUND) and status is Status.SUCCEEDED and _left(payment) > 0:
        found.add("refund")
    if desk.may(Right.HANDLE_PAYMENTS):
        found |= {"sync", "note"}
        found |= {"fulfil"} if status is Status.SUCCEEDED and payment["fulfilment"] else set()
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
    left = await refundable(desk.till, _id(desk))
    return desk.dialog(
        "refund.html",
        payment=payment,
        left=left,
        spent=_left(payment) - left,
        amount=desk.given("amount") or money.decimal(left, payment["currency"]),
        reason=desk.given("reason") or "",
    )


async def do_refund(desk: Desk) -> Response:
    """Give money back, and take the goods back with it."""
    payment = await _payment(desk)
    amount = _amount(desk, payment["currency"])
    wanted = RefundWish(
        payment=_id(desk),
        amount=amount,
        reason=_reason(desk),
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
    told = f"The gateway was asked. The payment’s state: {paper.words(str(shown['status']))}."
    return desk.done(f"/payments/{desk.part('payment')}", told)


async def ask_note(desk: Desk) -> Response:
    """Ask what to note."""
    text, longest = desk.given("text") or "", text_length_max
    return desk.dialog("note.html", payment=await _payment(desk), text=text, longest=longest)


async def do_note(desk: Desk) -> Response:
    """Keep a note about a payment."""
    await annotate(desk.till, desk.wish, _id(desk), desk.need("text"))
    return desk.done(f"/payments/{desk.part('payment')}", "Noted; it stands in the timeline.")


async def ask_fulfil(desk: Desk) -> Response:
    """Say what running the delivery again does, as the goods stand now."""
    payment = await _payment(desk)
    delivered_at = await survey(desk.till, lambda tx: breakdown.delivered_at(tx, _id(desk)))
    return desk.dialog("fulfil.html", payment=payment, delivered_at=delivered_at)


async def do_fulfil(desk: Desk) -> tuple[str, str]:
    """Try now to hand over what was paid, and say what came of it."""
    already = await refulfil(desk.till, _id(desk))
    payment = await _payment(desk)
    delivered_at = await survey(desk.till, lambda tx: breakdown.delivered_at(tx, _id(desk)))
    return f"/payments/{payment['id']}", _came_of(payment["fulfilment"], delivered_at, already=already)


def _came_of(goods: Json, delivered_at: str | None, *, already: bool) -> str:
    """Say what came of a delivery that was run again."""
    what = paper.goods(goods["quantity"], goods["kind"])
    if delivered_at and already:
        return f"Already done: {what} delivered {paper.exact(delivered_at)}; nothing was given twice."
    if delivered_at:
        return f"Delivered now: {what}."
    if goods["status"] == "failed":
        return f"The goods cannot be delivered ({goods['reason']}); the money goes back."
    return f"Tried, and not delivered: {goods.get('reason', 'no reason is known')}. It is tried again by itself."


async def ask_approve(desk: Desk) -> Response:
    """Say what agreeing to a doubtful payment does."""
    return desk.dialog("review.html", payment=await _payment(desk), verb="approve")


async def do_approve(desk: Desk) -> Response:
    """Capture a payment that was held for review."""
    await review(desk.till, desk.wish, _id(desk), Verdict(approved=True, reason=_reason(desk)))
    return desk.done(f"/payments/{desk.part('payment')}", "Approved: the money is being captured.")


async def ask_reject(desk: Desk) -> Response:
    """Say what turning a doubtful payment down does."""
    return desk.dialog("review.html", payment=await _payment(desk), verb="reject")


async def do_reject(desk: Desk) -> Response:
    """Let a payment go that was held for review."""
    block = desk.given("block") is not None
    verdict = Verdict(approved=False, reason=_reason(desk), block=block)
    await review(desk.till, desk.wish, _id(desk), verdict)
    return desk.done(f"/payments/{desk.part('payment')}", "Rejected: the authorised money is released.")


def _id(desk: Desk) -> UUID:
    return ids.parse("payment", desk.part("payment"))


async def _payment(desk: Desk) -> Json:
    id_ = _id(desk)
    found: Json = await survey(desk.till, lambda tx: report.show(tx, id_))
    return found


def _reason(desk: Desk) -> str | None:
    return desk.words("reason", length_max=reason_length_max)


def _amount(desk: Desk, currency: str) -> int:
    """Read an amount as people write it, exactly; raises InvalidFieldError."""
    try:
        return money.minor(desk.need("amount"), currency)
    except ValueError as error:
        raise InvalidFieldError(str(error), param="amount") from error
