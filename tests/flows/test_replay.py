"""Webhooks brought back to work, or set aside, by hand."""

import os
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tillkeeper import inbox
from tillkeeper.flows.replay import ignore, replay, replay_all
from tillkeeper.flows.settle import rescue, settle
from tillkeeper.inbox import Selection
from tillkeeper.kernel import db, ids
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import DatabaseUnavailableError, InvalidFieldError, NotFoundError


async def dead_letter(shop: Any) -> tuple[Any, UUID]:
    """Make a captured payment whose webhook was given up."""
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")
    message = await shop.owner.fetchval("UPDATE inbox_message SET status = 'dead', reason = 'broken' RETURNING id")
    return payment, message


async def test_a_replayed_dead_letter_has_its_effect_once(shop: Any) -> None:
    payment, message = await dead_letter(shop)

    for _ in range(3):
        await replay(shop.till, message)
        await shop.settle()

    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    assert await shop.count("entitlement") == 1


async def test_a_selection_is_replayed_and_nothing_else(shop: Any) -> None:
    await dead_letter(shop)

    assert await replay_all(shop.till, Selection(statuses=("dead",), type="refund.created")) == 0
    assert await replay_all(shop.till, Selection(statuses=("dead",), gateway="stripe")) == 1


async def test_an_ignored_webhook_is_never_worked_on(shop: Any) -> None:
    payment, message = await dead_letter(shop)

    await ignore(shop.till, message, reason="a test of ours")

    assert await shop.settle() == 0
    assert (await shop.show(payment))["status"] == "requires_action"


async def test_ignoring_needs_a_reason(shop: Any) -> None:
    _, message = await dead_letter(shop)

    with pytest.raises(InvalidFieldError):
        await ignore(shop.till, message, reason="")


async def test_a_webhook_that_does_not_exist_cannot_be_replayed(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await replay(shop.till, ids.new())


async def test_a_message_that_kills_its_worker_ends_as_a_dead_letter_and_the_rest_is_delivered(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Play the deaths of a worker by an exception that nothing catches; tests/crash does it with processes."""
    payments = [await shop.opened(user=f"user{n}") for n in range(5)]
    for payment in payments:
        await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")
    killer = await shop.owner.fetchval("SELECT id FROM inbox_message ORDER BY received_at, id LIMIT 1 OFFSET 2")
    await shop.owner.execute("UPDATE inbox_message SET type = 'deadly' WHERE id = $1", killer)
    monkeypatch.setenv("TILL_FAILPOINTS", "settle:deadly")
    monkeypatch.setattr(os, "kill", _die)

    for _ in range(20):
        await shop.owner.execute("UPDATE inbox_batch SET lease_until = now()")
        try:
            await settle(shop.till)
        except KilledError:
            continue

    statuses = {row["id"]: row["status"] for row in await shop.owner.fetch("SELECT id, status FROM inbox_message")}
    assert statuses.pop(killer) == "dead"
    assert set(statuses.values()) == {"processed"}


async def test_messages_over_which_a_worker_died_never_go_back_among_others(shop: Any) -> None:
    for number in range(3):
        await shop.pay(await shop.opened(user=f"user{number}"))
    await shop.hear_news("payment_intent.succeeded")
    async with shop.till.db.transaction() as tx:
        assert await inbox.open_batch(tx, 10)  # and now this worker is killed
    await shop.owner.execute("UPDATE inbox_batch SET lease_until = now()")

    async with shop.till.db.transaction() as tx:
        assert await inbox.take_lost_batch(tx)
    async with shop.till.db.transaction() as tx:
        assert await inbox.open_batch(tx, 10) is None

    await shop.settle()
    assert await shop.inbox() == ["processed"] * 3


async def test_of_the_messages_over_which_a_worker_died_one_is_tried_at_a_time(shop: Any) -> None:
    """Two together would die together, and the innocent one would be called a killer as well."""
    for number in range(2):
        await shop.pay(await shop.opened(user=f"user{number}"))
    await shop.hear_news("payment_intent.succeeded")
    async with shop.till.db.transaction() as tx:
        assert await inbox.open_batch(tx, 10)  # and now this worker is killed
    await shop.owner.execute("UPDATE inbox_batch SET lease_until = now()")
    async with shop.till.db.transaction() as tx:
        assert await inbox.take_lost_batch(tx)  # lays them apart
    async with shop.till.db.transaction() as tx:
        one = await inbox.take_lost_batch(tx)
        assert one
        trial = await inbox.suspect(tx, one.messages[0])
        assert trial

    async with shop.till.db.transaction() as tx:
        assert await inbox.take_lost_batch(tx) is None

    async with shop.till.db.transaction() as tx:
        await inbox.close_batch(tx, trial)
        assert await inbox.take_lost_batch(tx)


async def test_a_database_that_cannot_be_used_is_no_fault_of_the_messages_that_were_being_worked_on(
    shop: Any, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")
    monkeypatch.setattr(db, "lock_timeout_seconds", 1)
    impatient = replace(shop.till, db=await Database.connect(shop.till.settings.database_url))
    other = await asyncpg.connect(owner_url)
    async with other.transaction():
        await other.execute("SELECT FROM payment FOR UPDATE")
        with pytest.raises(DatabaseUnavailableError):
            await settle(impatient)
        assert await shop.count("inbox_batch") == 0
        async with shop.till.db.transaction() as tx:
            batch = await inbox.open_batch(tx, 10)  # and now this worker is killed
        await shop.owner.execute("UPDATE inbox_batch SET id = messages[1], lease_until = now()")
        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError):
                await rescue(impatient)
    await other.close()
    await impatient.db.close()

    assert batch
    assert await shop.count("inbox_message", "deaths = 0 AND status = 'received'") == 1
    assert await rescue(shop.till) == 1
    assert (await shop.show(payment))["status"] == "succeeded"


class KilledError(BaseException):
    """Stand for the end of the process: nothing below the test may catch it."""


def _die(_pid: int, _sign: int) -> None:
    raise KilledError
