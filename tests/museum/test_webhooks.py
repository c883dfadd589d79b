"""Public incidents with webhooks, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
import json
from typing import Any

import pytest
from tests.flows.conftest import sign, uuid_of
from tests.flows.merchant import merchant_of
from tests.flows.receiver import receiving
from tests.museum import races

from tillkeeper import inbox
from tillkeeper.flows.receive import receive
from tillkeeper.flows.settle import settle
from tillkeeper.gateway import SignatureInvalidError

copies = 20
workers = 4
CAPTURED, COMPLETED = "payment_intent.succeeded", "checkout.session.completed"


async def paid_and_unheard(shop: Any) -> tuple[Any, Any]:
    """Pay, and lend the event that nobody has delivered yet."""
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events(CAPTURED)
    return payment, event


async def granted_once(shop: Any) -> None:
    """See that the goods of one payment were handed over once, no money goes back, and no message failed over it."""
    assert await shop.wallet() == (120, 0)
    assert await shop.count("entitlement") == await shop.count("journal", "kind = 'capture'") == 1
    assert await shop.count("refund") == 0
    assert set(await shop.inbox()) <= {"processed", "ignored"}


async def test_a_webhook_that_is_delivered_again_grants_nothing_more(shop: Any) -> None:
    """Re-enact opencode#28402: each redelivery of a paid checkout added its amount to the balance once more."""
    _, event = await paid_and_unheard(shop)
    new = []
    for _ in range(3):
        new.append(await shop.hear(event))
        await shop.settle()

    assert new == [True, False, False]
    assert await shop.count("inbox_message") == 1
    await granted_once(shop)


async def test_one_payment_told_under_two_event_ids_is_granted_once(shop: Any) -> None:
    """Re-enact open-saas#688: the same invoice under another event id raised the credits a second time."""
    _, event = await paid_and_unheard(shop)
    await shop.hear(event)
    await shop.settle()

    assert await shop.hear(event | {"id": "evt_of_the_same_payment"})
    await shop.settle()

    await granted_once(shop)


async def test_one_payment_told_by_two_types_of_events_is_granted_once(shop: Any) -> None:
    """Re-enact sokosumi PR#1846, razorpay-magento#291: two types of events told of one payment, and both delivered."""
    payment = await shop.opened()
    await shop.pay(payment)

    for type_ in (COMPLETED, CAPTURED):
        await shop.hear_news(type_)
        await shop.settle()

    await granted_once(shop)


async def test_one_payment_told_at_the_same_moment_to_several_workers_is_granted_once(shop: Any) -> None:
    """Re-enact lago-api PR#2243: the success came several times within milliseconds, and each raised the balance."""
    _, event = await paid_and_unheard(shop)
    for number in range(workers * 3):
        await shop.hear(event | {"id": f"evt_{number}"})

    async def work() -> None:
        while await settle(shop.till, limit=1):
            pass

    await asyncio.gather(*(work() for _ in range(workers)))

    await granted_once(shop)
    assert await shop.count("inbox_message", "reason LIKE '%already%'") == workers * 3 - 1


async def test_copies_of_a_webhook_at_once_are_all_acknowledged(shop: Any) -> None:
    """Re-enact dj-stripe#1239: copies that came together broke a unique key, and the gateway was told of an error."""
    _, event = await paid_and_unheard(shop)
    body = json.dumps(event).encode()

    new = await asyncio.gather(*(receive(shop.intake, "stripe", sign(body), body) for _ in range(copies)))

    assert sorted(new) == [False] * (copies - 1) + [True]
    await shop.settle()
    await granted_once(shop)


async def test_a_webhook_that_failed_once_is_tried_again(shop: Any) -> None:
    """Re-enact dj-stripe#832: an event whose handler had failed counted as known, and was never handled again."""
    payment, event = await paid_and_unheard(shop)
    await shop.hear(event)
    right = await shop.owner.fetchval("SELECT sealed FROM inbox_body")
    await shop.owner.execute("UPDATE inbox_body SET sealed = 'cannot be read today'")
    await shop.settle()
    assert (await shop.show(payment))["status"] == "requires_action"

    await shop.owner.execute("UPDATE inbox_body SET sealed = $1", right)
    await shop.owner.execute("UPDATE inbox_message SET due_at = now()")
    await shop.settle()

    await granted_once(shop)


