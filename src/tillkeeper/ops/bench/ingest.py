"""Webhooks taken in by one real API process: verified, stored durably, acknowledged."""

from collections.abc import Iterator
from contextlib import contextmanager

from tillkeeper.ops.bench import references, volleys
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.subject import INSERT_LIMIT, Rates, Subject
from tillkeeper.ops.bench.volleys import Tally, per_second_max

first_number = 0
warm_up_seconds = 1


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Start `till serve --no-worker`, and let it warm up before anything counts."""
    tally, numbers = Tally(), iter(range(first_number, 10**9, per_second_max))
    latency: dict[str, list[int]] = {"p50": [], "p99": []}

    def fire(seconds: int) -> int:
        first = next(numbers)
        for _ in range(seconds - 1):
            next(numbers)
        result = volleys.fire(ground, first=first, count=per_second_max * seconds, seconds=seconds)
        tally.add(result)
        latency["p50"].append(result.latency_p50_us)
        latency["p99"].append(result.latency_p99_us)
        return volleys.rate(result)

    def measure(seconds: int) -> Rates:
        limit = references.measure_insert_limit(ground, seconds)
        return {INSERT_LIMIT: limit, "ingest": fire(seconds)}

    with ground.api():
        fire(warm_up_seconds)
        yield Subject(measure=measure, prove=lambda: prove(ground, tally))


def prove(ground: Ground, tally: Tally) -> list[str]:
    """Compare what was acknowledged with the rows that are there."""
    rows = ground.count("SELECT count(*) FROM inbox_message")
    copies = ground.count("SELECT count(*) FROM inbox_duplicate")
    wrong = []
    if rows != tally.accepted:
        wrong.append(f"{tally.accepted} webhooks were acknowledged as new, and {rows} are stored")
    if copies != tally.duplicates:
        wrong.append(f"{tally.duplicates} webhooks were acknowledged as copies, and {copies} are counted")
    if tally.others:
        wrong.append(f"{tally.others} answers were not what the request called for")
    if not tally.forged:
        wrong.append("no forged webhook was refused, so nothing proves that signatures were checked")
    return wrong
