"""Held money on which nobody rules in time is let go before the bank does it."""

from typing import Any

from tests.flows.test_review import held

from tillkeeper.flows.let_go import let_go


async def age(shop: Any, hours: int) -> None:
    await shop.owner.execute("UPDATE payment SET authorized_at = now() - $1 * interval '1 hour'", hours)


async def test_a_review_that_takes_too_long_is_voided(shop: Any) -> None:
    payment = await held(shop)
    await age(shop, shop.till.settings.review_hours_max + 1)

    assert await let_go(shop.till) == 1
    await shop.operate()
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_captured"]) == ("canceled", 0)


async def test_a_review_that_still_has_time_is_left_alone(shop: Any) -> None:
    payment = await held(shop)
    await age(shop, shop.till.settings.review_hours_max - 1)
    assert await let_go(shop.till) == 0
    assert (await shop.show(payment))["status"] == "in_review"


async def test_a_review_is_voided_once_however_often_it_is_looked_at(shop: Any) -> None:
    await held(shop)
    await age(shop, shop.till.settings.review_hours_max + 1)
    assert [await let_go(shop.till), await let_go(shop.till)] == [1, 0]
