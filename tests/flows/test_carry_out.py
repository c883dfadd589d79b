"""How a gateway is told depends on what: and nothing is told again once the gateway may have forgotten its key."""

from typing import Any

from tests.flows.test_operate import waiting_create

from tillkeeper.flows.operate import operate

KEY_WINDOW_HOURS = 23


async def test_a_call_whose_key_the_gateway_has_forgotten_is_given_up_and_never_sent_again(shop: Any) -> None:
    payment = await waiting_create(shop)
    sent = len(shop.line.keys)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    await operate(shop.later(hours=KEY_WINDOW_HOURS, minutes=1), "stripe")
    assert len(shop.line.keys) == sent
    assert await shop.count("operation", "state = 'given_up'") == 1
    assert (await shop.show(payment))["status"] == "outcome_unknown"
    assert await shop.operate() == 0


async def test_a_call_just_inside_the_time_of_its_key_is_sent(shop: Any) -> None:
    payment = await waiting_create(shop)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    await operate(shop.later(hours=KEY_WINDOW_HOURS, minutes=-1), "stripe")
    assert (await shop.show(payment))["status"] == "requires_action"
