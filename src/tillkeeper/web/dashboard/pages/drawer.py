"""The developers' drawer: what the page beside it shows, as programs get it, with what lies behind it."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.flows.read import survey
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import event, request
from tillkeeper.web.dashboard import curl, equivalents, inquiry
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json, safe_next
from tillkeeper.web.dashboard.inquiry import Answer
from tillkeeper.web.dashboard.rail import HOME

PATH = "/drawer"
requests_max = 10
events_max = 10
shown_chars_max = 20_000


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [entrance.page(PATH, show)]


async def show(desk: Desk) -> Response:
    """Show the request and the commands that say the same as a page, and the requests and events behind it."""
    of = safe_next(desk.given("of"))
    url = urlsplit(of)
    spoken = equivalents.of(url.path.removeprefix(HOME), dict(parse_qsl(url.query)))
    answer = await inquiry.ask(desk.request, spoken.api) if spoken.api else None
    payment = await _payment_of(desk, answer)

    async def look(tx: Transaction) -> tuple[list[Json], list[Json]]:
        asked = request.about(tx, payment, limit=requests_max) if payment else request.latest(tx, limit=requests_max)
        return await asked, await event.told(tx, payment, limit=events_max)

    requests, events = await survey(desk.till, look)
    return desk.page(
        "drawer.html",
        of=of,
        spoken=spoken,
        answer=answer,
        shown=_written(answer.body) if answer else "",
        curl=curl.command(desk.till, spoken.api) if spoken.api else "",
        payment=ids.text("payment", payment) if payment else None,
        requests=requests,
        events=[(each, _written(each["event"])) for each in events],
    )


async def _payment_of(desk: Desk, answer: Answer | None) -> UUID | None:
    """Find the payment that an answer is about, if it is about one."""
    body = answer.body if answer and answer.fine else {}
    if not isinstance(body, dict):
        return None
    if body.get("object") == "delivery":
        told = await survey(desk.till, lambda tx: event.show(tx, ids.parse("event", body["event"])))
        body = {"payment": told["payment"]}
    found: Any = body.get("id") if body.get("object") == "payment" else body.get("payment")
    return ids.parse("payment", found) if found else None


def _written(body: Any) -> str:
    """Write JSON for people; what is too long for a drawer is cut."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return text if len(text) <= shown_chars_max else f"{text[:shown_chars_max]}\n… cut here"
