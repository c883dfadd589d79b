"""A gateway in trouble is asked now and then whether it is back, as nobody else does while payments go elsewhere."""

from typing import Any

from tillkeeper.flows.expire import expire
from tillkeeper.flows.knock import knock
from tillkeeper.flows.operate import operate


async def test_a_breaker_closes_by_itself_though_no_call_waits(shop: Any) -> None:
    """New payments go elsewhere while it is open, so nobody else would ever find out that the gateway is back."""
    await shop.owner.execute(
        "INSERT INTO gateway_state (gateway, breaker, failures, retry_at) VALUES ('stripe', 'open', 5, now())"
    )
    shop.line.fault = "cut"
    assert await operate(shop.till, "stripe") == 0
    assert await shop.count("gateway_state", "breaker = 'open' AND retry_at > now()") == 1
    shop.line.fault = None
    asked = len(shop.line.calls)
    await operate(shop.till, "stripe")
    assert len(shop.line.calls) == asked  # not before its pause is over
    await shop.owner.execute("UPDATE gateway_state SET retry_at = now()")
    await operate(shop.till, "stripe")
    assert await shop.count("gateway_state", "breaker = 'closed'") == 1


async def test_a_call_that_needs_nobody_neither_closes_a_breaker_nor_keeps_us_from_asking(shop: Any) -> None:
    """What was never opened expires without asking anybody, which says nothing about the gateway."""
    shop.line.fault = "cut"
    payment = (await shop.create()).body
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.owner.execute("UPDATE operation SET due_at = now() + interval '1 hour' WHERE kind <> 'expire'")
    await shop.owner.execute("UPDATE gateway_state SET breaker = 'open', failures = 5, retry_at = now()")
    asked = len(shop.line.calls)
    await operate(shop.till, "stripe")
    assert (await shop.show(payment))["status"] == "expired"
    assert await shop.count("gateway_state", "breaker = 'open' AND retry_at > now()") == 1
    assert len(shop.line.calls) > asked


async def test_asking_changes_nothing_at_the_gateway(shop: Any) -> None:
    await shop.paid()
    before = await shop.books()

    await knock(shop.till, shop.till.gateways["stripe"])

    after = await shop.books()
    assert before.pop("calls") != after.pop("calls")
    assert after == before
