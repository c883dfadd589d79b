"""Overview: what needs somebody, and the newest payments."""

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.flows.read import read
from tillkeeper.reports import payment as payments
from tillkeeper.web.dashboard.desk import Desk, Entrance
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.MONEY, title="Overview", icon="activity", path="", key="o")
newest_max = 8


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [entrance.page("", show)]


async def show(desk: Desk) -> Response:
    """Show how things are."""
    newest: Any = await read(desk.till, lambda tx: payments.find(tx, payments.Filter(limit=newest_max)))
    return desk.page("overview.html", newest=newest["data"])
