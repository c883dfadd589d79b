"""What a gateway never delivered is fetched from it."""

from datetime import timedelta
from typing import Any

from tillkeeper.flows.catch_up import catch_up


async def test_five_hundred_events_lost_while_we_were_down_are_recovered_once(shop: Any) -> None:
    bought = [await shop.opened(user=f"user{n % 10}") for n in range(125)]
    for payment in bought:
        await shop.pay(payment)
    lost = [event for event in await shop.events() if event["type"] != "checkout.session.created"]
    assert len(lost) >= 500

    later = shop.later(minutes=5)
    recovered = await catch_up(later)
    again = await catch_up(later)
    await shop.settle()

    shown = [await shop.show(payment) for payment in bought]
    assert recovered >= 250
    assert again == 0
    assert {payment["fulfilment"]["status"] for payment in shown} == {"delivered"}
    assert await shop.count("wallet_entry") == 125


async def test_a_webhook_that_came_is_not_fetched_again(shop: Any) -> None:
    await shop.paid()

    assert await catch_up(shop.later(minutes=5)) == 0


async def test_a_webhook_that_comes_after_it_was_fetched_is_a_duplicate(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await catch_up(shop.later(minutes=5))

    await shop.catch_up()

    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    assert await shop.count("entitlement") == 1


async def test_what_is_younger_than_a_minute_is_left_to_its_webhook(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)

    assert await catch_up(shop.till) == 0


async def test_the_next_look_begins_where_the_last_one_ended(shop: Any) -> None:
    later = shop.later(minutes=5)
    await catch_up(later)

    seen = await shop.owner.fetchval("SELECT seen_until FROM catch_up WHERE gateway = 'stripe'")

    assert later.now() - seen < timedelta(seconds=90)
