"""A limit holds over all processes together, and costs a statement only now and then."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.flows.locks import held_up

from tillkeeper.access.limits import Meter, RateLimitedError, start_of
from tillkeeper.flows.limit import admit
from tillkeeper.kernel import clock
from tillkeeper.till import Till

LIMIT = 100


def at(till: Till, moment: datetime) -> Till:
    """Lend the till as it is at a moment."""
    return replace(till, now=lambda: moment)


@pytest.fixture
def minute() -> datetime:
    """Name the beginning of a minute, so that no test runs over its end."""
    return start_of(clock.now())


async def admitted(till: Till, meter: Meter, calls: int, *, who: str = "key_1", limit: int = LIMIT) -> int:
    """Call many times; return how often it was allowed."""
    count = 0
    for _ in range(calls):
        try:
            await admit(till, meter, who, limit=limit, name="It")
            count += 1
        except RateLimitedError:
            continue
    return count


async def test_a_limit_is_exact_for_one_process(shop: Any, minute: datetime) -> None:
    assert await admitted(at(shop.till, minute), Meter(), 2 * LIMIT) == LIMIT


@pytest.mark.parametrize("limit", [1, 19, 20, 30, 31])
async def test_a_limit_of_any_size_is_exact(shop: Any, minute: datetime, limit: int) -> None:
    assert await admitted(at(shop.till, minute), Meter(), 2 * limit, limit=limit) == limit


async def test_several_processes_together_never_exceed_a_limit_and_come_close_to_it(
    shop: Any, minute: datetime
) -> None:
    till, meters = at(shop.till, minute), [Meter() for _ in range(4)]
    counts = await asyncio.gather(*(admitted(till, meter, LIMIT) for meter in meters))
    assert LIMIT * 3 // 4 <= sum(counts) <= LIMIT


async def test_requests_at_once_in_one_process_never_exceed_a_limit(shop: Any, minute: datetime) -> None:
    till, meter = at(shop.till, minute), Meter()
    counts = await asyncio.gather(*(admitted(till, meter, 1) for _ in range(2 * LIMIT)))
    assert LIMIT * 3 // 4 <= sum(counts) <= LIMIT


async def test_calls_are_taken_from_the_database_in_blocks(shop: Any, minute: datetime) -> None:
    till, meter = at(shop.till, minute), Meter()
    await admitted(till, meter, 1)
    assert await shop.owner.fetchval("SELECT taken FROM rate_window") == LIMIT // 20
    await shop.owner.execute("DELETE FROM rate_window")
    assert await admitted(till, meter, LIMIT // 20 - 1) == LIMIT // 20 - 1
    assert await shop.count("rate_window") == 0, "what was taken is used up first"


async def test_one_who_is_over_the_limit_costs_nothing_more(shop: Any, minute: datetime) -> None:
    till, meter = at(shop.till, minute), Meter()
    await admitted(till, meter, LIMIT)
    await shop.owner.execute("DELETE FROM rate_window")
    assert await admitted(till, meter, LIMIT) == 0
    assert await shop.count("rate_window") == 0


async def test_callers_do_not_use_up_each_others_limits(shop: Any, minute: datetime) -> None:
    till, meter = at(shop.till, minute), Meter()
    assert await admitted(till, meter, 2 * LIMIT) == LIMIT
    assert await admitted(till, meter, 2 * LIMIT, who="key_2") == LIMIT


async def test_with_the_next_minute_everybody_may_call_again(shop: Any, minute: datetime) -> None:
    meter = Meter()
    assert await admitted(at(shop.till, minute + timedelta(seconds=59)), meter, 2 * LIMIT) == LIMIT
    assert await admitted(at(shop.till, minute + timedelta(seconds=60)), meter, 2 * LIMIT) == LIMIT


async def test_a_call_that_meets_the_turn_of_a_minute_is_counted_in_the_new_one(shop: Any, minute: datetime) -> None:
    late, turned = minute + timedelta(seconds=59), minute + timedelta(seconds=60)
    for looks in range(1, 4):
        moments = iter([late] * looks)
        till = replace(shop.till, now=lambda moments=moments: next(moments, turned))
        assert (await admit(till, Meter(), f"key_{looks}", limit=LIMIT, name="It")).remaining == LIMIT - 1


async def test_a_call_that_began_in_the_minute_before_leaves_the_blocks_of_others_alone(
    shop: Any, minute: datetime
) -> None:
    meter, moment = Meter(), minute
    till = replace(shop.till, now=lambda: moment)
    async with shop.owner.transaction():  # the straggler waits for this row until the minute is over
        await shop.owner.execute("INSERT INTO rate_window (who, start, taken) VALUES ('straggler', $1, 1)", minute)
        straggling = asyncio.create_task(admit(till, meter, "straggler", limit=LIMIT, name="It"))
        await held_up(shop.owner, straggling)
        moment = minute + timedelta(minutes=1)
        await admit(till, meter, "key_1", limit=LIMIT, name="It")
    await straggling
    await shop.owner.execute("DELETE FROM rate_window")
    assert await admitted(till, meter, LIMIT // 20 - 1) == LIMIT // 20 - 1
    assert await shop.count("rate_window") == 0, "what it had taken is still there"


async def test_a_refusal_says_when_to_come_back(shop: Any, minute: datetime) -> None:
    till, meter = at(shop.till, minute + timedelta(seconds=45)), Meter()
    standing = await admit(till, meter, "key_1", limit=1, name="The key “game”")
    assert (standing.limit, standing.remaining) == (1, 0)
    assert 15 <= standing.reset_seconds <= 16
    with pytest.raises(RateLimitedError, match="The key “game” may send 1 requests a minute") as refused:
        await admit(till, meter, "key_1", limit=1, name="The key “game”")
    assert 15 <= (refused.value.retry_after_seconds or 0) <= 16
    told = refused.value.standing
    assert told
    assert (told.limit, told.remaining) == (1, 0)


async def test_what_is_left_goes_down_with_each_call(shop: Any, minute: datetime) -> None:
    till, meter = at(shop.till, minute), Meter()
    left = [(await admit(till, meter, "key_1", limit=LIMIT, name="It")).remaining for _ in range(LIMIT)]
    assert left == list(range(LIMIT - 1, -1, -1))


async def test_the_first_call_of_a_minute_leaves_those_that_are_over_to_the_worker(shop: Any, minute: datetime) -> None:
    await admitted(at(shop.till, minute - timedelta(minutes=30)), Meter(), 1)
    await admitted(at(shop.till, minute), Meter(), 1, who="key_2")
    assert await shop.count("rate_window") == 2


async def test_many_calls_at_once_take_one_block_so_that_a_process_that_dies_takes_little_along(
    shop: Any, minute: datetime
) -> None:
    till = at(shop.till, minute)
    dying = Meter()
    await asyncio.gather(*(admit(till, dying, "key_1", limit=LIMIT, name="It") for _ in range(5)))
    assert await admitted(till, Meter(), LIMIT) == LIMIT - 5
