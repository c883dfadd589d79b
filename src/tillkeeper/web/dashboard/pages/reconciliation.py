"""Reconciliation: where a gateway's account and ours differ, what a person decides of it, and the days compared."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.clear_up import clear_up, preview
from tillkeeper.flows.import_bank import import_bank
from tillkeeper.flows.import_settlement import fetch, import_file
from tillkeeper.flows.read import survey
from tillkeeper.flows.reconcile import ask, check_gateway
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.ledger import Journal
from tillkeeper.reports import reconciliation as report
from tillkeeper.settlement import lines
from tillkeeper.settlement.runs import Action, Kind, Status
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import HOME, Group, Place

PLACE = Place(group=Group.BOOKS, title="Reconciliation", icon="scale", path="/reconciliation", key="e")
TABS = (("Differences", "/reconciliation"), ("Days compared", "/reconciliation/runs"))
BANK = "bank"
ANY = "any"
DAY_WRONG = "A day is written 2026-11-21."
AGES = ("0-1", "2-7", "8-30", "over 30")
reason_length_max = 500
RUN_STATES = ("due", "running", "done")


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/reconciliation/{discrepancy}"
    return [
        entrance.page("/reconciliation", show_list, live=True),
        entrance.page("/reconciliation/runs", show_runs),
        *entrance.deed("/reconciliation/compare", ask_compare, do_compare, Right.RECONCILE, keyed=False),
        *entrance.deed("/reconciliation/fetch", ask_fetch, do_fetch, Right.RECONCILE, keyed=False),
        *entrance.deed("/reconciliation/import", ask_import, do_import, Right.RECONCILE, keyed=False),
        *entrance.deed(f"{one}/accept", ask_accept, do_accept, Right.RECONCILE, keyed=False),
        *entrance.deed(f"{one}/ignore", ask_ignore, do_ignore, Right.RECONCILE, keyed=False),
        entrance.page(one, show_one),
    ]


async def show_list(desk: Desk) -> Response:
    """List differences, those that are open unless others are asked for."""
    status = desk.given("status") or Status.OPEN
    wanted = report.Filter(
        status=None if status == ANY else status,
        kind=desk.given("kind"),
        gateway=desk.given("gateway"),
        day=_day(desk),
        limit=rows_per_page,
        cursor=desk.given("cursor"),
    )

    async def look(tx: Transaction) -> tuple[Json, Json]:
        return await report.find(tx, wanted, desk.till.now()), await report.ages(tx, desk.till.now())

    page, ages = await survey(desk.till, look)
    return desk.page(
        "reconciliation.html",
        **_frame(desk),
        page=page,
        fields=dict(desk.fields) | {"status": status},
        ages=_by_kind(ages["data"]),
        age_names=AGES,
        statuses=[*((each.value, each.value.capitalize()) for each in Status), (ANY, "Any")],
        kinds=[("", "Any kind"), *((each.value, each.value.replace("_", " ").capitalize()) for each in Kind)],
    )


async def show_runs(desk: Desk) -> Response:
    """List the days that were compared, or will be."""
    gateway, status, cursor = desk.given("gateway"), desk.given("status"), desk.given("cursor")
    page = await survey(
        desk.till,
        lambda tx: report.find_runs(tx, gateway=gateway, status=status, limit=rows_per_page, cursor=cursor),
    )
    states = [("", "Any state"), *((each, each.capitalize()) for each in RUN_STATES)]
    return desk.page("runs.html", **_frame(desk), page=page, fields=desk.fields, states=states)


async def show_one(desk: Desk) -> Response:
    """Show a difference: both sides beside each other, what may explain it, and what accepting it would post."""
    found = await _discrepancy(desk)
    is_open = found["status"] == Status.OPEN
    postings, refused = await _preview(desk) if is_open else ([], None)
    return desk.page(
        "discrepancy.html",
        **_frame(desk),
        it=found,
        postings=postings,
        refused=refused,
        can_close=is_open and desk.may(Right.RECONCILE),
    )


async def ask_accept(desk: Desk) -> Response:
    """Say what accepting a difference posts."""
    postings, refused = await _preview(desk)
    return desk.dialog("accept.html", it=await _discrepancy(desk), postings=postings, refused=refused, **_typed(desk))


async def do_accept(desk: Desk) -> Response:
    """Let the books follow the gateway."""
    journals = await _close(desk, Action.ACCEPT)
    posted = "The correction is in the books." if journals else "Nothing had to be posted."
    return desk.done(f"/reconciliation/{desk.part('discrepancy')}", f"Accepted in your name. {posted}")


async def ask_ignore(desk: Desk) -> Response:
    """Say what leaving a difference as it is means."""
    return desk.dialog("ignore_difference.html", it=await _discrepancy(desk), **_typed(desk))


async def do_ignore(desk: Desk) -> Response:
    """Leave the books as they are."""
    await _close(desk, Action.IGNORE)
    told = "Closed in your name; the books stay as they are."
    return desk.done(f"/reconciliation/{desk.part('discrepancy')}", told)


async def ask_compare(desk: Desk) -> Response:
    """Ask which day of which gateway is compared."""
    return desk.dialog("compare.html", names=_names(desk), gateway=desk.given("gateway"), day=desk.given("day") or "")


async def do_compare(desk: Desk) -> Response:
    """Let the worker compare a day, also one that was compared before."""
    gateway = check_gateway(desk.till, desk.need("gateway"))
    today = lines.day_of(desk.till.now(), ZoneInfo(gateway.settlement_zone))
    day = _day(desk) or today - timedelta(days=1)
    await ask(desk.till, gateway.name, day)
    told = f"The worker compares {day.isoformat()} at {gateway.title} now. Look again in a moment."
    return desk.done(f"/reconciliation/runs?gateway={gateway.name}", told)


async def ask_fetch(desk: Desk) -> Response:
    """Say what reading a gateway's account again does."""
    return desk.dialog("fetch.html", names=_names(desk), gateway=desk.given("gateway"))


