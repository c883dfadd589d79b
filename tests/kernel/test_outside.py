"""Calls that leave this process are counted, wherever they are made from."""

import asyncio

from tillkeeper.kernel import outside


def test_nothing_that_left_is_nothing_counted() -> None:
    with outside.counting() as tally:
        pass
    assert tally.calls == 0


def test_a_call_that_nobody_counts_is_made_all_the_same() -> None:
    outside.leave()


async def test_calls_of_tasks_within_are_counted_and_those_beside_are_not() -> None:
    async def call() -> None:
        outside.leave()

    with outside.counting() as ours:
        await asyncio.gather(call(), call())
        with outside.counting() as inner:
            outside.leave()
    outside.leave()
    assert (ours.calls, inner.calls) == (2, 1)
