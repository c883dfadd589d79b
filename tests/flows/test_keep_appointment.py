"""What is due at a certain moment is done once, whoever dies over it and however many are there to do it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.flows.mailbox import mailbox
from tests.flows.test_notify import posted

from tillkeeper import schedules
from tillkeeper.flows import keep_appointment as keeping
from tillkeeper.flows.correspond import correspond
from tillkeeper.flows.keep_appointment import keep_appointment
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.schedules import HOURLY, Calendar
from tillkeeper.till import Till
from tillkeeper.worker import schedule

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT_ONCE = "UPDATE schedule_run SET due_at = now() WHERE status = 'waiting'"
LEASE_OVER = "UPDATE schedule_run SET lease_until = now() WHERE status = 'running'"
MOVED = "the gateway has moved"
DAILY = Calendar(every=timedelta(days=1))


@dataclass
class Work:
    """Count how often it was run; fail as often as a test says, and wait when it is told to."""

    failures: int = 0
    runs: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    parts: int = 0

    async def run(self, _: Till) -> int:
        self.runs += 1
        self.begun.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise NotFoundError(MOVED)
        self.parts -= 1
        return int(self.parts > 0)


def work(*, failures: int = 0, waits: bool = False, parts: int = 0) -> Work:
    made = Work(failures=failures, parts=parts)
    if not waits:
        made.gate.set()
    return made


def at(till: Till, moment: datetime) -> Till:
    return replace(till, now=lambda: moment)


async def keep(till: Till, run: Callable[[Till], Awaitable[int]], calendar: Calendar = HOURLY) -> int:
    return await keep_appointment(till, name="tidy", calendar=calendar, run=run)


async def rows(shop: Any) -> list[tuple[Any, ...]]:
    found = await shop.owner.fetch("SELECT slot, status, tries, error FROM schedule_run ORDER BY slot")
    return [tuple(row) for row in found]


async def test_two_schedulers_at_the_same_moment_make_one_run(shop: Any) -> None:
    tidy = work()
    kept = await asyncio.gather(*(keep(at(shop.till, NOON), tidy.run) for _ in range(8)))
    assert (sum(kept), tidy.runs) == (1, 1)
    assert await keep(at(shop.till, NOON + timedelta(minutes=59)), tidy.run) == 0
    assert await rows(shop) == [(NOON, "done", 1, None)]


async def test_the_next_moment_has_a_run_of_its_own(shop: Any) -> None:
    tidy = work()
    for minutes in (0, 61, 62):
        await keep(at(shop.till, NOON + timedelta(minutes=minutes)), tidy.run)
    assert [row[:2] for row in await rows(shop)] == [(NOON, "done"), (NOON + timedelta(hours=1), "done")]


async def test_a_run_goes_on_until_nothing_of_it_is_left(shop: Any) -> None:
    tidy = work(parts=3)
    assert await keep(at(shop.till, NOON), tidy.run) == 1
    assert tidy.runs == 3


async def test_of_what_was_missed_only_the_latest_is_made_up_for(shop: Any) -> None:
    tidy = work()
    await keep(at(shop.till, NOON), tidy.run)
    await keep(at(shop.till, NOON + timedelta(days=3, minutes=5)), tidy.run)
    assert [row[:2] for row in await rows(shop)] == [(NOON, "done"), (NOON + timedelta(days=3), "done")]


async def test_a_worker_whose_clock_is_behind_does_not_begin_an_older_slot(shop: Any) -> None:
    tidy = work()
    await keep(at(shop.till, NOON), tidy.run)
    assert await keep(at(shop.till, NOON - timedelta(minutes=1)), tidy.run) == 0
    assert tidy.runs == 1


async def test_a_clock_that_jumped_ahead_for_one_look_takes_no_slot_of_the_future(shop: Any) -> None:
    [purge] = [job for job in schedule.APPOINTMENTS if job.name == "purge"]
    await purge.run(shop.later(days=30))
    await shop.owner.execute("UPDATE schedule_run SET slot = slot - interval '1 hour'")
    assert await purge.run(shop.till) == 1


async def test_a_clock_that_jumped_ahead_leaves_no_gap_that_no_gateway_is_asked_about(shop: Any) -> None:
    [catching_up] = [job for job in schedule.DRAINS if job.name == "catch_up"]
    await catching_up.run(shop.later(days=2))
    assert await shop.count("catch_up", "seen_until > now()") == 0


async def test_a_clock_that_is_about_right_is_believed(shop: Any) -> None:
    till = shop.later(seconds=20)
    assert await keeping.by_database(till) is till


async def test_the_slot_of_a_worker_that_died_is_finished_by_another(shop: Any) -> None:
    till = at(shop.till, NOON)
    async with till.db.transaction() as tx:
        assert await schedules.take(tx, "tidy", HOURLY, NOON)  # and here it was killed
    tidy = work()
    assert await keep(till, tidy.run) == 0, "it may still be alive"
    await shop.owner.execute(LEASE_OVER)
    assert await keep(till, tidy.run) == 1
    assert await rows(shop) == [(NOON, "done", 2, None)]


async def test_a_worker_that_lives_keeps_its_slot_for_as_long_as_it_takes(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "renew_seconds", 0.05)
    slow, tidy, till = work(waits=True), work(), at(shop.till, NOON)
    running = asyncio.create_task(keep(till, slow.run))
    await slow.begun.wait()
    await shop.owner.execute("UPDATE schedule_run SET lease_until = now() + interval '1 second'")
    await asyncio.sleep(0.2)
    left = "SELECT lease_until - now() > interval '30 seconds' FROM schedule_run"
    assert await shop.owner.fetchval(left), "the lease is renewed while it works"
    assert await keep(till, tidy.run) == 0
    slow.gate.set()
    assert (await running, tidy.runs) == (1, 0)


async def test_a_worker_that_lost_its_slot_stops_and_says_nothing(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "renew_seconds", 0.05)
    slow, tidy, till = work(waits=True), work(), at(shop.till, NOON)
    running = asyncio.create_task(keep(till, slow.run))
    await slow.begun.wait()
    async with asyncio.timeout(5):
        while not tidy.runs:
            await shop.owner.execute(LEASE_OVER)
            await keep(till, tidy.run)
    await running
    assert (await rows(shop))[0][:3] == (NOON, "done", 2)


async def test_what_fails_is_tried_again_after_a_pause(shop: Any) -> None:
    tidy, till = work(failures=1), at(shop.till, NOON)
    await keep(till, tidy.run)
    assert await rows(shop) == [(NOON, "waiting", 1, "the gateway has moved")]
    assert await keep(till, tidy.run) == 0, "its pause is not over"
    await shop.owner.execute(AT_ONCE)
    assert await keep(till, tidy.run) == 1
    assert await rows(shop) == [(NOON, "done", 2, None)]


async def test_what_failed_each_time_is_given_up_and_told_once_a_day(shop: Any) -> None:
    tidy = work(failures=1_000)
    async with mailbox() as box:
        posted_till = posted(shop.till, box)
        for hour in range(2):
            for _ in range(schedules.tries_max + 2):
                await keep(at(posted_till, NOON + timedelta(hours=hour)), tidy.run)
                await shop.owner.execute(AT_ONCE)
        while await correspond(posted_till):
            pass
    assert tidy.runs == 2 * schedules.tries_max
    assert [row[1:] for row in await rows(shop)] == [("failed", schedules.tries_max, "the gateway has moved")] * 2
    (taken,) = box.letters
    assert "was not done" in taken.message["Subject"]
    assert "the gateway has moved" in taken.text


async def test_what_kills_each_worker_is_given_up_too(shop: Any) -> None:
    till, tidy = at(shop.till, NOON), work()
    for _ in range(schedules.tries_max):
        async with till.db.transaction() as tx:
            assert await schedules.take(tx, "tidy", HOURLY, NOON)
        await shop.owner.execute(LEASE_OVER)
    assert await keep(till, tidy.run) == 0
    assert tidy.runs == 0
    [(_, status, _, error)] = await rows(shop)
    assert (status, error) == ("failed", "Each worker that ran it ended before it was done.")


async def test_what_waits_for_its_next_try_gives_way_to_the_next_slot(shop: Any) -> None:
    tidy = work(failures=1)
    await keep(at(shop.till, NOON), tidy.run)
    await keep(at(shop.till, NOON + timedelta(hours=1)), tidy.run)
    await shop.owner.execute(AT_ONCE)
    await keep(at(shop.till, NOON + timedelta(hours=1)), tidy.run)
    assert [row[1] for row in await rows(shop)] == ["superseded", "done"]
    assert tidy.runs == 2


async def test_what_takes_too_long_is_ended_and_tried_again(shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "run_seconds_max", 0.1)
    tidy = work(waits=True)
    await keep(at(shop.till, NOON), tidy.run)
    assert [(row[1], row[3]) for row in await rows(shop)] == [("waiting", "It was not done after 0.1 s.")]


@pytest.mark.parametrize("calendar", [HOURLY, DAILY])
async def test_the_row_says_when_the_next_turn_is(shop: Any, calendar: Calendar) -> None:
    await keep(at(shop.till, NOON), work().run, calendar)
    slot, following = await shop.owner.fetchrow("SELECT slot, next_slot FROM schedule_run")
    assert following - slot == calendar.every
