"""Choose the gateway that a payment goes through."""

from collections.abc import Collection

from tillkeeper import routing
from tillkeeper.gateway import Feature, Gateway, GatewayUnavailableError
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, TillError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.routing import Breaker, Switch
from tillkeeper.till import Till

AUTO = "auto"
NEEDS = {
    Feature.EMBEDDED: "show its checkout in a page of yours (checkout: embedded)",
    Feature.MANUAL_CAPTURE: "hold money without taking it (capture_method: manual)",
    Feature.HOSTED_MANUAL_CAPTURE: "hold money that is paid at its own page; with capture_method: manual it needs "
    "checkout: embedded",
}


async def route(
    tx: Transaction,
    till: Till,
    wanted: str,
    *,
    amount: int,
    currency: str,
    features: Collection[Feature],
    tried: Collection[str] = (),
) -> str:
    """Take the gateway that was named, or the first that fits, is on and well, and was not tried.

    Raises GatewayUnavailableError, CurrencyNotSupportedError, InvalidStateError or InvalidFieldError.
    """
    candidates = [name for name in _named(till, wanted) if name not in tried]
    fitting = [name for name in candidates if _fits(till.gateways[name], amount, currency, features, wanted)]
    if candidates and not fitting:
        message = f"No gateway that is configured here can take {currency} in this way."
        raise CurrencyNotSupportedError(message, param="currency")
    states = await routing.states(tx, fitting)
    for name in routing.order(states, fitting):
        if states[name].breaker is Breaker.CLOSED or await routing.admit(tx, name):
            return name
    resting = [name for name in fitting if states[name].switch is not Switch.ON]
    message = f"{' and '.join(resting)} take no new payments now." if resting == fitting and fitting else ""
    raise GatewayUnavailableError(message)


def _named(till: Till, wanted: str) -> list[str]:
    if not till.gateways:
        message = "No gateway is configured, so nobody can pay."
        raise GatewayUnavailableError(message)
    if wanted == AUTO:
        return list(till.gateways)
    if wanted not in till.gateways:
        message = f"No gateway “{wanted[:32]}” is configured here; there is {', '.join(till.gateways)}."
        raise InvalidFieldError(message, param="gateway")
    return [wanted]


def _fits(gateway: Gateway, amount: int, currency: str, features: Collection[Feature], wanted: str) -> bool:
    """Tell whether a gateway can take a payment; one that was named says why it cannot."""
    try:
        gateway.check_amount(amount, currency)
        for feature in features:
            if feature not in gateway.features:
                message = f"{gateway.name} cannot {NEEDS[feature]}."
                raise InvalidStateError(message)
    except TillError:
        if wanted == AUTO:
            return False
        raise
    return True
