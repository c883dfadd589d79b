"""What a payment costs where, and what saturates first with ten, a hundred and a thousand times as many of them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from statistics import median
from typing import Any

from tillkeeper import inbox
from tillkeeper.flows.settle import settle, settle_batch_max
from tillkeeper.inbox import Arrival
from tillkeeper.kernel import ids, loop
from tillkeeper.ops.bench import (
    ingest,
    machine,
    payments,
    pipeline,
    processor,
    queueing,
    references,
    settling,
    soak,
    volleys,
)
from tillkeeper.ops.bench.ground import Ground, opened
from tillkeeper.ops.bench.queueing import MICROSECONDS, Costs, Foreseen, Plant
from tillkeeper.till import Till

today_per_second = soak.webhooks_per_minute // 60
FACTORS = (1, 10, 100, 1_000)
busy_percent_max = 70
"""How busy a part may be on average; beyond that, chance alone makes long queues."""
singles, lots = 40, 10
simulated_seconds = 20
simulated_webhooks_max = 400_000
seconds_per_year = 365 * 86_400
GIB = 1024**3
POSTGRES = "PostgreSQL"
CHANNEL = "till_bench"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Hold what a load takes: processes, cores for PostgreSQL, and what goes to its disk."""

    per_second: int
    plant: Plant
    postgres_cores: int
    wal_mib_per_second: int
    gib_per_year: int
    foreseen: Foreseen