async def do_fetch(desk: Desk) -> Response:
    """Read what is new in a gateway's account."""
    name = desk.need("gateway")
    taken = await fetch(desk.till, name)
    told = f"{taken.new} new lines, {taken.changed} told anew, {taken.known} known already; their days are compared."
    return desk.done(f"/reconciliation/runs?gateway={name}", told)


async def ask_import(desk: Desk) -> Response:
    """Ask for the report of a gateway's dashboard, or the bank's account."""
    sources = [*_names(desk), (BANK, "The bank’s account")]
    return desk.dialog("import_lines.html", sources=sources, source=desk.given("source"))


async def do_import(desk: Desk) -> Response:
    """Take in a file; sent again, it takes up nothing twice."""
    source, file = desk.need("source"), desk.files.get("file", b"")
    if not file:
        message = "Choose a file; it was not there, or empty."
        raise InvalidFieldError(message, param="file")
    if source == BANK:
        new = await import_bank(desk.till, file)
        return desk.done("/reconciliation/runs", f"{new} new lines of the bank were taken in.")
    taken = await import_file(desk.till, source, file)
    told = [f"{taken.new} new", f"{taken.changed} changed", f"{taken.known} known already"]
    told += [f"{taken.contradicting} contradict what is here"] if taken.contradicting else []
    told += [f"{taken.unread} cannot be read"] if taken.unread else []
    return desk.done(f"/reconciliation/runs?gateway={source}", f"Lines of the file: {', '.join(told)}.")


async def _close(desk: Desk, action: Action) -> list[Journal]:
    reason = desk.need("reason")
    if len(reason) > reason_length_max:
        message = f"A reason has at most {reason_length_max} characters."
        raise InvalidFieldError(message, param="reason")
    return await clear_up(desk.till, _id(desk), action=action, reason=reason, by=desk.principal.name)


async def _discrepancy(desk: Desk) -> Json:
    id_ = _id(desk)
    found: Json = await survey(desk.till, lambda tx: report.show(tx, id_, desk.till.now()))
    return found


async def _preview(desk: Desk) -> tuple[list[Json], str | None]:
    """Tell what accepting would post, or why it is refused."""
    try:
        journals = await preview(desk.till, _id(desk))
    except InvalidStateError as error:
        return [], error.detail
    return [
        {"debit": each.debit.code, "credit": each.credit.code, "amount": each.amount, "currency": each.debit.currency}
        for journal in journals
        for each in journal.postings
    ], None


def _frame(desk: Desk) -> Json:
    """Gather what the pages of reconciliation share."""
    return {
        "tabs": [(title, f"{HOME}{at}") for title, at in TABS],
        "address": Address(desk.request.url.path, desk.fields),
        "gateways": [("", "Any gateway"), *_names(desk)],
        "titles": dict(_names(desk)),
        "may_reconcile": desk.may(Right.RECONCILE),
    }


def _names(desk: Desk) -> list[tuple[str, str]]:
    return [(name, each.title) for name, each in desk.till.gateways.items()]


def _typed(desk: Desk) -> Json:
    return {"reason": desk.given("reason") or ""}


def _by_kind(ages: list[Json]) -> list[Json]:
    """Gather what is open of each kind at each gateway in one row, with a column for each age."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in ages:
        row = found.setdefault((each["gateway"], each["kind"]), dict.fromkeys(AGES, 0))
        row[each["age_days"]] += each["open"]
    return [{"gateway": gateway, "kind": kind, "ages": counted} for (gateway, kind), counted in found.items()]


def _id(desk: Desk) -> UUID:
    return ids.parse("discrepancy", desk.part("discrepancy"))


def _day(desk: Desk) -> date | None:
    written = desk.given("day")
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise InvalidFieldError(DAY_WRONG, param="day") from error
