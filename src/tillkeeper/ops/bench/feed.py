"""The live feed: whether open pages hear of everything at once while many payments come in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from uuid import UUID

import httpx2

from tillkeeper import outbox
from tillkeeper.flows.watch import newest
from tillkeeper.kernel import clock
from tillkeeper.ops.bench.ground import HOST, Ground, ready_timeout_seconds
from tillkeeper.outbox import Event
from tillkeeper.till import Till

payments_per_second = 200
tick_ms = 50
pages_open = 20
patience_seconds = 10
percentile = 95
STREAM = "/admin/live"
TOLD = ("payment.created", "payment.succeeded", "fulfilment.delivered")
"""What is told of a payment that goes well."""
Elapsed = Callable[[], int]
ONE = "SELECT id FROM payment LIMIT 1"
MANY = "SELECT id FROM payment ORDER BY created_at DESC LIMIT $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Hold how late open pages heard of what was committed, in milliseconds, each page of each portion."""

    pages: int
    events: int
    took_ms: int
    late_ms: Sequence[int]
    missed: int
    """How often a page did not hear of a portion in time."""

    def as_json(self) -> dict[str, object]:
        """Shape the figures."""
        late = sorted(self.late_ms)
        return {
            "payments_per_second": self.events * 1000 // len(TOLD) // self.took_ms,
            "pages_open": self.pages,
            "events": self.events,
            "p50_ms": round(median(late)) if late else None,
            "p95_ms": late[(len(late) * percentile - 1) // 100] if late else None,
            "max_ms": max(late, default=None),
            "missed": self.missed,
        }


async def measure(ground: Ground, cookies: Mapping[str, str], *, seconds: int) -> Feed:
    """Let events come in as fast as those of so many payments, and open pages listen; a worker must be running."""
    till = await ground.open_till()
    heard: list[list[tuple[int, int]]] = [[] for _ in range(pages_open)]
    try:
        first = await _awake(till)
        last = first + len(TOLD) * payments_per_second * seconds
        elapsed_ms = clock.timer_ms()
        async with asyncio.TaskGroup() as pages, httpx2.AsyncClient(trust_env=False, cookies=dict(cookies)) as browser:
            url = f"http://{HOST}:{ground.port}{STREAM}?after={first}"
            listening = [pages.create_task(_listen(browser, url, last, each, elapsed_ms)) for each in heard]
            told = await _tell(till, first, last, elapsed_ms)
            await asyncio.wait(listening, timeout=patience_seconds)
            for each in listening:
                each.cancel()
    finally:
        await till.close()
    late = [_late(each, seq, at) for each in heard for seq, at in told]
    known = [each for each in late if each is not None]
    missed = len(late) - len(known)
    return Feed(pages=pages_open, events=last - first, took_ms=told[-1][1], late_ms=known, missed=missed)


async def _awake(till: Till) -> int:
    """Wait until the worker gives events their numbers; return the newest."""
    before = await newest(till)
    async with till.db.transaction() as tx:
        payment: UUID = await tx.fetchval(ONE)
        await outbox.announce(tx, _events([payment], -1))
    async with asyncio.timeout(ready_timeout_seconds):
        while await newest(till) < before + len(TOLD):  # noqa: ASYNC110 (another process ends it)
            await asyncio.sleep(tick_ms / 1000)
    return before + len(TOLD)


async def _tell(till: Till, first: int, last: int, elapsed_ms: Elapsed) -> list[tuple[int, int]]:
    """Commit a portion of events at a time; return the last number of each portion and when it was committed."""
    async with till.db.transaction(read_only=True) as tx:
        payments = [row["id"] for row in await tx.fetch(MANY, payments_per_second * tick_ms // 1000)]
    told: list[tuple[int, int]] = []
    seq = first
    while seq < last:
        await asyncio.sleep(max(0, tick_ms * len(told) - elapsed_ms()) / 1000)
        events = _events(payments, len(told))[: last - seq]
        async with till.db.transaction() as tx:
            await outbox.announce(tx, events)
        seq += len(events)
        told.append((seq, elapsed_ms()))
    return told


def _events(payments: Sequence[UUID], portion: int) -> list[Event]:
    return [
        Event(type=kind, subject=each, payment=each, data={"payment": str(each)}, occasion=f"bench {portion}")
        for each in payments
        for kind in TOLD
    ]


async def _listen(
    browser: httpx2.AsyncClient, url: str, last: int, heard: list[tuple[int, int]], elapsed_ms: Elapsed
) -> None:
    """Note up to which number a page has heard, and when, until it has heard everything."""
    async with browser.stream("GET", url, timeout=None) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if not line.startswith("id: "):
                continue
            heard.append((int(line.removeprefix("id: ")), elapsed_ms()))
            if heard[-1][0] >= last:
                return


def _late(heard: Sequence[tuple[int, int]], seq: int, at: int) -> int | None:
    """Tell how long after its commit a portion was heard of; None where it never was."""
    return next((when - at for number, when in heard if number >= seq), None)
