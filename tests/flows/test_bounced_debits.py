"""A bank debit that comes back leaves a checkout that nobody can pay any more, and it ends like any other."""

from typing import Any

import pytest

from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.expire import expire
from tillkeeper.flows.operate import operate
from tillkeeper.kernel import ids

OVER = "UPDATE payment SET expires_at = now() - interval '1 second'"


async def debited(shop: Any) -> Any:
    """Pay by bank debit, which is then under way."""
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/pay_by_debit")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "processing"
    return payment


async def bounced(shop: Any) -> Any:
    """Pay by bank debit, and let the bank return it."""
    payment = await debited(shop)
    await shop.act(f"sessions/{payment['gateway_reference']}/settle", {"outcome": "failed"})
    return payment


async def let_time_pass(shop: Any) -> None:
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await operate(shop.till, "stripe")


@pytest.mark.parametrize("heard", [True, False])
async def test_a_payment_whose_debit_came_back_expires_whether_we_heard_of_it_or_not(shop: Any, *, heard: bool) -> None:
    payment = await bounced(shop)
    if heard:
        await shop.catch_up()
        assert (await shop.show(payment))["status"] == "requires_action"
    await let_time_pass(shop)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["next_action"]) == ("expired", None)
    assert await shop.count("outbox_event", "type = 'payment.expired'") == 1
    assert await shop.count("operation", "state = 'asked'") == 0


async def test_a_payment_whose_debit_came_back_can_be_canceled(shop: Any) -> None:
    payment = await bounced(shop)
    await shop.catch_up()
    replay = await cancel(shop.till, shop.wish(), ids.parse("payment", payment["id"]))
    assert (replay.status, replay.body["status"]) == (200, "canceled")
    assert await shop.count("outbox_event", "type = 'payment.canceled'") == 1


async def test_a_debit_that_is_under_way_outlives_the_time_of_its_checkout(shop: Any) -> None:
    payment = await debited(shop)
    await let_time_pass(shop)
    assert (await shop.show(payment))["status"] == "processing"
    await shop.act(f"sessions/{payment['gateway_reference']}/settle", {"outcome": "succeeded"})
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_debit_that_came_back_and_came_after_all_is_money_like_any_other(shop: Any) -> None:
    payment = await bounced(shop)
    await shop.catch_up()
    await let_time_pass(shop)
    await shop.act(f"sessions/{payment['gateway_reference']}/late_success")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)
