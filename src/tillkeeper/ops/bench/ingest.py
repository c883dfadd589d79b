"""Webhooks taken in by one real API process: verified, stored durably, acknowledged.

In the same round the same webhooks go to the least that taking them in can be.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tillkeeper.ops.bench import references, volleys
from tillkeeper.ops.bench.beside import beside
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.subject import INSERT_LIMIT, Rates, Subject
from tillkeeper.ops.bench.volleys import Tally, per_second_max

first_number = 0
warm_up_seconds = 1
many_connections = 1_000
ROWS = "SELECT count(*) FROM inbox_message"
LEAST = "CREATE TABLE bench_arrival (event text PRIMARY KEY, type text NOT NULL, body bytea NOT NULL)"
LEAST_ROWS = "SELECT count(*) FROM bench_arrival"


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Start `till serve --no-worker` and the least, and let them warm up before anything counts."""
    ours, least = Tally(), Tally()
    numbers = iter(range(first_number, 10**9, per_second_max))

    def fire(name: str, seconds: int, tally: Tally = ours, connections: int = 64, port: int = 0) -> Rates:
        ground.sql("ANALYZE")
        firsts = [next(numbers) for _ in range(seconds)]
        count = per_second_max * seconds
        result = volleys.fire(ground, first=firsts[0], count=count, seconds=seconds, connections=connections, port=port)
        tally.add(result)
        return {name: volleys.rate(result), f"{name}_p99_ms": result.latency_p99_us // 1000}

    def measure(seconds: int) -> Rates:
        limit = references.measure_insert_limit(ground, seconds)
        return {
            INSERT_LIMIT: limit,
            **fire("ingest_least", seconds, least, port=least_port),
            **fire("ingest", seconds),
            **fire("ingest_1000", seconds, connections=many_connections),
        }

    def prove_both() -> list[str]:
        short = compare(least, ground.count(LEAST_ROWS))
        return prove(ground, ours, before) + [f"the least: {each}" for each in short]

    before = ground.count(ROWS)
    ground.sql(f"DROP TABLE IF EXISTS bench_arrival; {LEAST}")
    told = {"database_url": ground.owner_url, "secret": ground.secret}
    with ground.api(), beside("least.intake", told=json.dumps(told)) as least_port:
        fire("warm up", warm_up_seconds)
        fire("warm up of the least", warm_up_seconds, least, port=least_port)
        yield Subject(measure=measure, prove=prove_both)


def prove(ground: Ground, tally: Tally, before: int) -> list[str]:
    """Compare what was acknowledged with the rows that have come, those of copies too."""
    copies = ground.count("SELECT count(*) FROM inbox_duplicate")
    wrong = compare(tally, ground.count(ROWS) - before)
    if copies != tally.duplicates:
        wrong.append(f"{tally.duplicates} webhooks were acknowledged as copies, and {copies} are counted")
    return wrong


def compare(tally: Tally, rows: int) -> list[str]:
    """Compare what was acknowledged as new with the rows that have come."""
    wrong = []
    if rows != tally.accepted:
        wrong.append(f"{tally.accepted} webhooks were acknowledged as new, and {rows} are stored")
    if tally.others:
        wrong.append(f"{tally.others} answers were not what the request called for")
    if not tally.forged:
        wrong.append("no forged webhook was refused, so nothing proves that signatures were checked")
    return wrong
