"""A payment goes through the gateway that was named, or the first that fits and is well."""

from dataclasses import replace
from typing import Any

import pytest

from tillkeeper import routing
from tillkeeper.flows.route import route
from tillkeeper.gateway import Feature, GatewayUnavailableError
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.routing import GatewayState, Switch


class Named:
    """A gateway of another name that is Stripe in all else: several on one wire."""

    def __init__(self, stripe: Any, name: str, **more: Any) -> None:
        self.__dict__.update({"_stripe": stripe, "name": name, **more})

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._stripe, attribute)


def refuse(_amount: int, currency: str) -> None:
    message = f"no {currency}"
    raise CurrencyNotSupportedError(message, param="currency")


@pytest.fixture
def three(shop: Any) -> Any:
    """Lend the till with three gateways: a and c take everything, b takes no money at all and nothing embedded."""
    stripe = shop.till.gateways["stripe"]
    gateways = {
        "a": Named(stripe, "a"),
        "b": Named(stripe, "b", check_amount=refuse, features=frozenset()),
        "c": Named(stripe, "c", features=frozenset({Feature.EMBEDDED})),
    }
    return replace(shop.till, gateways=gateways)


async def routed(till: Any, wanted: str = "auto", **more: Any) -> str:
    asked: dict[str, Any] = {"amount": 1_000, "currency": "EUR", "features": ()} | more
    async with till.db.transaction() as tx:
        return await route(tx, till, wanted, **asked)


async def configure(till: Any, gateway: str, **decided: Any) -> None:
    async with till.db.transaction() as tx:
        await routing.configure(tx, GatewayState(gateway=gateway, **decided))


async def fail(till: Any, gateway: str, times: int) -> None:
    for _ in range(times):
        async with till.db.transaction() as tx:
            await routing.note(tx, gateway, answered=False)


async def test_the_one_with_the_lowest_priority_is_taken_first(three: Any) -> None:
    assert await routed(three) == "a"
    await configure(three, "c", priority=5)
    assert await routed(three) == "c"


async def test_one_that_cannot_take_the_currency_is_left_out(three: Any) -> None:
    await configure(three, "b", priority=1)
    assert await routed(three) == "a"


async def test_one_that_lacks_what_is_needed_is_left_out(three: Any) -> None:
    assert await routed(three, features=[Feature.EMBEDDED], tried={"a"}) == "c"
    with pytest.raises(CurrencyNotSupportedError):
        await routed(three, features=[Feature.MANUAL_CAPTURE], tried={"a"})


async def test_one_that_was_named_says_why_it_cannot(three: Any) -> None:
    with pytest.raises(CurrencyNotSupportedError):
        await routed(three, "b")
    with pytest.raises(InvalidStateError, match="c cannot hold money"):
        await routed(three, "c", features=[Feature.MANUAL_CAPTURE])
    with pytest.raises(InvalidFieldError, match="there is a, b, c"):
        await routed(three, "z")


@pytest.mark.parametrize("switch", [Switch.DRAINING, Switch.OFF])
async def test_one_that_is_draining_or_off_takes_no_new_payments(three: Any, switch: Switch) -> None:
    await configure(three, "a", switch=switch)
    assert await routed(three) == "c"
    with pytest.raises(GatewayUnavailableError, match="a take no new payments"):
        await routed(three, "a")


async def test_one_that_does_not_answer_is_passed_over_and_tried_again_by_one_call_after_its_pause(
    three: Any, shop: Any
) -> None:
    await fail(three, "a", routing.failures_max - 1)
    assert await routed(three) == "a"
    await fail(three, "a", 1)
    assert await routed(three) == "c"
    with pytest.raises(GatewayUnavailableError):
        await routed(three, "a")
    await shop.owner.execute("UPDATE gateway_state SET retry_at = now() - interval '1 second'")
    assert await routed(three, "a") == "a"
    with pytest.raises(GatewayUnavailableError):
        await routed(three, "a")
    async with three.db.transaction() as tx:
        assert await routing.note(tx, "a", answered=True) == routing.Breaker.CLOSED
    assert await routed(three) == "a"


async def test_when_all_are_in_trouble_the_customer_is_told_to_come_back(three: Any) -> None:
    for gateway in ("a", "c"):
        await fail(three, gateway, routing.failures_max)
    with pytest.raises(GatewayUnavailableError):
        await routed(three)
