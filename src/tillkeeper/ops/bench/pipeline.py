"""The whole way: a real API takes webhooks in, a real worker delivers, until nothing is left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tillkeeper.kernel import clock
from tillkeeper.ops.bench import payments, references, volleys
from tillkeeper.ops.bench.ground import BenchError, Ground
from tillkeeper.ops.bench.subject import INSERT_LIMIT, Rates, Subject
from tillkeeper.ops.bench.volleys import Tally
from tillkeeper.ops.bench.webhooks import payment_id

webhooks_per_second_max = 8_000
drain_timeout_seconds = 120
poll_ms = 200
warm_up_seconds = 3
calm_per_second = 200
"""At this pace nothing waits for its turn, and what is told is how long a payment itself takes."""
warm_up_webhooks = 3_000
"""Enough that statistics taken afterwards speak of tables that are in use."""

WAITING = "SELECT count(*) FROM inbox_message WHERE status IN ('received', 'parked')"
BEHIND = "SELECT (SELECT count(*) FROM outbox_event WHERE seq IS NULL) + (SELECT count(*) FROM unsealed)"
"""What is still to be announced and sealed of what was delivered: a rest of another load, when one begins."""
DELIVERED = """
    SELECT count(*) FROM payment
    WHERE id BETWEEN '{first}' AND '{last}' AND status = 'succeeded' AND amount_captured = amount
      AND EXISTS (SELECT FROM entitlement WHERE payment_id = payment.id)
      AND EXISTS (SELECT FROM journal WHERE (source, source_id, kind) = ('payment', payment.id::text, 'capture'))
      AND EXISTS (SELECT FROM outbox_event WHERE payment_id = payment.id AND type = 'payment.succeeded')"""
TIMES = """
    SELECT (extract(epoch FROM max(finished_at) - min(received_at)) * 1000)::bigint, (extract(epoch FROM
           percentile_disc(0.5) WITHIN GROUP (ORDER BY finished_at - received_at)) * 1000)::bigint, (extract(epoch FROM
           percentile_disc(0.99) WITHIN GROUP (ORDER BY finished_at - received_at)) * 1000)::bigint
    FROM inbox_message WHERE payment_id BETWEEN '{first}' AND '{last}'"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold what came out at the other end, and when: from the first arrival to the last effect."""

    delivered: int
    elapsed_ms: int
    lag_p50_ms: int
    lag_p99_ms: int

    @property
    def rate(self) -> int:
        """Tell how many payments a second were delivered."""
        return self.delivered * 1000 // max(self.elapsed_ms, 1)


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Start `till serve --no-worker` and `till worker`, each a process of its own, and warm them up."""
    tally, numbers = Tally(), iter(range(0, 10**9, webhooks_per_second_max))

    def run(wanted: Sequence[int], seconds: int, per_second: int = 0) -> Delivery:
        payments.open_checkouts(ground, wanted)
        tally.add(volleys.fire(ground, first=wanted[0], count=len(wanted), seconds=seconds, per_second=per_second))
        await_drained(ground)
        return account(ground, wanted)

    def measure(seconds: int) -> Rates:
        limit = references.measure_insert_limit(ground, seconds)
        firsts = [next(numbers) for _ in range(seconds)]
        all_out = run(range(firsts[0], firsts[-1] + webhooks_per_second_max), seconds)
        _await_none(ground, BEHIND)
        first = next(numbers)
        calm = run(range(first, first + calm_per_second * seconds), seconds, calm_per_second)
        return {
            INSERT_LIMIT: limit,
            "end_to_end": all_out.rate,
            "end_to_end_lag_p99_ms": all_out.lag_p99_ms,
            "lag_p99_ms": calm.lag_p99_ms,
        }

    with ground.api(), ground.process("worker", "worker"):
        first = next(numbers)
        run(range(first, first + warm_up_webhooks), warm_up_seconds)
        yield Subject(measure=measure, prove=lambda: prove(ground, tally))


def await_drained(ground: Ground) -> None:
    """Wait until every stored webhook has had its effect."""
    _await_none(ground, WAITING)


def _await_none(ground: Ground, waiting: str) -> None:
    elapsed_ms = clock.timer_ms()
    while left := ground.count(waiting):
        if elapsed_ms() > drain_timeout_seconds * 1000:
            message = f"{left} were still waiting after {drain_timeout_seconds} s: {waiting}."
            raise BenchError(message)
        clock.pause_ms(poll_ms)


def account(ground: Ground, numbers: Sequence[int]) -> Delivery:
    """Count the payments that have their state, goods, books and event, by the database's own clock."""
    bounds = {"first": payment_id(numbers[0]), "last": payment_id(numbers[-1])}
    delivered = ground.count(DELIVERED.format(**bounds))
    return Delivery(delivered, *(int(part or 0) for part in ground.sql(TIMES.format(**bounds)).split("|")))


def prove(ground: Ground, tally: Tally) -> list[str]:
    """Compare what was acknowledged with what was delivered."""
    rows = ground.count("SELECT count(*) FROM inbox_message WHERE status = 'processed'")
    delivered = ground.count(DELIVERED.format(first=payment_id(0), last=payment_id(10**9)))
    wrong = []
    if not rows == delivered == tally.accepted:
        wrong.append(f"{tally.accepted} webhooks were acknowledged as new, {rows} processed, {delivered} delivered")
    if tally.others:
        wrong.append(f"{tally.others} answers were not what the request called for")
    return wrong
