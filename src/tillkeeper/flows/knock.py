"""Find out whether a gateway in trouble is back, while payments go elsewhere and nothing else would tell."""

from datetime import timedelta

from tillkeeper import routing
from tillkeeper.gateway import Gateway, GatewayUnavailableError
from tillkeeper.kernel import logs
from tillkeeper.till import Till

window_minutes = 1


async def knock(till: Till, gateway: Gateway) -> None:
    """Ask a gateway for the latest events, which changes nothing there, and note whether it answered."""
    now = till.now()
    try:
        await gateway.events(now - timedelta(minutes=window_minutes), now)
        answered = True
    except GatewayUnavailableError:
        answered = False
    async with till.db.transaction() as tx:
        breaker = await routing.note(tx, gateway.name, answered=answered)
    logs.intent.warning("gateway_health", gateway=gateway.name, breaker=breaker)
