"""Decide how a gateway is used: on, draining or off, its place in the order, and the fee to expect."""

from dataclasses import replace
from typing import Any

from tillkeeper import audit, routing
from tillkeeper.audit import Action
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.routing import GatewayState
from tillkeeper.till import Till


async def steer(till: Till, gateway: str, **decided: Any) -> GatewayState:
    """Change what is named and leave the rest; raises NotFoundError for a gateway that is not configured."""
    if gateway not in till.gateways:
        message = f"No gateway “{gateway[:32]}” is configured here; there is {', '.join(till.gateways) or 'none'}."
        raise NotFoundError(message)
    async with till.db.transaction() as tx:
        before = await routing.lock(tx, gateway)
        after = replace(before, **decided)
        await routing.configure(tx, after)
        was = {name: getattr(before, name) for name in decided}
        await audit.record(tx, till.by, Action.GATEWAY_STEERED, gateway, before=was, after=decided, at=till.now())
    logs.intent.warning("gateway_steered", gateway=gateway, switch=after.switch, priority=after.priority)
    return after
