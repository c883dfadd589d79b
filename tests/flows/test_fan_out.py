"""Every endpoint is owed each event that it wants once, from the moment on at which it was added."""

import asyncio
from typing import Any

import pytest
from tests.flows.merchant import Merchant, merchant_of

from tillkeeper.flows.fan_out import fan_out
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.subscribe import change
from tillkeeper.kernel import ids

NOWHERE = "http://127.0.0.1:9999/"


@pytest.fixture
def merchant(shop: Any) -> Merchant:
    return merchant_of(shop.till, shop.owner)


async def owed(merchant: Merchant) -> list[tuple[str, str]]:
    return [(each["endpoint"], each["event"]) for each in await merchant.deliveries()]


async def test_an_endpoint_is_owed_what_it_wants_and_nothing_else(merchant: Merchant) -> None:
    await merchant.subscribe(NOWHERE, "payment.succeeded", "refund.created")
    events = await merchant.announce("payment.created", "payment.succeeded", "refund.created", "dispute.opened")
    await merchant.plan()
    assert [event for _, event in await owed(merchant)] == events[1:3]


async def test_a_new_endpoint_starts_from_now(merchant: Merchant) -> None:
    await merchant.announce("payment.created")
    await sequence(merchant.till)
    await merchant.subscribe(NOWHERE)
    events = await merchant.announce("payment.succeeded")
    await merchant.plan()
    assert [event for _, event in await owed(merchant)] == events


async def test_an_event_that_commits_after_its_endpoint_was_added_is_owed(merchant: Merchant) -> None:
    late = ids.new()
    async with merchant.owner.transaction():
        await merchant.owner.execute(
            "INSERT INTO outbox_event (id, type, subject, data) VALUES ($1, 'payment.created', $1, '{}')", late
        )
        await merchant.subscribe(NOWHERE)
    await merchant.plan()
    assert [event for _, event in await owed(merchant)] == [ids.text("event", late)]


async def test_many_workers_at_once_owe_each_event_to_each_endpoint_once(merchant: Merchant) -> None:
    endpoints = [await merchant.subscribe(NOWHERE) for _ in range(3)]
    events = await merchant.announce(*["payment.created"] * 30)
    await sequence(merchant.till)
    while sum(await asyncio.gather(*(fan_out(merchant.till, limit=4) for _ in range(6)))):
        pass
    found = await owed(merchant)
    assert len(found) == len(set(found)) == len(endpoints) * len(events)
    assert await fan_out(merchant.till) == 0


async def test_an_endpoint_that_is_off_is_owed_nothing_and_starts_again_from_now(merchant: Merchant) -> None:
    endpoint, _ = await merchant.subscribe(NOWHERE)
    await change(merchant.till, endpoint, enabled=False)
    await merchant.announce("payment.created")
    await merchant.plan()
    await change(merchant.till, endpoint, enabled=True)
    events = await merchant.announce("payment.succeeded")
    await merchant.plan()
    assert [event for _, event in await owed(merchant)] == events


async def test_a_purchase_is_told_of_with_what_the_api_shows(shop: Any) -> None:
    merchant = merchant_of(shop.till, shop.owner)
    await merchant.subscribe(NOWHERE, "payment.succeeded", "fulfilment.delivered")
    payment = await shop.paid()
    await merchant.plan()
    assert [each["type"] for each in await merchant.deliveries()] == ["payment.succeeded", "fulfilment.delivered"]
    data = await shop.owner.fetchval("SELECT data FROM outbox_event WHERE type = 'payment.succeeded'")
    assert payment["id"] in data
