"""Webhooks taken in by one real API process: verified, stored durably, acknowledged."""

from collections.abc import Iterator
from contextlib import contextmanager

from tillkeeper.ops.bench import references, volleys
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.subject import INSERT_LIMIT, Rates, Subject
from tillkeeper.ops.bench.volleys import Tally, per_second_max

first_number = 0
warm_up_seconds = 1
many_connections = 1_000
ROWS = "SELECT count(*) FROM inbox_message"


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Start `till serve --no-worker`, and let it warm up before anything counts."""
    tally, numbers = Tally(), iter(range(first_number, 10**9, per_second_max))

    def fire(name: str, seconds: int, connections: int = 64) -> Rates:
        ground.sql("ANALYZE")
        firsts = [next(numbers) for _ in range(seconds)]
        result = volleys.fire(
            ground, first=firsts[0], count=per_second_max * seconds, seconds=seconds, connections=connections
        )
        tally.add(result)
        return {name: volleys.rate(result), f"{name}_p99_ms": result.latency_p99_us // 1000}

    def measure(seconds: int) -> Rates:
        limit = references.measure_insert_limit(ground, seconds)
        return {
            INSERT_LIMIT: limit,
            **fire("ingest", seconds),
            **fire("ingest_1000", seconds, many_connections),
        }

    before = ground.count(ROWS)
    with ground.api():
        fire("warm up", warm_up_seconds)
        yield Subject(measure=measure, prove=lambda: prove(ground, tally, before))


def prove(ground: Ground, tally: Tally, before: int) -> list[str]:
    """Compare what was acknowledged with the rows that have come."""
    rows = ground.count(ROWS) - before
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
