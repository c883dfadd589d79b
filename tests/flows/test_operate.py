"""A call that a gateway must hear is made with one key until its answer is known, by whoever holds its lease."""

import asyncio
from typing import Any

import pytest

from tillkeeper import operations
from tillkeeper.facts import NoticeKind
from tillkeeper.flows import operate as operating
from tillkeeper.flows.operate import Answer, operate
from tillkeeper.gateway import Accepted, Declined, Refused, Unknown
from tillkeeper.kernel import ids
from tillkeeper.operations import Operation


async def waiting_create(shop: Any) -> Any:
    shop.line.fault = "cut"
    payment = (await shop.create()).body
    shop.line.fault = None
    return payment


async def record(shop: Any, operation: Operation, outcome: Any) -> bool:
    async with shop.till.db.transaction() as tx:
        return await operating.record(tx, shop.till, operation, Answer(outcome=outcome, latency_ms=1))


async def test_nothing_is_called_when_nothing_is_due(shop: Any) -> None:
    await waiting_create(shop)
    assert await operate(shop.till, "stripe") == 0
    assert len(shop.line.calls) == 1


async def test_a_due_call_is_made_once_by_two_workers(shop: Any) -> None:
    await waiting_create(shop)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    assert sorted(await asyncio.gather(operate(shop.till, "stripe"), operate(shop.till, "stripe"))) == [0, 1]
    assert (await shop.books())["sessions"] == 1
    assert len(shop.line.keys) == 2


async def test_tries_are_spread_further_and_further_apart(shop: Any) -> None:
    await waiting_create(shop)
    shop.line.fault = "cut"
    waits = []
    for _ in range(3):
        waits.append(
            await shop.owner.fetchval("SELECT round(extract(epoch FROM due_at - clock_timestamp())) FROM operation")
        )
        await shop.operate()
    assert waits == [2, 60, 300]


async def test_a_worker_that_lost_its_lease_writes_nothing(shop: Any) -> None:
    payment = await waiting_create(shop)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    async with shop.till.db.transaction() as tx:
        [zombie] = await operations.claim(tx, "stripe", 1)
    await shop.operate()  # somebody else took the lease over and finished
    before = await shop.show(payment)

    for outcome in (Accepted(references=("cs_zombie",)), Declined(code="x", message="x"), Refused(reason="x")):
        assert not await record(shop, zombie, outcome)

    assert await shop.show(payment) == before
    assert await shop.count("payment_reference", "reference = 'cs_zombie'") == 0


async def test_a_zombie_that_wakes_while_its_successor_calls_writes_nothing_either(shop: Any) -> None:
    payment = await waiting_create(shop)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    async with shop.till.db.transaction() as tx:
        [zombie] = await operations.claim(tx, "stripe", 1)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    async with shop.till.db.transaction() as tx:
        [successor] = await operations.claim(tx, "stripe", 1)
    assert not await record(shop, zombie, Unknown(reason="time-out"))
    assert await record(shop, successor, await operating._call(shop.till, successor))
    assert (await shop.show(payment))["status"] == "requires_action"


async def test_a_refund_that_the_gateway_declines_fails_and_gives_the_goods_back(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    made = await shop.refund(payment)
    assert await shop.wallet() == (0, 0)

    assert await record(shop, await leased(shop), Declined(code="charge_disputed", message="No."))

    shown = await shop.show_refund(made)
    assert (shown["status"], shown["error"]) == ("failed", "charge_disputed")
    assert await shop.wallet() == (120, 0)
    assert (await shop.show(payment))["amount_refunding"] == 0
    assert await shop.count("operation", "state = 'declined'") == 1
    shop.line.fault = None
    assert (await shop.refund(payment))["status"] == "succeeded"


async def test_a_checkout_that_the_gateway_declines_is_a_failed_payment_with_its_reason(shop: Any) -> None:
    payment = await waiting_create(shop)
    assert await record(shop, await leased(shop), Declined(code="parameter_invalid", message="No such currency."))
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]["code"]) == ("failed", "parameter_invalid")
    assert await shop.count("outbox_event", "type = 'payment.failed'") == 1


async def test_a_gateway_that_is_not_configured_any_more_is_waited_for(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    made = await shop.refund(payment)
    shop.line.fault = None
    await shop.owner.execute("UPDATE operation SET gateway = 'elsewhere' WHERE kind = 'refund'")
    await shop.operate()
    assert (await shop.show_refund(made))["status"] == "pending"
    await shop.owner.execute("UPDATE operation SET gateway = 'stripe'")
    for _ in range(3):  # at once, after 5 minutes, after an hour: only then it counts as never made
        await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"


async def test_a_busy_gateway_does_not_end_a_refund(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "busy"
    made = await shop.refund(payment)
    assert made["status"] == "pending"
    shop.line.fault = None
    await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"


async def test_one_slow_call_does_not_keep_others_from_being_written_down(shop: Any) -> None:
    for _ in range(5):
        await waiting_create(shop)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    assert await shop.operate() == 5
    assert await shop.count("payment", "status = 'requires_action'") == 5
    assert (await shop.books())["sessions"] == 5


async def test_the_gateway_is_called_with_no_transaction_open(shop: Any) -> None:
    await waiting_create(shop)
    operation = await leased(shop)
    with pytest.raises(AssertionError):
        async with shop.till.db.transaction():
            await operating._call(shop.till, operation)


async def test_an_answer_enters_as_the_same_notice_that_a_webhook_would_be(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    found = await shop.till.gateways["stripe"].retrieve(payment["gateway_reference"])
    assert isinstance(found, Accepted)
    assert [notice.kind for notice in found.notices] == [NoticeKind.PAYMENT_CAPTURED]
    assert found.notices[0].payment == ids.parse("payment", payment["id"])
    await shop.apply(*found.notices)
    assert await shop.wallet() == (120, 0)
    await shop.catch_up()
    assert await shop.wallet() == (120, 0)


async def leased(shop: Any) -> Operation:
    """Lease the newest call as a worker does."""
    await shop.owner.execute("UPDATE operation SET due_at = now(), lease_until = now() WHERE state = 'asked'")
    async with shop.till.db.transaction() as tx:
        [operation] = await operations.claim(tx, "stripe", 1)
    return operation


async def test_a_lease_lasts_as_long_as_the_calls_of_its_operation(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = await waiting_create(shop)
    monkeypatch.setattr(operations, "lease_seconds", 1)
    monkeypatch.setattr(operating, "renew_seconds", 0.2)
    stripe, asked, create = shop.till.gateways["stripe"], [], shop.till.gateways["stripe"].create

    async def slowly(order: Any) -> Any:
        asked.append(order)
        await asyncio.sleep(2)
        return await create(order)

    monkeypatch.setattr(stripe, "create", slowly)
    await shop.owner.execute("UPDATE operation SET due_at = now()")
    first = asyncio.create_task(operate(shop.till, "stripe"))
    await asyncio.sleep(1.5)
    assert await operate(shop.till, "stripe") == 0
    await first
    assert len(asked) == 1
    assert (await shop.show(payment))["status"] == "requires_action"
