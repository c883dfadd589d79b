"""Our own loop does what is due, shows itself while it works, and says when it has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tillkeeper.flows.read import read
from tillkeeper.reports import jobs
from tillkeeper.worker import loop
from tillkeeper.worker.loop import Bell, spread_ms, work
from tillkeeper.worker.schedule import APPOINTMENTS, jobs_for

patience_seconds = 20
DONE = "SELECT count(*) FROM schedule_run WHERE status = 'done'"


async def until(shop: Any, is_so: Callable[[], Awaitable[bool]]) -> None:
    """Let two workers run until something is so, and end them."""
    stop = asyncio.Event()
    working = [asyncio.create_task(work(shop.till, stop)) for _ in range(2)]
    try:
        async with asyncio.timeout(patience_seconds):
            while not await is_so():  # noqa: ASYNC110 (the database is looked at)
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await asyncio.gather(*working)


async def test_two_workers_keep_each_appointment_once(shop: Any) -> None:
    async def all_kept() -> bool:
        kept: int = await shop.owner.fetchval(DONE)
        return kept == len(APPOINTMENTS)

    await until(shop, all_kept)
    tries = await shop.owner.fetch("SELECT job, tries FROM schedule_run")
    assert {row["job"]: row["tries"] for row in tries} == {job.name: 1 for job in APPOINTMENTS}


async def test_workers_are_seen_while_they_work_and_said_to_have_ended_afterwards(shop: Any) -> None:
    async def both_seen() -> bool:
        return len(await read(shop.till, jobs.workers)) == 2

    await until(shop, both_seen)
    assert await read(shop.till, jobs.workers) == []
    assert await shop.count("worker", "ended_at IS NOT NULL") == 2


def test_jobs_with_the_same_pause_come_at_different_moments() -> None:
    wanted = jobs_for(["stripe", "square"])
    late = spread_ms(wanted)
    for pause in {job.every_seconds for job in wanted}:
        moments = [late_ms for job, late_ms in zip(wanted, late, strict=True) if job.every_seconds == pause]
        assert len(set(moments)) == len(moments)
        assert max(moments) < pause * 1000


async def woken(waiting: list[asyncio.Task[None]]) -> int:
    """Let those who were woken end, and count them."""
    for _ in range(10):
        await asyncio.sleep(0)
    return sum(each.done() for each in waiting)


async def test_a_ring_wakes_one_of_those_who_wait_and_the_next_ring_another() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.wait()) for _ in range(3)]
    assert await woken(waiting) == 0
    for number in (1, 2):
        bell.ring()
        assert await woken(waiting) == number
    bell.end()
    assert await woken(waiting) == 3


async def test_a_ring_that_nobody_waited_for_wakes_the_next_unless_somebody_looked_meanwhile() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    first = [asyncio.create_task(bell.wait())]
    assert await woken(first) == 1
    bell.ring()
    bell.hush()
    second = [asyncio.create_task(bell.wait())]
    assert await woken(second) == 0
    bell.end()
    assert await woken(second) == 1


async def test_who_listens_and_is_refused_once_listens_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, bell, tries = asyncpg.connect, Bell(), []

    async def refused_once(*words: Any, **options: Any) -> Any:
        tries.append(words)
        if len(tries) == 1:
            message = "the password is being changed"
            raise asyncpg.InvalidPasswordError(message)
        return await connect(*words, **options)

    monkeypatch.setattr(asyncpg, "connect", refused_once)
    monkeypatch.setattr(loop, "poll_seconds", 0.05)
    listening = asyncio.create_task(loop._listen(shop.till, bell))
    heard = asyncio.create_task(bell.wait())
    async with asyncio.timeout(patience_seconds):
        while not heard.done():
            await shop.owner.execute("NOTIFY till_work")
            await asyncio.wait({heard}, timeout=0.1)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert len(tries) == 2
