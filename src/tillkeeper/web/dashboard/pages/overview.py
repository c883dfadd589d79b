"""Overview: what needs somebody, what a period brought beside the one before, and the newest payments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.flows import maintain
from tillkeeper.flows.read import survey
from tillkeeper.kernel import money
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import attention, overview
from tillkeeper.reports import payment as payments
from tillkeeper.reports.attention import Need
from tillkeeper.reports.overview import Overview, Period, Totals
from tillkeeper.web.dashboard import charts
from tillkeeper.web.dashboard.desk import Desk, Entrance
from tillkeeper.web.dashboard.lists import Address
from tillkeeper.web.dashboard.rail import HOME, Group, Place

PLACE = Place(group=Group.MONEY, title="Overview", icon="activity", path="", key="o")
newest_max = 8
reasons_max = 8
told_as_percent_max = 10
"""What is so many times as much as before had little to be compared with: a share of that says nothing."""
NAMES = {
    Period.DAY: ("24 hours", "24 hours before"),
    Period.WEEK: ("7 days", "7 days before"),
    Period.MONTH: ("30 days", "30 days before"),
    Period.QUARTER: ("90 days", "90 days before"),
}
LISTS = {
    "disputes": ("Disputes", {}),
    "dead": ("Inbox", {"status": "dead"}),
    "quarantined": ("Inbox", {"status": "quarantined"}),
    "discrepancies": ("Reconciliation", {"status": "open"}),
    "refunds": ("Refunds", {}),
    "review": ("Payments", {"status": "in_review"}),
    "invariant": ("Proof", {}),
    "worker": ("Jobs", {}),
    "maintenance": ("Gateways", {}),
    "endpoints": ("Deliveries", {}),
    "switched": ("Gateways", {}),
    "degraded": ("Gateways", {}),
    "version": ("Gateways", {}),
    "secret": ("Health", {}),
}
"""In which place of the rail somebody finds what needs them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Hold a figure of money: what it is called, in each currency how much, and how that changed."""

    title: str
    amounts: Sequence[tuple[int, str]]
    change: str
    url: str


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [entrance.page("", show, live=True)]


async def show(desk: Desk) -> Response:
    """Show how things are."""
    period, currency, gateway = _period(desk), desk.given("currency"), desk.given("gateway")
    over = overview.window(period, desk.till.now())

    async def look(tx: Transaction) -> tuple[Overview, list[Need], Any]:
        closed = await maintain.state(tx, desk.till)
        needs = await attention.show(tx, desk.till.gateways, desk.till.now(), closed)
        newest = await payments.find(tx, payments.Filter(gateway=gateway, limit=newest_max))
        return await overview.show(tx, over, currency=currency, gateway=gateway), needs, newest

    found, needs, newest = await survey(desk.till, look)
    titles = {name: each.title for name, each in desk.till.gateways.items()}
    codes = found.currencies + ([currency] if currency and currency not in found.currencies else [])
    paid = found.now.payments
    return desk.page(
        "overview.html",
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        period=period,
        names=NAMES,
        currencies=[("", "Any currency"), *((code, code) for code in codes)],
        gateways=[("", "Any gateway"), *titles.items()],
        titles=titles,
        needs=[(need, _place(desk, *LISTS[need.what])) for need in needs],
        found=found,
        sums=_sums(desk, found, [code for code in codes if paid[code] or _moved(found.now, code)]),
        chart=charts.stacked({name: found.bars[name] for name in sorted(found.bars)}),
        reasons=found.now.failures.most_common(reasons_max),
        link=lambda title, **query: _place(desk, title, query),
        newest=newest["data"],
    )


def change(now: int, before: int, currency: str) -> str:
    """Say by how much a sum changed, to the nearest whole per cent; where that tells nothing, what it was before."""
    if not before:
        return "none" if not now else "new; there was none in the"
    if (now < 0) is not (before < 0) or abs(now) >= told_as_percent_max * abs(before):
        said = f"{'up' if now > before else 'down'} from {money.show(before, currency)} in the"
    else:
        percent = ((now - before) * 200 + abs(before)) // (2 * abs(before))
        said = f"{percent:+d} % on the" if percent else "as in the"
    return said.replace("-", "\N{MINUS SIGN}")


def _period(desk: Desk) -> Period:
    written = desk.given("period") or Period.WEEK
    if written not in set(Period):
        message = f"A period is one of {', '.join(Period)}."
        raise InvalidFieldError(message, param="period")
    return Period(written)


def _moved(totals: Totals, currency: str) -> bool:
    return any(amount for (code, _), amount in totals.money.items() if code == currency)


def _sums(desk: Desk, found: Overview, codes: Sequence[str]) -> list[Sum]:
    """Put the figures of money together; the change is told of the currency in which most was paid."""
    since = {"from": found.window.since.date().isoformat(), "gateway": desk.given("gateway") or ""}

    def total(title: str, of: str, place: str, query: dict[str, str]) -> Sum:
        amounts = [(_amount(found.now, code, of), code) for code in codes]
        before = _amount(found.before, codes[0], of) if codes else 0
        moved = change(amounts[0][0], before, codes[0]) if codes else "none"
        return Sum(title=title, amounts=amounts, change=moved, url=_place(desk, place, query))

    return [
        total("Gross", "captured", "Payments", since | {"status": "succeeded"}),
        total("Net", "net", "Ledger", {}),
        total("Refunds", "refunded", "Refunds", {}),
        total("Fees", "fees", "Ledger", {}),
    ]


def _amount(totals: Totals, currency: str, of: str) -> int:
    return totals.net(currency) if of == "net" else totals.money[currency, of]


def _place(desk: Desk, title: str, query: dict[str, str]) -> str:
    """Name the list behind something; nothing where there is none, or not for this person."""
    for place in desk.places:
        if place.title == title and desk.may(place.right) and place.url != HOME:
            kept = urlencode({name: value for name, value in query.items() if value})
            return f"{place.url}?{kept}" if kept else place.url
    return ""
