"""Cards charged within the shop's page: what ends a payment, and what must not while money may be on its way."""

from collections.abc import AsyncIterator

import pytest
from tests.flows.conftest import uuid_of
from tests.gateways.square.conftest import House
from tests.gateways.square.shop import SquareShop, opened

from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.expire import expire

OVER = "UPDATE payment SET expires_at = now() - interval '1 second'"
BANK = {"source_id": "bnon:bank-nonce-ok"}


@pytest.fixture
async def shop(house: House, database_url: str, owner_url: str) -> AsyncIterator[SquareShop]:
    async with opened(house, database_url, owner_url) as made:
        yield made


async def test_a_form_that_nobody_filled_in_is_canceled_by_hand_and_not_expired(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    answer = await cancel(shop.till, shop.wish(), uuid_of(payment))
    assert (answer.status, answer.body["status"]) == (200, "canceled")
    assert await shop.count("outbox_event", "type = 'payment.canceled'") == 1
    assert await shop.count("outbox_event", "type = 'payment.expired'") == 0


async def test_money_that_is_on_its_way_from_a_bank_outlives_the_time_of_the_checkout(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    assert (await shop.confirm(payment, BANK))["status"] == "processing"
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "processing"
    [line] = shop.lines()
    assert line["status"] == "PENDING"
    shop.house.act(f"payments/{line['payment']}/late_success")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_our_question_after_a_bank_payment_finds_that_it_came_when_no_webhook_does(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.confirm(payment, BANK)
    shop.house.act(f"payments/{shop.lines()[0]['payment']}/late_success")
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"
