"""The model of the way of a webhook says what arithmetic can check, and the reckoning rests on it."""

from dataclasses import replace

import pytest

from tillkeeper.ops.bench import queueing, scaling
from tillkeeper.ops.bench.queueing import Costs, Plant
from tillkeeper.ops.bench.scaling import ScalingReport

COSTS = Costs(take_us=100, commit_us=1_000, wake_us=500, batch_us=5_000, settle_us=400)


def test_a_webhook_that_meets_nobody_takes_what_its_parts_take() -> None:
    seen = queueing.simulate(COSTS, Plant(), per_second=1, seconds=100)
    assert seen.p50_ms == (100 + 1_000 + 500 + 5_000 + 400) // 1000
    assert seen.holds


def test_more_than_a_worker_can_do_waits_longer_and_longer() -> None:
    some = queueing.simulate(COSTS, Plant(), per_second=3_000, seconds=2)
    more = queueing.simulate(COSTS, Plant(), per_second=3_000, seconds=8)
    assert not some.holds
    assert more.p99_ms > 2 * some.p99_ms > 0


def test_a_second_worker_halves_how_busy_workers_are() -> None:
    one = queueing.simulate(COSTS, Plant(), per_second=1_500, seconds=2)
    two = queueing.simulate(COSTS, Plant(workers=2), per_second=1_500, seconds=2)
    assert two.workers_percent in range(one.workers_percent // 2 - 1, one.workers_percent // 2 + 2)
    assert two.p99_ms <= one.p99_ms


def test_an_api_that_cannot_keep_up_is_named() -> None:
    seen = queueing.simulate(replace(COSTS, take_us=2_000), Plant(workers=4), per_second=1_000, seconds=2)
    assert (seen.api_percent, seen.holds) == (200, False)


@pytest.mark.parametrize("factor", scaling.FACTORS)
def test_what_is_reckoned_for_a_load_keeps_up_with_it(factor: int) -> None:
    report = ScalingReport(machine={}, costs=COSTS, postgres_us=200, wal_bytes=10_000, stored_bytes=5_000)
    found = scaling.need(report, scaling.today_per_second * factor)
    assert found.foreseen.holds
    assert found.foreseen.p99_ms < 100
    assert found.gib_per_year == found.per_second * 5_000 * 31_536_000 // 1024**3


@pytest.mark.timeout(180)
def test_the_costs_are_measured_and_what_was_sent_was_delivered() -> None:
    report = scaling.run(seconds=1, database_url=None, say=lambda _: None)
    assert report.wrong == []
    assert report.costs
    assert min(report.costs.take_us, report.costs.commit_us, report.costs.wake_us, report.costs.settle_us) > 0
    assert min(report.postgres_us, report.wal_bytes, report.measured_ms["p50"]) > 0
    assert [need.per_second // scaling.today_per_second for need in report.needs] == list(scaling.FACTORS)
