"""What was put off is folded in, and what is over is forgotten."""

import asyncio
from datetime import timedelta
from typing import Any

from tillkeeper import schedules
from tillkeeper.flows.sweep import forget_calls, forget_runs, purge, sweep
from tillkeeper.kernel import clock, ids
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
