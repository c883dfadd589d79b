"""Which gateway is preferred, and what it is expected to keep."""

import pytest

from tillkeeper.routing import Breaker, GatewayState, Switch, rules

STATES = {
    "a": GatewayState(gateway="a", priority=20),
    "b": GatewayState(gateway="b", priority=10, breaker=Breaker.OPEN),
    "c": GatewayState(gateway="c", priority=10),
    "d": GatewayState(gateway="d", priority=1, switch=Switch.DRAINING),
    "e": GatewayState(gateway="e", priority=10),
}


def test_the_lowest_priority_comes_first_then_the_name_and_those_in_trouble_last() -> None:
    assert rules.order(STATES, STATES) == ["c", "e", "a", "b"]


@pytest.mark.parametrize(
    ("bps", "fixed", "amount", "fee"),
    [(290, 30, 10_000, 320), (290, None, 50, 1), (None, 30, 10_000, 30), (0, 0, 100, 0), (290, 30, 10, 10)],
)
def test_a_fee_is_rounded_half_up_and_never_more_than_the_amount(
    bps: int | None, fixed: int | None, amount: int, fee: int
) -> None:
    assert rules.fee(GatewayState(gateway="a", fee_percentage_bps=bps, fee_fixed=fixed), amount) == fee


def test_a_gateway_of_which_nothing_was_decided_has_its_own_tariff() -> None:
    assert rules.fee(GatewayState(gateway="a"), 100) is None
    assert rules.fee(None, 100) is None