@dataclass(slots=True, kw_only=True)
class ScalingReport:
    """Hold what was measured, and what follows from it."""

    machine: Mapping[str, object]
    costs: Costs | None = None
    postgres_us: int = 0
    wal_bytes: int = 0
    stored_bytes: int = 0
    measured_ms: Mapping[str, int] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Shape the report."""
        assert self.costs, "it was measured"
        return {
            "machine": dict(self.machine),
            "costs": asdict(self.costs) | {"postgres_us": self.postgres_us},
            "bytes_per_payment": {"wal": self.wal_bytes, "stored": self.stored_bytes},
            "measured_at_1": dict(self.measured_ms),
            "needs": [asdict(need) | {"holds": need.foreseen.holds} for need in self.needs],
            "invariants": "; ".join(self.wrong) or "ok",
        }


def run(*, seconds: int, database_url: str | None, say: Say) -> ScalingReport:
    """Measure what a payment costs, and reckon; raises BenchError."""
    report = ScalingReport(machine=machine.describe())
    say("scaling: what each part costs")
    with opened(database_url) as ground:
        take_us = _take_us(ground, seconds)
    with opened(database_url) as ground:
        report.costs = _costs(ground, take_us)
        with ground.api(), ground.process("worker", "worker"):
            say(f"scaling: {today_per_second} a second for {seconds} s, with real processes")
            _measure_today(ground, report, seconds)
        shares = {part.name: part.nanoseconds // 1000 for part in processor.pipeline_parts(ground, seconds)}
        report.postgres_us = shares.get(POSTGRES, 0)
    report.needs = [need(report, today_per_second * factor) for factor in FACTORS]
    return report


def need(report: ScalingReport, per_second: int) -> Need:
    """Reckon how many of everything a load takes, and let a model say how long webhooks wait then."""
    assert report.costs, "it was measured"
    costs = report.costs
    each_us = costs.settle_us + costs.batch_us // settle_batch_max
    plant = Plant(api=_how_many(per_second * costs.take_us), workers=_how_many(per_second * each_us))
    seconds = max(1, min(simulated_seconds, simulated_webhooks_max // per_second))
    return Need(
        per_second=per_second,
        plant=plant,
        postgres_cores=_how_many(per_second * report.postgres_us),
        wal_mib_per_second=per_second * report.wal_bytes // 1024**2,
        gib_per_year=per_second * report.stored_bytes * seconds_per_year // GIB,
        foreseen=queueing.simulate(costs, plant, per_second=per_second, seconds=seconds),
    )


def _how_many(busy_us: int) -> int:
    """Tell how many processes share so many microseconds of work a second without queues that chance makes long."""
    return max(1, -(-busy_us * 100 // (busy_percent_max * MICROSECONDS)))


def _take_us(ground: Ground, seconds: int) -> int:
    """Measure what one process needs for a webhook when it does nothing else; nobody knows their payments."""
    references.prepare(ground)
    with ingest.opened(ground) as subject:
        return MICROSECONDS // subject.measure(seconds)["ingest"]


def _costs(ground: Ground, take_us: int) -> Costs:
    with loop.runner() as runner:
        till = runner.run(ground.open_till())
        try:
            commit_us, wake_us = runner.run(_commit_us(till)), runner.run(_wake_us(till))
            one_us = median(_settled_us(ground, runner, till, number, 1) for number in range(singles))
            lot_us = median(
                _settled_us(ground, runner, till, 10**4 + number * settle_batch_max, settle_batch_max)
                for number in range(lots)
            )
        finally:
            runner.run(till.close())
    settle_us = round(lot_us - one_us) // (settle_batch_max - 1)
    return Costs(
        take_us=take_us,
        commit_us=commit_us,
        wake_us=wake_us,
        batch_us=max(0, round(one_us) - settle_us),
        settle_us=settle_us,
    )


def _settled_us(ground: Ground, runner: asyncio.Runner, till: Till, first: int, count: int) -> int:
    """Time the settling of so many webhooks that are there already."""
    numbers = range(2 * 10**8 + first, 2 * 10**8 + first + count)
    payments.open_checkouts(ground, numbers)
    runner.run(settling.fill(till, ground.secret, numbers))
    return runner.run(_timed(lambda: settle(till)))


async def _timed(work: Callable[[], Any]) -> int:
    start = time.perf_counter_ns()
    await work()
    return (time.perf_counter_ns() - start) // 1000


async def _commit_us(till: Till) -> int:
    """Time how long it takes until one webhook is on the disk."""

    async def store(number: int) -> None:
        body = till.box.seal(b"x" * 1_750)
        arrival = Arrival(
            id=ids.new(),
            gateway="stripe",
            event_id=f"evt_cost_{number}",
            content_sha=number.to_bytes(32),
            type="bench.ignored",
            body=body,
            version=None,
        )
        async with till.db.statement() as tx:
            await inbox.receive(tx, [arrival])

    taken = [await _timed(partial(store, number)) for number in range(1, singles + 1)]
    async with till.db.transaction() as tx:
        await tx.execute(
            "UPDATE inbox_message SET status = 'ignored', finished_at = now() WHERE type = 'bench.ignored'"
        )
    return round(median(taken))


async def _wake_us(till: Till) -> int:
    """Time from a notification to whoever listens for it."""
    heard = asyncio.Event()
    listener = await till.db.listen(CHANNEL, heard.set)

    async def ring() -> None:
        heard.clear()
        async with till.db.transaction() as tx:
            await tx.execute("SELECT pg_notify($1, '')", CHANNEL)
        await asyncio.wait_for(heard.wait(), timeout=5)

    try:
        return round(median([await _timed(ring) for _ in range(singles)]))
    finally:
        await listener.close()


def _measure_today(ground: Ground, report: ScalingReport, seconds: int) -> None:
    """Send today's load through real processes that have warmed up, and read what it left on the disk."""
    _send(ground, 5 * 10**8, 1)
    before = _written(ground)
    delivery = _send(ground, 4 * 10**8, seconds)
    count, after = today_per_second * seconds, _written(ground)
    if delivery.delivered != count:
        report.wrong.append(f"{count} payments were told of, and {delivery.delivered} were delivered")
    report.wal_bytes, report.stored_bytes = ((now - then) // count for then, now in zip(before, after, strict=True))
    report.measured_ms = {"p50": delivery.lag_p50_ms, "p99": delivery.lag_p99_ms}


def _send(ground: Ground, first: int, seconds: int) -> pipeline.Delivery:
    numbers = range(first, first + today_per_second * seconds)
    payments.open_checkouts(ground, numbers)
    volleys.fire(ground, first=first, count=len(numbers), seconds=2 * seconds, per_second=today_per_second)
    pipeline.await_drained(ground)
    return pipeline.account(ground, numbers)


def _written(ground: Ground) -> tuple[int, int]:
    lsn = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
    return ground.count(lsn), ground.count("SELECT pg_database_size(current_database())")
