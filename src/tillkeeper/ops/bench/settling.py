"""Stored webhooks applied to their payments by `flows.settle` in this process, from an inbox filled beforehand."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tillkeeper.flows.receive import Intake, receive
from tillkeeper.flows.settle import settle
from tillkeeper.kernel import clock, loop
from tillkeeper.ops.bench import payments, references
from tillkeeper.ops.bench.ground import BenchError, Ground
from tillkeeper.ops.bench.subject import INSERT_LIMIT, Rates, Subject
from tillkeeper.ops.bench.webhooks import body, signature
from tillkeeper.till import Till

webhooks_per_second = 1_500
"""How many are laid in for each second to be measured; all of them are settled, however long it takes."""
filling_batch = 200
LEFT = "SELECT count(*) FROM inbox_message WHERE status <> 'processed'"


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Open a till in this process."""
    with loop.runner() as runner:
        till = runner.run(ground.open_till())
        numbers = iter(range(0, 10**9, webhooks_per_second))

        def measure(seconds: int) -> Rates:
            limit = references.measure_insert_limit(ground, seconds)
            firsts = [next(numbers) for _ in range(seconds)]
            wanted = range(firsts[0], firsts[-1] + webhooks_per_second)
            return {INSERT_LIMIT: limit, "settle": lay_in_and_settle(ground, till, runner, wanted)}

        before = ground.count(LEFT)
        try:
            yield Subject(measure=measure, prove=lambda: prove(ground, before))
        finally:
            runner.run(till.close())


def lay_in_and_settle(ground: Ground, till: Till, runner: asyncio.Runner, wanted: Sequence[int]) -> int:
    """Fill the inbox, and only then measure; return how many were settled a second."""
    payments.open_checkouts(ground, wanted)
    runner.run(fill(till, ground.secret, wanted))
    ground.sql("ANALYZE inbox_message")
    return runner.run(settle_all(till, len(wanted)))


async def fill(till: Till, secret: str, numbers: Sequence[int]) -> None:
    """Take webhooks in as the API does, without its HTTP."""
    intake = Intake(till)
    now = int(clock.now().timestamp())
    for start in range(0, len(numbers), filling_batch):
        bodies = [body(number) for number in numbers[start : start + filling_batch]]
        await asyncio.gather(
            *(
                receive(intake, "stripe", {"stripe-signature": f"t={now},v1={signature(each, secret, now)}"}, each)
                for each in bodies
            )
        )


async def settle_all(till: Till, waiting: int) -> int:
    """Settle until nothing is left; return how many that was a second."""
    elapsed_ms = clock.timer_ms()
    done = 0
    while count := await settle(till):
        done += count
    if done != waiting:
        message = f"{waiting} webhooks were laid in, and {done} were settled."
        raise BenchError(message)
    return done * 1000 // max(elapsed_ms(), 1)


def prove(ground: Ground, before: int) -> list[str]:
    """Make sure that every message ended as processed."""
    left = ground.count(LEFT) - before
    return [f"{left} of the settled webhooks were not processed"] if left else []
