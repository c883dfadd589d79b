"""The dashboard: what the merchant's people see and do, in pages that work without scripts."""

from types import ModuleType

from starlette.routing import BaseRoute

from tillkeeper.till import Till
from tillkeeper.web.dashboard import live
from tillkeeper.web.dashboard.desk import Entrance, refusal
from tillkeeper.web.dashboard.pages import (
    audit,
    bulk,
    customers,
    deliveries,
    disputes,
    doors,
    drawer,
    exports,
    gateways,
    health,
    inbox,
    jobs,
    ledger,
    overview,
    payments,
    proof,
    reconciliation,
    refunds,
    risk,
    search,
    settings,
)
from tillkeeper.web.dashboard.rail import HOME

__all__ = ["refusal", "routes", "serves"]

MONEY = (overview, payments, refunds, disputes, customers)
BOOKS = (ledger, reconciliation, proof)
PLUMBING = (inbox, deliveries, gateways, jobs)
SAFETY = (risk, audit)
SYSTEM = (health, settings)
PAGES: tuple[ModuleType, ...] = (*MONEY, *BOOKS, *PLUMBING, *SAFETY, *SYSTEM)
"""What stands in the rail, in its order."""
UNSHOWN: tuple[ModuleType, ...] = (search, exports, bulk, drawer)
"""What other pages lead to; their addresses come first, since some look like those of a payment."""


def serves(path: str) -> bool:
    """Tell whether an address is one of the dashboard, also one at which there is nothing."""
    return path == HOME or path.startswith(f"{HOME}/")


def routes(till: Till) -> list[BaseRoute]:
    """List the addresses of the dashboard."""
    entrance = Entrance(till, [page.PLACE for page in PAGES])
    return [route for page in (doors, live, *UNSHOWN, *PAGES) for route in page.routes(entrance)]
