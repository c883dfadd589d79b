"""Health: whether everything that must work does, and what to do where it does not."""

from collections import Counter
from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.check_up import check_up
from tillkeeper.flows.drill import wish_drill
from tillkeeper.flows.read import survey
from tillkeeper.reports import backups
from tillkeeper.reports.findings import State
from tillkeeper.web.dashboard import button
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.SYSTEM, title="Health", icon="heart-pulse", path="/health", key="h")


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        entrance.page("/health", show),
        *entrance.deed("/health/drill", ask_drill, button.once(do_drill), Right.STEER),
    ]


async def show(desk: Desk) -> Response:
    """Look at everything, and show what does not work first."""
    found, proved = await check_up(desk.till)
    counts = Counter(each.state for each in found)
    return desk.page(
        "health.html",
        found=found,
        broken=counts[State.BROKEN] + sum(each["violations"] > 0 for each in proved["data"]),
        warnings=counts[State.WARNING],
        promises=_promises(proved["data"]),
        may=desk.may(Right.STEER),
    )


async def ask_drill(desk: Desk) -> Response:
    """Say what trying a restore does."""
    shown = await survey(desk.till, backups.drill_under_way)
    return desk.dialog("drill.html", set_up=desk.till.vault is not None, under_way=shown)


async def do_drill(desk: Desk) -> tuple[str, str]:
    """Ask a worker to try a restore."""
    await wish_drill(desk.till)
    return "/health", "A worker tries to restore the newest backup; what comes of it stands here in some minutes."


def _promises(looks: Sequence[Json]) -> list[Json]:
    """Put the looks at each promise side by side: at what changed last, and at everything."""
    names = sorted({each["name"] for each in looks}, key=lambda name: (len(name), name))
    return [
        {"name": name, "title": each["title"], "looks": {look["scope"]: look for look in looks if look["name"] == name}}
        for name in names
        for each in [next(look for look in looks if look["name"] == name)]
    ]
