"""Refunds: what went back, who asks for money back, what the policy says, and what people decide about it."""

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper import operations
from tillkeeper.access import Right
from tillkeeper.flows.abandon import abandon
from tillkeeper.flows.approve_refund import approve_refund, reject_refund
from tillkeeper.flows.read import survey
from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import GIVEN_UP, RefundStatus
from tillkeeper.refund_requests import Person, ReasonCode
from tillkeeper.reports import cards as report_cards
from tillkeeper.reports import payment as payments
from tillkeeper.reports import refund as report
from tillkeeper.reports import refund_policy, refund_request
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.MONEY, title="Refunds", icon="undo-2", path="/refunds", key="r")
REQUESTS = "/refunds/requests"
ORIGINS = (("", "Made anywhere"), ("us", "Made here"), ("gateway", "Made at the gateway"))
note_length_max = 1_000
reason_length_max = 200


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    request, one = f"{REQUESTS}/{{request}}", "/refunds/{refund}"
    return [
        entrance.page("/refunds", show_list, live=True),
        entrance.page(REQUESTS, show_requests),
        entrance.page("/refunds/policies", show_policies, Right.DECIDE_REFUNDS),
        *entrance.deed("/refunds/ask", ask_wish, do_wish, Right.REFUND),
        *entrance.deed(f"{request}/approve", ask_approve, do_approve, Right.DECIDE_REFUNDS),
        *entrance.deed(f"{request}/reject", ask_reject, do_reject, Right.DECIDE_REFUNDS),
        *entrance.deed(f"{request}/override", ask_override, do_override, Right.DECIDE_REFUNDS),
        entrance.page(request, show_request),
        *entrance.deed(f"{one}/end", ask_end, do_end, Right.RECONCILE, keyed=False),
        entrance.page(one, show_one, live=True),
    ]


async def show_list(desk: Desk) -> Response:
    """List refunds, newest first."""
    payment = desk.given("payment")
    id_ = ids.parse("payment", payment) if payment else None
    found = await survey(
        desk.till,
        lambda tx: report.find(
            tx,
            payment=id_,
            status=desk.given("status"),
            origin=desk.given("origin"),
            limit=rows_per_page,
            cursor=desk.given("cursor"),
        ),
    )
    return desk.page(
        "refunds.html",
        page=found,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        statuses=[("", "Any state"), *((each.value, each.value.capitalize()) for each in RefundStatus)],
        origins=ORIGINS,
    )


async def show_one(desk: Desk) -> Response:
    """Show a refund: the money, and the goods that were taken back for it."""
    refund, payment = await _refund(desk)
    id_ = ids.parse("payment", payment["id"])

    async def look(tx: Transaction) -> tuple[bool, list[Json]]:
        given_up = await operations.given_up(tx, [id_])
        return ids.parse("refund", refund["id"]) in given_up, await report_cards.of_payment(tx, id_)

    given_up, cards = await survey(desk.till, look)
    return desk.page(
        "refund_one.html",
        refund=refund,
        payment=payment,
        cards=cards,
        given_up=given_up,
        can=_possible(desk, refund, given_up=given_up),
    )


def _possible(desk: Desk, refund: Json, *, given_up: bool) -> set[str]:
    """Tell which buttons make sense: what was given up is ended, what failed is tried again."""
    found = set()
    if given_up and desk.may(Right.RECONCILE):
        found.add("end")
    if refund["status"] == RefundStatus.FAILED and desk.may(Right.REFUND):
        found.add("again")
    return found


async def ask_end(desk: Desk) -> Response:
    """Say what ending a refund by hand means."""
    refund, payment = await _refund(desk)
    return desk.dialog("refund_end.html", refund=refund, payment=payment, reason=desk.given("reason"))


async def do_end(desk: Desk) -> Response:
    """End a refund of which nobody could find out whether it was made."""
    desk.need("reason")
    reason = desk.words("reason", length_max=reason_length_max)
    shown = await abandon(desk.till, ids.parse("refund", desk.part("refund")), str(reason))
    told = "The gateway does not have it: the refund is ended and can be asked for again."
    if shown["status"] != RefundStatus.FAILED or shown["error"] != GIVEN_UP:
        told = f"The gateway was asked once more: the refund is {shown['status']}."
    return desk.done(f"/refunds/{desk.part('refund')}", told)


async def show_requests(desk: Desk) -> Response:
    """List what people ask for, newest first."""
    payment = desk.given("payment")
    wanted = refund_request.Filter(
        payment=ids.parse("payment", payment) if payment else None,
        status=desk.given("status"),
        limit=rows_per_page,
        cursor=desk.given("cursor"),
    )
    found = await survey(desk.till, lambda tx: refund_request.find(tx, wanted))
    return desk.page(
        "refund_requests.html",
        page=found,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        statuses=[("", "Any state"), *((each, each.capitalize()) for each in refund_request.STATUSES)],
    )


async def show_request(desk: Desk) -> Response:
    """Show a request: who asks, why, what the policy says, and who said what."""
    request, payment = await _request(desk)
    decides = desk.may(Right.DECIDE_REFUNDS)
    open_ = request["status"] == "open"
    can = {"approve", "reject"} if decides and open_ else {"override"} if decides else set()
    if request["status"] not in {"open", "rejected"}:
        can = set()
    return desk.page("refund_request.html", request=request, payment=payment, can=can)


async def ask_wish(desk: Desk) -> Response:
    """Ask for which payment somebody wants money back, how much and why."""
    payment = await _payment_if_known(desk)
    return desk.dialog("refund_ask.html", payment=payment, fields=desk.fields, reasons=_reasons())


