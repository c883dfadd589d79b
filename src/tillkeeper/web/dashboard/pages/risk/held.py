"""Payments whose money is set aside until a person has looked."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tillkeeper.flows.assess import limits_of
from tillkeeper.flows.read import survey
from tillkeeper.reports import risk as report
from tillkeeper.risk import Fact, Limits
from tillkeeper.web.dashboard.desk import Desk
from tillkeeper.web.dashboard.lists import Address
from tillkeeper.web.dashboard.pages.risk.words import FACTS

rows_per_page = 25
OF_THE_PAYMENT = frozenset({Fact.AMOUNT, Fact.CURRENCY})
"""What the row shows beside."""


async def show(desk: Desk) -> Response:
    """List what waits, those first whose money is let go first."""
    hours = desk.till.settings.review_hours_max
    cursor = desk.given("cursor")
    page: Any = await survey(desk.till, lambda tx: report.held(tx, hours=hours, limit=rows_per_page, cursor=cursor))
    limits = limits_of(desk.till)
    return desk.page(
        "risk.html",
        page=page | {"data": [each | {"seen": _seen(each["facts"])} for each in page["data"]]},
        address=Address(desk.request.url.path, desk.fields),
        limits=limits,
        bands=_bands(limits),
        hours=hours,
    )


def _seen(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Tell what was known of the buyer and is not nothing, in words."""
    known = {Fact(name): value for name, value in facts.items() if name in set(Fact)}
    told = [fact for fact in Fact if known.get(fact) or (fact is Fact.ACCOUNT_AGE_HOURS and fact in known)]
    return [(FACTS[fact], known[fact]) for fact in told if fact not in OF_THE_PAYMENT]


def _bands(limits: Limits) -> str:
    """Say from which score what happens."""
    highest = 100
    parts = []
    if limits.review <= min(highest, limits.block - 1):
        parts.append(f"from {limits.review} a person looks")
    if limits.block <= highest:
        parts.append(f"from {limits.block} it is turned away")
    return "; ".join(parts) or "nothing is held or turned away"
