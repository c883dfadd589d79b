"""What was missed or given up is sent again by request, under the ids that it always had."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.flows.merchant import Merchant, merchant_of
from tests.flows.receiver import receiving

from tillkeeper.flows.deliver import deliver
from tillkeeper.flows.redeliver import recover, resend
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.subscribe import change, unsubscribe
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.outbox import endpoints
from tillkeeper.reports import books, outgoing


@pytest.fixture
def merchant(shop: Any) -> Merchant:
    return merchant_of(shop.till, shop.owner)


def of(delivery: Any) -> UUID:
    return ids.parse("delivery", delivery["id"])


async def test_a_delivery_that_was_taken_is_sent_again_by_request(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.subscribe(door.url)
        events = await merchant.announce("payment.created")
        await merchant.send()
        await resend(merchant.till, of((await merchant.deliveries())[0]))
        await merchant.send()
    assert door.ids == events * 2
    (done,) = await merchant.deliveries()
    assert (done["status"], done["tries"], len(done["log"])) == ("succeeded", 2, 2)


async def test_a_dead_delivery_gets_the_whole_schedule_again(merchant: Merchant) -> None:
    async with receiving(status=500) as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.plan()
        while await deliver(merchant.till):
            await merchant.hurry()
        await resend(merchant.till, of((await merchant.deliveries())[0]))
        await deliver(merchant.till)
        (waiting,) = await merchant.deliveries()
        assert (waiting["status"], waiting["tries"]) == ("pending", 11)
        door.status = 200
        await merchant.hurry()
        await merchant.send()
    (done,) = await merchant.deliveries()
    assert (done["status"], done["tries"]) == ("succeeded", 12)


async def test_nothing_is_sent_again_to_an_endpoint_that_is_off_or_deleted(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
        (done,) = await merchant.deliveries()
        await change(merchant.till, endpoint, enabled=False)
        with pytest.raises(InvalidStateError):
            await resend(merchant.till, of(done))
        with pytest.raises(InvalidStateError):
            await recover(merchant.till, endpoint, since=clock.now())
        await unsubscribe(merchant.till, endpoint)
        with pytest.raises(InvalidStateError):
            await resend(merchant.till, of(done))
        with pytest.raises(NotFoundError):
            await recover(merchant.till, endpoint, since=clock.now())
    with pytest.raises(NotFoundError):
        await resend(merchant.till, ids.new())


async def test_an_endpoint_is_owed_what_it_wanted_at_the_time_and_no_proof_asks_for_more(merchant: Merchant) -> None:
    async with receiving() as door:
        await merchant.announce("payment.created")
        endpoint, _ = await merchant.subscribe(door.url, "refund.created")
        start = clock.now()
        await merchant.announce("payment.created", "refund.created")
        await merchant.send()
        for decided in ({"types": ["payment.created"]}, {"enabled": False}, {"enabled": True}, {"types": ["*"]}):
            await change(merchant.till, endpoint, **decided)
            assert await unowed(merchant) == []
            await merchant.announce("payment.created", "refund.created")
            await merchant.send()
            assert await unowed(merchant) == []
        assert len(door.ids) == 1 + 1 + 0 + 1 + 2
        await recover(merchant.till, endpoint, since=start)
        await merchant.send()
        assert (len(door.ids), await unowed(merchant)) == (2 * 5, [])


async def unowed(merchant: Merchant) -> list[str]:
    """Ask the proof that every endpoint is owed what it wants."""
    sentence = "an endpoint is not owed an event that it wants"
    async with merchant.till.db.transaction(read_only=True) as tx:
        return await books.breaches(tx, sentence, outgoing.PROMISES[sentence])


async def test_what_an_endpoint_missed_while_it_was_off_is_recovered_once(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, _ = await merchant.subscribe(door.url)
        before = await merchant.announce("payment.created")
        await merchant.send()
        moment = clock.now()
        await change(merchant.till, endpoint, enabled=False)
        missed = await merchant.announce("payment.succeeded", "refund.created")
        await merchant.plan()
        await change(merchant.till, endpoint, enabled=True)
        assert await merchant.send() == 0
        assert await recover(merchant.till, endpoint, since=moment) == 2
        await merchant.send()
        assert await recover(merchant.till, endpoint, since=moment - timedelta(days=1)) == 3
        await merchant.send()
    assert (door.ids[:1], {*door.ids[1:]}, len(door.ids)) == (before, {*missed}, 3)


async def test_a_new_endpoint_can_recover_what_happened_before_it(merchant: Merchant) -> None:
    moment = clock.now()
    events = await merchant.announce("payment.created", "payment.succeeded", "refund.created")
    await merchant.plan()
    async with receiving() as door:
        endpoint, _ = await merchant.subscribe(door.url, "payment.created", "refund.created")
        await recover(merchant.till, endpoint, since=moment)
        await merchant.send()
    assert sorted(door.ids) == sorted([events[0], events[2]]), "they are sent at once, so either may come first"


async def test_dead_deliveries_begin_anew_when_they_are_recovered(merchant: Merchant) -> None:
    moment = clock.now()
    async with receiving(status=500) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.plan()
        while await deliver(merchant.till):
            await merchant.hurry()
        door.status = 200
        await recover(merchant.till, endpoint, since=moment)
        assert await merchant.send() == 1
    assert (await merchant.deliveries())[0]["status"] == "succeeded"


async def test_what_waits_for_its_next_try_is_sent_at_once_when_it_is_recovered(merchant: Merchant) -> None:
    moment = clock.now()
    async with receiving(status=500) as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created", "payment.succeeded")
        for _ in range(3):
            await merchant.send()
            await merchant.hurry()
        await merchant.send()
        door.status = 200
        assert await merchant.send() == 0, "the next try is hours away"
        await recover(merchant.till, endpoint, since=moment)
        assert await merchant.send() == 2
    assert [each["status"] for each in await merchant.deliveries()] == ["succeeded"] * 2


async def test_a_recovery_during_a_fan_out_is_not_forgotten(merchant: Merchant) -> None:
    moment = clock.now()
    await merchant.announce("payment.created")
    await merchant.plan()
    async with receiving() as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.succeeded")
        await sequence(merchant.till)
        begun = asyncio.Event()

        async def recover_then() -> int:
            await begun.wait()
            return await recover(merchant.till, endpoint, since=moment)

        recovering = asyncio.create_task(recover_then())
        async with merchant.till.db.transaction() as tx:
            spans = await endpoints.behind(tx, 10)
            begun.set()
            await asyncio.sleep(0.1)
            await endpoints.advance(tx, spans)
        assert await recovering == 2
        await merchant.send()
    assert len(door.taken) == 2


async def test_recovering_since_a_time_to_come_sends_nothing(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, _ = await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
        assert await recover(merchant.till, endpoint, since=clock.now() + timedelta(days=1)) == 0
        assert await merchant.send() == 0
    assert len(door.taken) == 1
