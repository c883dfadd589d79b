"""The dashboard: what the merchant's people see and do, in pages that work without scripts."""

from types import ModuleType

from starlette.routing import BaseRoute

from tillkeeper.till import Till
from tillkeeper.web.dashboard import live
from tillkeeper.web.dashboard.desk import Entrance
from tillkeeper.web.dashboard.pages import audit, doors, health, overview, payments, risk, settings

__all__ = ["routes"]

PAGES: tuple[ModuleType, ...] = (overview, payments, risk, audit, health, settings)
"""What stands in the rail, in its order."""


def routes(till: Till) -> list[BaseRoute]:
    """List the addresses of the dashboard."""
    entrance = Entrance(till, [page.PLACE for page in PAGES])
    return [route for page in (doors, live, *PAGES) for route in page.routes(entrance)]
