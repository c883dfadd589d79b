"""A thousand payments wished for at once, while the gateway takes its time: `POST /api/v1/payments` as a whole."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tillkeeper.access import KeyKind
from tillkeeper.flows.authorize import issue
from tillkeeper.ops.bench import volleys
from tillkeeper.ops.bench.generator import CREATED, Load, Result
from tillkeeper.ops.bench.ground import HOST, Ground
from tillkeeper.ops.bench.subject import Rates, Subject

creations_at_once = 1_000
warm_up_creations = 50
latency_ms = 300
all_seconds_max = 60
FAILED = "SELECT count(*) FROM payment WHERE status <> 'requires_action' OR gateway_reference IS NULL"


@contextmanager
def opened(ground: Ground) -> Iterator[Subject]:
    """Start a slow gateway and `till serve --no-worker`, and let it warm up before anything counts."""
    ordered: list[int] = []
    wrong: list[str] = []

    def fire(key: str, count: int) -> Result:
        first = sum(ordered)
        ordered.append(count)
        load = Load(
            port=ground.port,
            secret="",
            first=first,
            count=count,
            duration_ms=all_seconds_max * 1000,
            connections=count,
            key=key,
        )
        with volleys.loaded(load) as process:
            volleys.start(process)
            result = volleys.collect(process)
        failed = count - result.answers.get(CREATED, 0)
        if failed:
            wrong.append(f"{failed} of {count} creations did not open a checkout: {result.answers}")
        return result

    def prove() -> list[str]:
        made, failed = ground.count("SELECT count(*) FROM payment"), ground.count(FAILED)
        if made != sum(ordered) or failed:
            wrong.append(f"{sum(ordered)} payments were wished for, {made} are there, {failed} of them not opened")
        return wrong

    def measure(_: int) -> Rates:
        result = fire(key, creations_at_once)
        return {
            "create_mean_ms": result.latency_mean_us // 1000,
            "create_p99_ms": result.latency_p99_us // 1000,
            "create_per_second": result.answers.get(CREATED, 0) * 1000 // max(result.elapsed_ms, 1),
        }

    with _counterparty() as address:
        ground.gateway = address
        key = asyncio.run(_key(ground))
        with ground.api():
            fire(key, warm_up_creations)
            yield Subject(measure=measure, prove=prove)


@contextmanager
def _counterparty() -> Iterator[str]:
    """Run the slow gateway until the block ends, and tell its address."""
    command = [sys.executable, "-m", "tillkeeper.ops.bench.counterparty", str(latency_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin, "it was asked for"
        assert process.stdout, "it was asked for"
        try:
            yield f"http://{HOST}:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def _key(ground: Ground) -> str:
    till = await ground.open_till()
    try:
        _, key = await issue(till, "bench", scopes=["write"], kind=KeyKind.SECRET, expires_at=None)
    finally:
        await till.close()
    return key
