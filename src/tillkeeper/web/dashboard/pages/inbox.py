"""Inbox: the webhooks that came, what became of each, and how to work on them again."""

from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.read import survey
from tillkeeper.flows.replay import ignore, reason_length_max, replay, replay_all
from tillkeeper.inbox import Selection
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import inbox as report
from tillkeeper.web.dashboard import bodies, button, moments
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.PLUMBING, title="Inbox", icon="inbox", path="/inbox", key="i")
FAILED = ("dead", "quarantined")
NEEDS_LOOK = "failed"
"""Stands in an address for both of them."""
REPLAYABLE = (*FAILED, "parked", "ignored")
MEANINGS = {
    "received": "It waits for a worker.",
    "processed": "It was applied to its payment, or had nothing new to say.",
    "parked": "It speaks of something that is not known here yet, and is tried again.",
    "ignored": "It needs nothing to be done.",
    "quarantined": "It says something that cannot be true; somebody must look.",
    "dead": "It was tried as often as makes sense and given up; somebody must look.",
}
CHOSEN_BY = ("status", "gateway", "type", "from", "to")
replayed_max = 1_000
"""As many are brought back to work at a time."""


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/inbox/{message}"
    return [
        entrance.page("/inbox", show_list, live=True),
        *entrance.deed("/inbox/replay", ask_replay_many, button.once(do_replay_many), Right.REPLAY),
        *entrance.deed(f"{one}/replay", ask_replay, button.once(do_replay), Right.REPLAY),
        *entrance.deed(f"{one}/ignore", ask_ignore, button.once(do_ignore), Right.REPLAY),
        entrance.page(one, show_one),
    ]


async def show_list(desk: Desk) -> Response:
    """List webhooks, newest first."""
    status = desk.given("status")
    payment = desk.given("payment")
    wanted = report.Filter(
        status=None if status == NEEDS_LOOK else status,
        failed=status == NEEDS_LOOK,
        payment=ids.parse("payment", payment) if payment else None,
        gateway=desk.given("gateway"),
        type=desk.given("type"),
        since=moments.typed(desk, "from"),
        until=moments.ended(desk, "to"),
        limit=rows_per_page,
        cursor=desk.given("cursor"),
    )
    page = await survey(desk.till, lambda tx: report.find(tx, wanted))
    address = Address(desk.request.url.path, desk.fields)
    return desk.page(
        "inbox.html",
        page=page,
        address=address,
        fields=desk.fields,
        statuses=[
            ("", "Any state"),
            (NEEDS_LOOK, "Dead or quarantined"),
            *((each, each.capitalize()) for each in report.STATUSES),
        ],
        gateways=_gateways(desk),
        titles=_titles(desk),
        replays=desk.may(Right.REPLAY) and payment is None and status in {None, NEEDS_LOOK, *REPLAYABLE},
    )


async def show_one(desk: Desk) -> Response:
    """Show a webhook: what came, how often, what became of it and why."""
    id_ = _id(desk)

    async def look(tx: Transaction) -> tuple[Json, list[str | None], bytes]:
        return await report.show(tx, id_), await report.arrivals(tx, id_), await report.body(tx, id_)

    message, again, sealed = await survey(desk.till, look)
    may = desk.may(Right.REPLAY)
    return desk.page(
        "message.html",
        message=message,
        meaning=MEANINGS[message["status"]],
        again=again,
        gateway=_titles(desk).get(message["gateway"], message["gateway"]),
        body=bodies.shown(sealed, desk.till.box) if may else None,
        erased=not sealed,
        may=may,
    )


async def ask_replay(desk: Desk) -> Response:
    """Say what working on a webhook again does."""
    return desk.dialog("replay.html", message=await _message(desk))


async def do_replay(desk: Desk) -> tuple[str, str]:
    """Work on a webhook again."""
    await replay(desk.till, _id(desk))
    return f"/inbox/{desk.part('message')}", "It is worked on again; load this page anew to see what became of it."


async def ask_ignore(desk: Desk) -> Response:
    """Ask why a webhook is set aside."""
    reason = desk.given("reason") or ""
    return desk.dialog("ignore.html", message=await _message(desk), reason=reason, longest=reason_length_max)


async def do_ignore(desk: Desk) -> tuple[str, str]:
    """Set a webhook aside for good."""
    await ignore(desk.till, _id(desk), reason=desk.need("reason"))
    return f"/inbox/{desk.part('message')}", "It is set aside, with your reason in the audit log."


async def ask_replay_many(desk: Desk) -> Response:
    """Say how many webhooks fit, before they are worked on again."""
    chosen = None if desk.error else _selection(desk)  # what is wrong is said above the form
    count = await survey(desk.till, lambda tx: report.matching(tx, chosen, replayed_max + 1)) if chosen else 0
    fields = {name: desk.fields.get(name, "") for name in CHOSEN_BY}
    return desk.dialog("replay_many.html", count=count, most=replayed_max, fields=fields, titles=_titles(desk))


async def do_replay_many(desk: Desk) -> tuple[str, str]:
    """Work on all webhooks again that fit."""
    count = await replay_all(desk.till, _selection(desk))
    if count == 0:
        return "/inbox", "No webhook fitted, so none is worked on again."
    more = " There may be more: replay again." if count >= replayed_max else ""
    said = "1 webhook is worked on again." if count == 1 else f"{count:,} webhooks are worked on again."
    return "/inbox", said + more


def _selection(desk: Desk) -> Selection:
    """Read which webhooks are meant; raises InvalidFieldError."""
    status = desk.given("status")
    if status not in {None, NEEDS_LOOK, *REPLAYABLE}:
        message = f"Choose one of {', '.join(REPLAYABLE)}, or nothing for dead and quarantined ones."
        raise InvalidFieldError(message, param="status")
    return Selection(
        statuses=(status,) if status in REPLAYABLE else FAILED,
        gateway=desk.given("gateway"),
        type=desk.given("type"),
        since=moments.typed(desk, "from"),
        until=moments.ended(desk, "to"),
    )


def _gateways(desk: Desk) -> list[tuple[str, str]]:
    return [("", "Any gateway"), *_titles(desk).items()]


def _titles(desk: Desk) -> dict[str, str]:
    return {name: each.title for name, each in desk.till.gateways.items()}


def _id(desk: Desk) -> UUID:
    return ids.parse("message", desk.part("message"))


async def _message(desk: Desk) -> Any:
    id_ = _id(desk)
    return await survey(desk.till, lambda tx: report.show(tx, id_))
