"""Audit: who changed what, when and why, and whether anybody rewrote it."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from tillkeeper import audit
from tillkeeper.access import Right
from tillkeeper.audit import Action
from tillkeeper.flows.read import survey
from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import audit as report
from tillkeeper.reports import invariants, sheet
from tillkeeper.web import cookie
from tillkeeper.web.dashboard import days, paper
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.rail import HOME, Group, Place

PLACE = Place(group=Group.SAFETY, title="Audit", icon="scroll-text", path="/audit", key="a", right=Right.SEE_AUDIT)
CHAINS = "I9"
differences_max = 3
export_rows_at_once = 500
COLUMNS = (
    *("number", "at", "actor", "actor_name", "action", "subject", "before", "after", "reason", "request", "digest"),
)
NUMBER_WRONG = "A page of the audit log begins at the number of an entry."
number_max = 2**63 - 1
PAYMENT = "payment_"


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        entrance.page("/audit", show_list, Right.SEE_AUDIT),
        entrance.page("/audit/check", show_check, Right.SEE_AUDIT),
        entrance.page("/audit/export.csv", export, Right.SEE_AUDIT),
        entrance.page("/audit/{entry}", show_one, Right.SEE_AUDIT),
    ]


async def show_list(desk: Desk) -> Response:
    """List changes, newest first."""
    wanted = _wanted(desk)

    async def look(tx: Transaction) -> tuple[Any, Any]:
        return await report.find(tx, wanted), await invariants.latest(tx)

    page, proved = await survey(desk.till, look)
    return desk.page(
        "audit.html",
        page=page | {"data": [_with_links(each) for each in page["data"]]},
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        actions=[("", "Anything"), *((each.value, paper.words(each)) for each in sorted(Action))],
        looks=[each for each in proved["data"] if each["name"] == CHAINS],
    )


async def show_one(desk: Desk) -> Response:
    """Show one change with what was there before and after."""
    id_ = ids.parse("audit", desk.part("entry"))
    entry = await survey(desk.till, lambda tx: report.show(tx, id_))
    return desk.page("audit_entry.html", entry=_with_links(entry), differences=_differences(entry))


async def show_check(desk: Desk) -> Response:
    """Prove now that no entry was rewritten or removed."""
    found = await survey(desk.till, lambda tx: audit.verify(tx, recent=False))
    newest: Any = await survey(desk.till, lambda tx: report.find(tx, report.Filter(limit=1)))
    return desk.page("audit_check.html", found=found, newest=next(iter(newest["data"]), None))


async def export(desk: Desk) -> Response:
    """Write what fits the filter as CSV, a stretch at a time, so that a log of any size fits into memory."""
    wanted = replace(_wanted(desk), limit=export_rows_at_once, before=None)
    headers = paper.HEADERS | {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(_lines(desk, wanted), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(desk: Desk, wanted: report.Filter) -> AsyncIterator[str]:
    """Read on, each time in a transaction of its own, as long as whoever asks is still signed in."""
    till, token = desk.till, cookie.token_of(desk.request)
    assert token, "whoever has a session came with its token"
    yield sheet.lines(COLUMNS, ())
    begun = till.now()  # or an export of everything would chase what is written meanwhile
    wanted = replace(wanted, until=min(wanted.until, begun) if wanted.until else begun)
    while True:
        page: Any = await survey(till, partial(report.find, wanted=wanted))
        yield sheet.lines(COLUMNS, [_flat(each) for each in page["data"]], head=False)
        if page["next_cursor"] is None:
            return
        await recognise(till, token)
        wanted = replace(wanted, before=int(page["next_cursor"]))


def _wanted(desk: Desk) -> report.Filter:
    """Read what somebody looks for; raises InvalidFieldError."""
    action, cursor = desk.given("action"), desk.number("cursor")
    if action and action not in set(Action):
        message = "There is no such action."
        raise InvalidFieldError(message, param="action")
    if cursor is not None and not 0 < cursor <= number_max:
        raise InvalidFieldError(NUMBER_WRONG, param="cursor")
    return report.Filter(
        actor=desk.given("actor"),
        action=action,
        subject=desk.given("subject"),
        since=days.begin_of(desk, "from"),
        until=days.end_of(desk, "to"),
        limit=rows_per_page,
        before=cursor,
    )


def _flat(entry: Json) -> Json:
    written = {name: json.dumps(entry[name], sort_keys=True) for name in ("before", "after") if entry[name] is not None}
    return entry | written


def _with_links(entry: Json) -> Json:
    differences = _differences(entry)
    subject = entry["subject"]
    return entry | {
        "page": f"{HOME}/payments/{subject}" if subject.startswith(PAYMENT) else None,
        "changes": [each for each in differences if each["before"] != each["after"]][:differences_max],
        "more": max(0, len(differences) - differences_max),
    }


def _differences(entry: Json) -> list[dict[str, str]]:
    """Set side by side what was there before and after, name by name."""
    before, after = _named(entry["before"]), _named(entry["after"])
    names = [*before, *(name for name in after if name not in before)]
    return [
        {"name": name, "before": _written(before, name), "after": _written(after, name)}
        for name in names
        if before.get(name) != after.get(name) or name not in before or name not in after
    ]


def _named(picture: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return picture or {}


def _written(picture: Mapping[str, Any], name: str) -> str:
    if name not in picture or picture[name] is None:
        return ""
    value = picture[name]
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
