"""In maintenance new payments wait, and everything else goes on."""

from dataclasses import replace
from typing import Any

import pytest

from tillkeeper.flows.maintain import MaintenanceError, maintain
from tillkeeper.routing import Maintenance


async def begin(shop: Any, *, active: bool = True) -> Maintenance:
    return await maintain(shop.by("bo"), active=active, reason="moving")


async def test_new_payments_wait_and_are_told_why(shop: Any) -> None:
    await begin(shop)
    with pytest.raises(MaintenanceError, match="moving"):
        await shop.create()
    assert await shop.count("payment") == 0


async def test_a_payment_that_was_asked_for_before_is_answered_as_it_was(shop: Any) -> None:
    first = await shop.create("once")
    await begin(shop)
    again = await shop.create("once")
    assert (again.body, again.repeated) == (first.body, True)


async def test_a_key_that_met_maintenance_buys_when_it_is_over(shop: Any) -> None:
    await begin(shop)
    with pytest.raises(MaintenanceError):
        await shop.create("once")
    await begin(shop, active=False)
    assert (await shop.create("once")).status == 201


async def test_what_was_begun_is_paid_delivered_and_refunded(shop: Any) -> None:
    payment = await shop.opened()
    await begin(shop)
    await shop.pay(payment)
    await shop.catch_up()
    assert await shop.wallet() == (120, 0)
    assert (await shop.refund(payment))["status"] in {"pending", "succeeded"}


@pytest.mark.parametrize("setting", [{"maintenance_mode": True}, {"payments_enabled": False}])
async def test_the_environment_keeps_maintenance_whatever_was_decided(shop: Any, setting: dict[str, bool]) -> None:
    kept = replace(shop.till, settings=shop.till.settings.model_copy(update=setting))
    found = await maintain(kept, active=False, reason=None)
    assert (found.active, found.changed_by) == (True, "environment")
    with pytest.raises(MaintenanceError):
        await shop.create(till=kept)
