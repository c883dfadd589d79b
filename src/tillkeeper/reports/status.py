"""How this installation does, in words that anybody may read: no counts, no reasons, no names of people."""

from collections.abc import Iterable

from tillkeeper import routing
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import readiness
from tillkeeper.routing import GatewayState, Switch

OPERATIONAL, DEGRADED, MAINTENANCE, OUTAGE = "operational", "degraded", "maintenance", "outage"
PAUSED = "paused"


async def show(tx: Transaction, gateways: Iterable[str], *, maintenance: bool) -> dict[str, object]:
    """Sum up the database, the gateways and whether new payments are taken; raises DatabaseUnavailableError."""
    await readiness.check(tx)
    states = sorted((await routing.states(tx, list(gateways))).values(), key=lambda state: state.gateway)
    listed = {state.gateway: _of(state) for state in states}
    return summary(listed, maintenance=maintenance)


def summary(gateways: dict[str, str], *, maintenance: bool = False, database: bool = True) -> dict[str, object]:
    """Tell the whole from its parts; without the database nobody knows how the gateways do."""
    if not database:
        overall = OUTAGE
    elif maintenance:
        overall = MAINTENANCE
    elif not set(gateways.values()) & {OPERATIONAL, DEGRADED}:
        overall = OUTAGE  # nobody could pay
    else:
        overall = DEGRADED if DEGRADED in gateways.values() else OPERATIONAL
    payments = PAUSED if overall == MAINTENANCE else overall
    return {
        "object": "status",
        "status": overall,
        "payments": payments,
        "database": OPERATIONAL if database else OUTAGE,
        "gateways": [{"gateway": name, "status": how} for name, how in gateways.items()],
    }


def _of(state: GatewayState) -> str:
    if state.switch is not Switch.ON:
        return PAUSED
    return DEGRADED if state.degraded else OPERATIONAL
