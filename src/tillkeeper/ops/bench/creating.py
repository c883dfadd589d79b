"""A thousand payments wished for at once, while the gateway takes its time: `POST /api/v1/payments` as a whole.

In the same round the same wishes go to the least that creating a payment can be.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from tillkeeper.access import KeyKind
from tillkeeper.flows.authorize import issue
from tillkeeper.ops.bench import volleys
from tillkeeper.ops.bench.beside import beside
from tillkeeper.ops.bench.generator import CREATED, Load, Result
from tillkeeper.ops.bench.ground import HOST, Ground
from tillkeeper.ops.bench.subject import Rates, Subject

creations_at_once = 1_000
warm_up_creations = 50
latency_ms = 300
all_seconds_max = 60
OURS = """
SELECT count(*), count(*) FILTER (WHERE status <> 'requires_action' OR gateway_reference IS NULL) FROM payment"""
WISHES = "CREATE TABLE bench_wish (id uuid PRIMARY KEY, key text NOT NULL UNIQUE, wish text NOT NULL, answer text)"
LEAST = "SELECT count(*), count(*) FILTER (WHERE answer IS NULL) FROM bench_wish"


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Start a slow gateway, `till serve --no-worker` and the least, and let them warm up before anything counts."""
    fired: list[int] = []
    wrong: list[str] = []

    def fire(count: int) -> tuple[Result, Result]:
        first = sum(fired)
        fired.append(count)
        results = [_fire(port, key, range(first, first + count)) for port in (least_port, ground.port)]
        for result in results:
            failed = count - result.answers.get(CREATED, 0)
            if failed:
                wrong.append(f"{failed} of {count} creations did not open a checkout: {result.answers}")
        return results[0], results[1]

    def prove() -> list[str]:
        for made, failed in (ground.sql(OURS).split("|"), ground.sql(LEAST).split("|")):
            if int(made) != sum(fired) or int(failed):
                wrong.append(f"{sum(fired)} payments were wished for, {made} are there, {failed} of them not opened")
        return wrong

    def measure(_: int) -> Rates:
        reference, result = fire(creations_at_once)
        return {
            "create_least_mean_ms": reference.latency_mean_us // 1000,
            "create_mean_ms": result.latency_mean_us // 1000,
            "create_p99_ms": result.latency_p99_us // 1000,
            "create_least_per_second": _per_second(reference),
            "create_per_second": _per_second(result),
        }

    with _counterparty() as address:
        ground.gateway = address
        key = asyncio.run(_key(ground))
        with ground.api(), _least(ground) as least_port:
            fire(warm_up_creations)
            yield Subject(measure=measure, prove=prove)


def _fire(port: int, key: str, numbers: range) -> Result:
    """Send wishes all at once, and wait for what becomes of them."""
    at_once = len(numbers)
    timeout_ms = all_seconds_max * 1000
    load = Load(
        port=port, secret="", first=numbers[0], count=at_once, duration_ms=timeout_ms, connections=at_once, key=key
    )
    with volleys.loaded(load) as process:
        volleys.start(process)
        return volleys.collect(process)


def _per_second(result: Result) -> int:
    return result.answers.get(CREATED, 0) * 1000 // max(result.elapsed_ms, 1)


@contextmanager
def _least(ground: Ground) -> Iterator[int]:
    """Run the least that a creation can be until the block ends, and tell its port."""
    ground.sql(f"DROP TABLE IF EXISTS bench_wish; {WISHES}")
    told = {"database_url": ground.owner_url, "gateway": ground.gateway}
    with beside("least.creation", told=json.dumps(told)) as port:
        yield port


@contextmanager
def _counterparty() -> Iterator[str]:
    """Run the slow gateway until the block ends, and tell its address."""
    with beside("counterparty", str(latency_ms)) as port:
        yield f"http://{HOST}:{port}"


async def _key(ground: Ground) -> str:
    till = await ground.open_till()
    try:
        _, key = await issue(till, "bench", scopes=["write"], kind=KeyKind.SECRET, expires_at=None)
    finally:
        await till.close()
    return key
