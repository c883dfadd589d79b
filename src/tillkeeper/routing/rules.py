"""Which gateway a payment goes through, and what it will keep."""

from collections.abc import Iterable, Mapping

from tillkeeper.routing.values import Breaker, GatewayState, Switch

BASIS_POINTS = 10_000


def order(states: Mapping[str, GatewayState], fitting: Iterable[str]) -> list[str]:
    """Order the gateways that a new payment may go through: the preferred first, those in trouble last."""
    open_ones = [states[name] for name in fitting if states[name].switch is Switch.ON]
    in_order = sorted(open_ones, key=lambda state: (state.breaker is not Breaker.CLOSED, state.priority, state.gateway))
    return [state.gateway for state in in_order]


def fee(state: GatewayState | None, amount: int) -> int | None:
    """Tell the fee that was configured for an amount, rounded half up; None where nothing was."""
    if state is None or (state.fee_percentage_bps is None and state.fee_fixed is None):
        return None
    share = (amount * (state.fee_percentage_bps or 0) + BASIS_POINTS // 2) // BASIS_POINTS
    return min(share + (state.fee_fixed or 0), amount)
