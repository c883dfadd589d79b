"""Disputes: which are to be answered until when, what our records say, and how they are answered."""

from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.facts import DisputeStatus
from tillkeeper.flows.read import survey
from tillkeeper.flows.respond import WAITING, Answering, draft, respond
from tillkeeper.gateway import Feature
from tillkeeper.idempotency import Replay
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.reports import dispute as report
from tillkeeper.reports import payment as payments
from tillkeeper.responses import Words
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.paper import moment
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.MONEY, title="Disputes", icon="gavel", path="/disputes", key="d")
VIEWS = (("waiting", "To answer"), ("soon", "Due within 3 days"), ("overdue", "Past the last day"), ("all", "All"))
text_length_max = 5_000
name_length_max = 254
address_length_max = 45
hour_seconds = 3_600
day_hours = 24


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/disputes/{dispute}"
    return [
        entrance.page("/disputes", show_list, live=True),
        *entrance.deed(f"{one}/evidence", ask_evidence, do_evidence, Right.ANSWER_DISPUTES),
        *entrance.deed(f"{one}/accept", ask_accept, do_accept, Right.ACCEPT_DISPUTES),
        entrance.page(one, show_one, live=True),
    ]


async def show_list(desk: Desk) -> Response:
    """List disputes: those that wait, by the day on which they must be answered, or all, newest first."""
    payment, status, view = desk.given("payment"), desk.given("status"), _view(desk)
    id_ = ids.parse("payment", payment) if payment else None
    found: Any = await survey(
        desk.till,
        lambda tx: report.find(
            tx,
            payment=id_,
            status=status,
            due=None if view == "all" else view,
            by_due_date=view != "all",
            limit=rows_per_page,
            cursor=desk.given("cursor"),
        ),
    )
    return desk.page(
        "disputes.html",
        page=found,
        view=view,
        views=VIEWS,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        statuses=[
            ("", "Any state"),
            *((each.value, each.value.replace("_", " ").capitalize()) for each in DisputeStatus),
        ],
        left={each["id"]: time_left(desk, each) for each in found["data"]},
    )


def _view(desk: Desk) -> str:
    """Tell what is looked at: whoever looks for something else than what waits, looks among all."""
    wanted = desk.given("due")
    if wanted in {code for code, _ in VIEWS}:
        return str(wanted)
    return "all" if desk.given("payment") or desk.given("status") else "waiting"


def time_left(desk: Desk, dispute: Json) -> tuple[str, str]:
    """Tell how long there is to answer, and how urgent that is; nothing where nobody waits."""
    if not dispute["due_at"] or dispute["status"] not in WAITING:
        return "", ""
    seconds = int((moment(dispute["due_at"]) - desk.till.now()).total_seconds())
    hours = abs(seconds) // hour_seconds
    size = f"{hours // day_hours} days" if hours >= 2 * day_hours else f"{hours} hours"
    if seconds < 0:
        return f"{size} too late", "danger" if dispute["overdue"] else ""
    return f"{size} left", "warning" if dispute["due_soon"] else ""


async def show_one(desk: Desk) -> Response:
    """Show a dispute with the proof that our records would give."""
    dispute, payment = await _dispute(desk)
    evidence = await draft(desk.till, ids.parse("dispute", dispute["id"]))
    return desk.page(
        "dispute.html",
        dispute=dispute,
        payment=payment,
        sections=evidence.sections,
        left=time_left(desk, dispute),
        can=_possible(desk, dispute),
        untold=dispute["status"] in WAITING and not _features(desk, dispute),
    )


def _possible(desk: Desk, dispute: Json) -> set[str]:
    """Tell which buttons make sense: while the bank waits, and where the gateway takes it from here."""
    if dispute["status"] not in WAITING or (dispute["response"] or {}).get("status") == "pending":
        return set()
    features = _features(desk, dispute)
    found = set()
    if Feature.DISPUTE_EVIDENCE in features and desk.may(Right.ANSWER_DISPUTES):
        found.add("evidence")
    if Feature.DISPUTE_ACCEPT in features and desk.may(Right.ACCEPT_DISPUTES):
        found.add("accept")
    return found


def _features(desk: Desk, dispute: Json) -> frozenset[Feature]:
    """Tell which answers the gateway takes from here."""
    gateway = desk.till.gateways.get(dispute["gateway"])
    known = gateway.features if gateway else frozenset()
    return frozenset(known) & {Feature.DISPUTE_EVIDENCE, Feature.DISPUTE_ACCEPT}


async def ask_evidence(desk: Desk) -> Response:
    """Show what would be handed in, and let somebody add to it."""
    dispute, payment = await _dispute(desk)
    evidence = await draft(desk.till, ids.parse("dispute", dispute["id"]))
    return desk.dialog("dispute_evidence.html", dispute=dispute, payment=payment, evidence=evidence, fields=desk.fields)


async def do_evidence(desk: Desk) -> Response:
    """Hand in what speaks for us; what was left as it stood is written from our records."""
    written = {
        name: desk.words(name, length_max=text_length_max)
        for name in ("statement", "product", "refund_policy", "refunds")
    }
    short = {name: desk.words(name, length_max=name_length_max) for name in ("customer_name", "customer_email")}
    said = Words(**written, **short, customer_ip=desk.words("customer_ip", length_max=address_length_max))
    shown = await _respond(desk, said)
    return _told(desk, shown, "The evidence was handed in.")


async def ask_accept(desk: Desk) -> Response:
    """Say what giving a dispute up costs."""
    dispute, payment = await _dispute(desk)
    return desk.dialog("dispute_accept.html", dispute=dispute, payment=payment)


async def do_accept(desk: Desk) -> Response:
    """Give a dispute up, or send it for a second look where one person is not enough."""
    shown = await _respond(desk, None)
    return _told(desk, shown, "Accepted: the customer keeps the money.")


async def _respond(desk: Desk, words: Words | None) -> Json:
    """Answer, and raise InvalidStateError where the gateway refused it."""
    principal = desk.principal
    answering = Answering(
        dispute=ids.parse("dispute", desk.part("dispute")),
        by_id=principal.id,
        by_name=principal.name,
        by_admin=principal.may(Right.DECIDE_REFUNDS),
        words=words,
    )
    replay = await respond(desk.till, desk.wish, answering)
    _check(replay)
    return replay.body


def _check(replay: Replay) -> None:
    if replay.status >= HTTPStatus.BAD_REQUEST:
        raise InvalidStateError(str(replay.body["detail"]))


def _told(desk: Desk, shown: Json, done: str) -> Response:
    said = (shown["response"] or {}).get("status")
    told = {
        "waiting_for_second_person": "Noted. A second person must accept it too; nothing is told before.",
        "pending": "The gateway did not answer; it is asked again by itself.",
    }.get(str(said), done)
    return desk.done(f"/disputes/{desk.part('dispute')}", told)


async def _dispute(desk: Desk) -> tuple[Json, Json]:
    id_ = ids.parse("dispute", desk.part("dispute"))

    async def look(tx: Transaction) -> tuple[Json, Json]:
        dispute: Any = await report.show(tx, id_)
        return dispute, await payments.show(tx, ids.parse("payment", dispute["payment"]))

    return await survey(desk.till, look)
