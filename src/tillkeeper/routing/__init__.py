"""Which gateway is used: what people decided, and what its answers say about its health."""

from collections.abc import Sequence

from tillkeeper.kernel.db import Transaction
from tillkeeper.routing import store
from tillkeeper.routing.rules import fee, order
from tillkeeper.routing.values import Breaker, GatewayState, Maintenance, Switch

__all__ = [
    "Breaker",
    "GatewayState",
    "Maintenance",
    "Switch",
    "admit",
    "configure",
    "fee",
    "lock",
    "maintenance",
    "note",
    "order",
    "set_maintenance",
    "states",
]

failures_max = 5
"""So many calls in a row without an answer open the breaker."""
pause_seconds = 30
"""How long an open breaker keeps calls away; then one goes through."""


async def states(tx: Transaction, gateways: Sequence[str]) -> dict[str, GatewayState]:
    """Read how gateways are used and how they do; one of which nothing is known is on and well."""
    return {name: GatewayState(gateway=name) for name in gateways} | await store.states(tx, gateways)


async def lock(tx: Transaction, gateway: str) -> GatewayState:
    """Read how one gateway is used and does, and keep everybody else from changing it meanwhile."""
    await store.lock(tx, gateway)
    return (await states(tx, [gateway]))[gateway]


async def admit(tx: Transaction, gateway: str) -> bool:
    """Tell whether a call may be made; an open breaker lets one through now and then, to see whether it is back."""
    return await store.admit(tx, gateway, pause_seconds)


async def note(tx: Transaction, gateway: str, *, answered: bool) -> Breaker | None:
    """Count what became of a call; return the breaker's state when that may have changed it."""
    if answered:
        return Breaker.CLOSED if await store.close(tx, gateway) else None
    return await store.count_failure(tx, gateway, failures_max, pause_seconds)


async def configure(tx: Transaction, state: GatewayState) -> None:
    """Decide how a gateway is used."""
    await store.save(tx, state)


async def maintenance(tx: Transaction) -> Maintenance:
    """Tell whether new payments are kept waiting, and why."""
    return await store.maintenance(tx)


async def set_maintenance(tx: Transaction, wanted: Maintenance) -> None:
    """Keep new payments waiting, or take them again."""
    await store.set_maintenance(tx, wanted)