async def test_webhooks_that_a_worker_took_before_it_died_are_worked_on_by_another(shop: Any) -> None:
    """Re-enact suna PR#6534: work was claimed, whoever had claimed it was gone, and nobody ever did it."""
    _, event = await paid_and_unheard(shop)
    await shop.hear(event)
    async with shop.till.db.transaction() as tx:
        assert await inbox.open_batch(tx, 10)  # and now this worker is killed
    assert await shop.settle() == 0

    await shop.owner.execute("UPDATE inbox_batch SET lease_until = now()")
    await shop.settle()

    await granted_once(shop)


async def test_a_webhook_without_a_signature_is_refused(shop: Any) -> None:
    """Re-enact 013-Hire-AI#87: the signature was checked only when there was one, so leaving it out was enough."""
    payment, event = await paid_and_unheard(shop)
    body = json.dumps(event).encode()

    for headers in ({}, {"stripe-signature": ""}):
        with pytest.raises(SignatureInvalidError):
            await receive(shop.intake, "stripe", headers, body)

    assert await shop.count("inbox_message") == 0
    assert (await shop.show(payment))["status"] == "requires_action"


async def test_an_event_of_something_that_we_did_not_sell_is_no_error(shop: Any) -> None:
    """Re-enact simple-commerce#1176: a payment link made by hand has no order id, and its webhook was an error."""
    _, event = await paid_and_unheard(shop)
    thing = event["data"]["object"]
    thing |= {"id": "pi_of_a_payment_link", "metadata": {}}

    await shop.hear(event)
    for _ in range(10):
        await shop.owner.execute("UPDATE inbox_message SET due_at = now()")
        await shop.settle()

    assert await shop.inbox() == ["ignored"]
    assert "foreign" in await shop.owner.fetchval("SELECT reason FROM inbox_message")


async def test_a_refund_that_is_told_before_its_payment_is_not_forgotten(shop: Any) -> None:
    """Re-enact razorpay-woocommerce#664: a refund came before the payment, was dropped, and the goods were sent."""
    payment, _ = await paid_and_unheard(shop)
    [session] = await shop.events(COMPLETED)
    await shop.act("refunds", {"payment_intent": session["data"]["object"]["payment_intent"]})

    for type_ in ("refund.created", CAPTURED):
        await shop.hear_news(type_)
        await shop.settle()

    assert (await shop.show(payment))["amount_refunded"] == payment["amount"]
    assert await shop.wallet() == (0, 0)
    assert set(await shop.inbox()) == {"processed"}


async def test_workers_to_whom_the_same_payments_are_told_in_other_orders_do_not_stand_in_each_others_way(
    shop: Any,
) -> None:
    """Re-enact dj-stripe#1267: two webhooks of the same things came together, each held what the other one wanted."""
    payments = [await shop.opened() for _ in range(3)]
    for payment in payments:
        await shop.pay(payment)
    first, second, third = payments
    at_once: list[asyncio.Task[int]] = []
    for type_, order in ((CAPTURED, (first, third, second)), (COMPLETED, (second, third, first))):
        told = {event["data"]["object"]["metadata"]["payment"]: event for event in await shop.events(type_)}
        for payment in order:
            await shop.hear(told[payment["id"]])

    async with races.held(shop, "payment", f"id = '{uuid_of(third)}'"):
        for number in range(2):
            at_once.append(asyncio.create_task(settle(shop.till, limit=3)))
            await races.until_waiting(shop, number + 1)

    assert not await races.crossed(shop, *at_once)
    assert [await task for task in at_once] == [3, 3]
    assert await shop.wallet() == (360, 0)
    assert set(await shop.inbox()) == {"processed"}


async def test_an_event_that_is_sent_again_is_known_by_its_id(shop: Any) -> None:
    """Re-enact saleor PR#19811: a request to refund was sent again with no key in it, and could be refunded twice."""
    merchant = merchant_of(shop.till, shop.owner)
    async with receiving(statuses=[500, 500]) as door:
        await merchant.subscribe(door.url)
        (event,) = await merchant.announce("payment.succeeded")
        for _ in range(3):
            await merchant.send()
            await merchant.hurry()

    assert door.ids == [event] * 3
    assert len({taken.body for taken in door.taken}) == 1
