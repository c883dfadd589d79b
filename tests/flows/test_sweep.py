"""What was put off is folded in, and what is over is forgotten."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tillkeeper import schedules
from tillkeeper.flows.replay import replay
from tillkeeper.flows.sweep import forget_bodies, forget_calls, forget_runs, purge, sweep
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.schedules import HOURLY, Kind, Worker

ACCOUNTS = ("gateway:stripe:clearing:EUR", "deferred:EUR", "revenue:credits:EUR", "credits:issuer")
DAY_OLD = "UPDATE idempotency_key SET created_at = now() - interval '25 hours'"


async def test_folding_changes_no_balance_and_leaves_nothing_over(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(30)
    await shop.refund(payment, 20)
    before = await shop.ledger(*ACCOUNTS)
    assert await shop.count("balance_delta") > 0

    assert await sweep(shop.till) > 0

    assert await shop.count("balance_delta") == 0
    assert await shop.ledger(*ACCOUNTS) == before
    assert await sweep(shop.till) == 0


async def test_folding_by_two_at_once_while_credits_are_spent_counts_everything_once(shop: Any) -> None:
    await shop.paid()
    spends = [shop.spend(2) for _ in range(20)]
    folds = [sweep(shop.till, limit=3) for _ in range(20)]
    await asyncio.gather(*spends, *folds)
    assert await shop.ledger("revenue:credits:EUR", "credits:issuer") == [199 * 40 // 120, -80]


async def test_an_answered_key_is_forgotten_after_a_day(shop: Any) -> None:
    await shop.opened()
    assert await purge(shop.till) == 0
    await shop.owner.execute(DAY_OLD)
    assert await purge(shop.till) == 1


async def test_answered_keys_are_forgotten_in_batches_the_oldest_first(shop: Any) -> None:
    for name in ("ana", "ben", "eve"):
        await shop.opened(user=name)
    await shop.owner.execute(DAY_OLD)
    await shop.owner.execute(
        "UPDATE idempotency_key SET created_at = now() - interval '3 days' WHERE scope LIKE '%eve'"
    )
    assert [await purge(shop.till, limit=2) for _ in range(3)] == [2, 1, 0]


async def test_a_key_without_an_answer_is_kept(shop: Any) -> None:
    await shop.opened()
    await shop.owner.execute(DAY_OLD + ", status = NULL, body = NULL")
    assert await purge(shop.till) == 0


async def test_a_key_is_kept_while_the_outcome_behind_it_is_unresolved(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "lost"
    made = await shop.refund(payment, 50, key="same")
    await shop.owner.execute(DAY_OLD)
    await purge(shop.till)
    assert (await shop.refund(payment, 50, key="same"))["id"] == made["id"]
    assert await shop.count("refund") == 1

    shop.line.fault = None
    await shop.operate()
    await purge(shop.till)
    assert await shop.count("idempotency_key") == 0


async def test_minutes_that_are_over_are_forgotten_in_batches_and_the_present_ones_stay(shop: Any) -> None:
    for minutes in (0, 9, 11, 30, 60):
        start = clock.now() - timedelta(minutes=minutes)
        await shop.owner.execute("INSERT INTO rate_window VALUES ($1, $2, 1)", f"key_{minutes}", start)
    assert [await forget_calls(shop.till, limit=2) for _ in range(3)] == [2, 1, 0]
    left = await shop.owner.fetch("SELECT who FROM rate_window ORDER BY start")
    assert [row["who"] for row in left] == ["key_9", "key_0"]


async def test_minutes_that_are_over_are_found_by_an_index(shop: Any) -> None:
    await shop.owner.execute("SET enable_seqscan = off")
    plan = await shop.owner.fetch("EXPLAIN DELETE FROM rate_window WHERE start < now()")
    assert "rate_window_start_index" in str(plan)


async def aged(shop: Any, days: int) -> None:
    """Let every message have come so many days ago; its id says so too."""
    old = ids.first_at(clock.now() - timedelta(days=days)).int >> 80
    await shop.owner.execute(
        """
        WITH aged AS (
            SELECT id, (lpad(to_hex($1::bigint), 12, '0') || substr(replace(id::text, '-', ''), 13))::uuid AS older
            FROM inbox_message
        ), body AS (UPDATE inbox_body SET message_id = older FROM aged WHERE aged.id = message_id)
        UPDATE inbox_message SET id = older FROM aged WHERE aged.id = inbox_message.id
        """,
        old,
    )


async def test_what_an_applied_webhook_said_is_forgotten_after_its_time_and_that_it_came_is_not(shop: Any) -> None:
    await shop.paid()
    came = await shop.count("inbox_message")
    await aged(shop, 89)
    assert await forget_bodies(shop.till) == 0

    await aged(shop, 91)
    assert await forget_bodies(shop.till, limit=1) == 1
    assert await forget_bodies(shop.till) == came - 1

    assert (await shop.count("inbox_body"), await shop.count("inbox_message")) == (0, came)
    message = await shop.owner.fetchval("SELECT id FROM inbox_message LIMIT 1")
    with pytest.raises(InvalidStateError):
        await replay(shop.till, message)


async def test_what_a_webhook_said_that_somebody_must_look_at_is_kept(shop: Any) -> None:
    await shop.paid()
    await shop.owner.execute("UPDATE inbox_message SET status = 'dead'")
    await aged(shop, 400)
    assert await forget_bodies(shop.till) == 0


async def test_a_webhook_that_comes_again_after_its_body_was_forgotten_is_a_copy(shop: Any) -> None:
    await shop.paid()
    [event] = await shop.events("payment_intent.succeeded")
    await aged(shop, 91)
    await forget_bodies(shop.till)
    await shop.hear(event)
    await shop.settle()
    assert await shop.wallet() == (120, 0)
    assert await shop.count("inbox_body") == 0


async def test_runs_of_long_ago_are_forgotten_but_never_the_last_of_a_job(shop: Any) -> None:
    for days in (200, 100, 50):
        async with shop.till.db.transaction() as tx:
            await schedules.take(tx, "tidy", HOURLY, clock.now() - timedelta(days=days))
    async with shop.till.db.transaction() as tx:
        await schedules.take(tx, "rare", HOURLY, clock.now() - timedelta(days=200))
    assert await forget_runs(shop.till) == 2
    left = await shop.owner.fetch("SELECT job, now() - slot > interval '90 days' AS old FROM schedule_run ORDER BY job")
    assert [tuple(row) for row in left] == [("rare", True), ("tidy", False)]


async def test_workers_that_are_long_gone_are_forgotten_but_never_the_last_sign_of_one(shop: Any) -> None:
    for _ in range(3):
        async with shop.till.db.transaction() as tx:
            await schedules.beat(tx, Worker(id=ids.new(), kind=Kind.LOOP, host="here", pid=1))
    await shop.owner.execute("UPDATE worker SET beat_at = beat_at - interval '8 days'")
    assert await forget_runs(shop.till) == 2
    assert await shop.count("worker") == 1