async def do_wish(desk: Desk) -> Response:
    """Ask for money back; the policy refunds at once, waits for people, or rejects."""
    payment = await _payment_of(desk, desk.need("payment"))
    evidence = desk.words("evidence", length_max=note_length_max)
    override = desk.words("override_reason", length_max=note_length_max)
    if override:
        desk.principal.require(Right.DECIDE_REFUNDS)
    asked = Asked(
        payment=ids.parse("payment", payment["id"]),
        by=person_of(desk),
        reason_code=reason_of(desk),
        amount=_amount_if_any(desk, payment["currency"]),
        note=desk.words("note", length_max=note_length_max),
        evidence=(evidence,) if evidence else (),
        override_reason=override,
    )
    made = (await request_refund(desk.till, desk.wish, asked)).body
    return desk.done(f"{REQUESTS}/{made['id']}", f"Asked: {made['status']}. {made['decision']}"[:200])


async def ask_approve(desk: Desk) -> Response:
    """Say what agreeing brings with it; what a person must agree to is never small."""
    desk.principal.require_fresh()
    return await _ask_about(desk, "approve")


async def do_approve(desk: Desk) -> Response:
    """Agree to a request; with the last agreement that is needed the money goes back."""
    desk.principal.require_fresh()
    note = desk.words("note", length_max=note_length_max)
    made = (await approve_refund(desk.till, desk.wish, _request_id(desk), by=person_of(desk), note=note)).body
    told = "Agreed; one more person must agree." if made["status"] == "open" else f"Agreed: {made['status']}."
    return desk.done(f"{REQUESTS}/{made['id']}", told)


async def ask_reject(desk: Desk) -> Response:
    """Say what turning a request down does."""
    return await _ask_about(desk, "reject")


async def do_reject(desk: Desk) -> Response:
    """Turn a request down, saying why."""
    desk.need("note")
    reason = str(desk.words("note", length_max=note_length_max))
    made = (await reject_refund(desk.till, desk.wish, _request_id(desk), by=person_of(desk), reason=reason)).body
    return desk.done(f"{REQUESTS}/{made['id']}", "Rejected; nothing goes back.")


async def ask_override(desk: Desk) -> Response:
    """Say what going beyond the policy means."""
    return await _ask_about(desk, "override")


async def do_override(desk: Desk) -> Response:
    """Ask once more for what the policy turned down, with the reason why it shall not count."""
    desk.need("note")
    request, _ = await _request(desk)
    asked = Asked(
        payment=ids.parse("payment", request["payment"]),
        by=person_of(desk),
        reason_code=ReasonCode(request["reason_code"]),
        amount=request["amount"],
        note=request["note"],
        evidence=tuple(request["evidence"]),
        override_reason=desk.words("note", length_max=note_length_max),
    )
    made = (await request_refund(desk.till, desk.wish, asked)).body
    return desk.done(f"{REQUESTS}/{made['id']}", f"Asked again beyond the policy: {made['status']}.")


async def show_policies(desk: Desk) -> Response:
    """Show the rules that are in force, and those before them."""
    found = await survey(desk.till, refund_policy.find)
    return desk.page("refund_policies.html", policies=found["data"])


def person_of(desk: Desk) -> Person:
    """Name who acts, so that two people are told apart."""
    return Person(id=desk.principal.id, name=desk.principal.name)


def reason_of(desk: Desk) -> ReasonCode:
    """Read why money goes back; raises InvalidFieldError."""
    try:
        return ReasonCode(desk.need("reason_code"))
    except ValueError as error:
        message = "Choose one of the reasons."
        raise InvalidFieldError(message, param="reason_code") from error


def _reasons() -> list[tuple[str, str]]:
    return [(each.value, each.value.replace("_", " ").capitalize()) for each in ReasonCode]


async def _ask_about(desk: Desk, verb: str) -> Response:
    request, payment = await _request(desk)
    return desk.dialog(
        "refund_decide.html", request=request, payment=payment, verb=verb, note_=desk.given("note") or ""
    )


def _request_id(desk: Desk) -> Any:
    return ids.parse("refund_request", desk.part("request"))


async def _request(desk: Desk) -> tuple[Json, Json]:
    id_ = _request_id(desk)

    async def look(tx: Transaction) -> tuple[Json, Json]:
        request: Any = await refund_request.show(tx, id_)
        return request, await payments.show(tx, ids.parse("payment", request["payment"]))

    return await survey(desk.till, look)


async def _refund(desk: Desk) -> tuple[Json, Json]:
    id_ = ids.parse("refund", desk.part("refund"))

    async def look(tx: Transaction) -> tuple[Json, Json]:
        refund: Any = await report.show(tx, id_)
        return refund, await payments.show(tx, ids.parse("payment", refund["payment"]))

    return await survey(desk.till, look)


async def _payment_of(desk: Desk, written: str) -> Json:
    id_ = ids.parse("payment", written)
    found: Json = await survey(desk.till, lambda tx: payments.show(tx, id_))
    return found


async def _payment_if_known(desk: Desk) -> Json | None:
    """Find the payment that is asked about; while its id is being typed there is none."""
    written = desk.given("payment")
    return await _payment_of(desk, written) if written and desk.error is None else None


def _amount_if_any(desk: Desk, currency: str) -> int | None:
    """Read an amount as people write it; None asks for all that is left."""
    written = desk.given("amount")
    try:
        return money.minor(written, currency) if written else None
    except ValueError as error:
        raise InvalidFieldError(str(error), param="amount") from error
