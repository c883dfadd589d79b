"""Search: one field for whatever somebody holds in their hands."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.read import survey
from tillkeeper.reports import search as report
from tillkeeper.reports.search import Hit
from tillkeeper.web.dashboard.desk import Desk, Entrance
from tillkeeper.web.dashboard.rail import HOME

words_length_max = 255
PAGES = {
    "payment": "/payments/{}",
    "refund": "/refunds/{}",
    "refund_request": "/refunds/requests/{}",
    "dispute": "/disputes/{}",
    "customer": "/customers/{}",
}
"""What has a page of its own; everything else leads to its payment, where all of it stands together."""
MORE = {
    "journal": "/ledger/journals/{}",
    "discrepancy": "/reconciliation/{}",
    "message": "/inbox/{}",
    "delivery": "/deliveries/{}",
    "endpoint": "/deliveries/endpoints/{}",
    "audit": "/audit/{}",
}
"""Where that leads which belongs to no payment."""
RIGHTS = {"endpoint": Right.KEEP_ENDPOINTS, "audit": Right.SEE_AUDIT}
"""Who may look at a page that not everybody may see."""
NAMES = {
    "message": "Webhook that came in",
    "event": "Event",
    "delivery": "Webhook that was sent",
    "endpoint": "Endpoint of yours",
    "response": "Answer to a dispute",
    "adjustment": "Credits by hand",
    "audit": "Entry of the audit log",
    "journal": "Journal of the books",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hold a hit with where it leads; None where there is no page for it."""

    hit: Hit
    name: str
    url: str | None


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [entrance.page("/search", show)]


async def show(desk: Desk) -> Response:
    """Lead straight to what was meant, or list what could be meant, or say what was looked for."""
    words = desk.words("q", length_max=words_length_max)
    if not words:
        return desk.page("search.html", words="", found=[])
    gateways = sorted(desk.till.gateways)
    hits = await survey(desk.till, lambda tx: report.find(tx, words, gateways=gateways))
    found = [
        Found(hit=hit, name=name_of(hit), url=url_of(hit) if desk.may(RIGHTS.get(hit.kind, Right.SEE)) else None)
        for hit in hits
        if hit.kind != "audit" or desk.may(Right.SEE_AUDIT)
    ]
    ways = {each.url for each in found}
    if len(ways) == 1 and (url := ways.pop()):
        return RedirectResponse(url, HTTPStatus.SEE_OTHER)
    return desk.page("search.html", words=words, found=found)


def name_of(hit: Hit) -> str:
    """Say what it is."""
    return NAMES.get(hit.kind, hit.kind.replace("_", " ").capitalize())


def url_of(hit: Hit) -> str | None:
    """Name the page of what was found."""
    if hit.kind == "user" and hit.note:
        return f"{HOME}/customers/user?{urlencode({'name': hit.note})}"
    if hit.kind in PAGES:
        return HOME + PAGES[hit.kind].format(hit.id)
    if hit.payment:
        return HOME + PAGES["payment"].format(hit.payment)
    return HOME + MORE[hit.kind].format(hit.id) if hit.kind in MORE else None
