"""Schedules: what one seed makes, and what is written of it."""

import json
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from tillkeeper import gateways
from tillkeeper.ops import chaos
from tillkeeper.ops.chaos import disturbing, schedule, stage, wishes
from tillkeeper.ops.chaos.schedule import LASTS_MS, ScheduleError, What
from tillkeeper.sandbox_kit import faults

GATEWAYS = ("paypal", "razorpay", "square", "stripe")


def drawn(seed: int = 5, disturbances: int = 60, kills: int = 0) -> schedule.Schedule:
    return schedule.draw(seed, payments=300, disturbances=disturbances, kills=kills, gateways=GATEWAYS)


def test_the_same_seed_makes_the_same_schedule_and_another_one_another() -> None:
    assert drawn() == drawn()
    assert drawn() != drawn(seed=6)


def test_a_schedule_that_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    schedule.write(drawn(), path)
    assert schedule.read(path) == drawn()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"disturbances": [{"what": "earthquake"}]}'])
def test_what_is_no_schedule_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "schedule.json"
    path.write_text(text)
    with pytest.raises(ScheduleError, match=r"schedule\.json"):
        schedule.read(path)


def test_disturbances_come_in_order_while_people_buy_and_last_as_long_as_their_kind_may() -> None:
    each = drawn(disturbances=500).disturbances
    assert [one.after for one in each] == sorted(one.after for one in each)
    assert all(10 <= one.after <= 270 for one in each)
    assert all(LASTS_MS[one.what][0] <= one.lasts_ms <= LASTS_MS[one.what][1] for one in each)


def test_every_kind_of_disturbance_comes_and_every_part_is_met() -> None:
    each = drawn(disturbances=2_000).disturbances
    assert {one.what for one in each} == set(What) - {What.FLUSH}
    met = {one.whom for one in each}
    assert met >= {*schedule.APIS, *schedule.WORKERS, "postgres", *(f"gateway-{name}" for name in GATEWAYS)}
    assert {one.what for one in each if one.whom == "merchant"} == {
        *(What.PARTITION, What.RESET, What.LATENCY, What.LOSE),
        What.FAULT,
    }
    assert {one.how for one in each if one.what is What.FAULT} == set(schedule.FAULTS)


def test_failpoints_are_in_flows_that_are_there_and_kill_at_one_of_the_first_times() -> None:
    each = [one for one in drawn(disturbances=20_000).disturbances if one.what is What.FAILPOINT]
    assert {one.whom for one in each} == {*schedule.APIS, *schedule.WORKERS}
    for places, whom in ((schedule.API_PLACES, schedule.APIS), (schedule.WORKER_PLACES, schedule.WORKERS)):
        times = {f"{place}@{time}" for place, most in places.items() for time in range(1, most + 1)}
        assert {one.how for one in each if one.whom in whom} == times
        for place in places:
            module, _, function = place.partition("/")[0].partition(".")
            assert hasattr(import_module(f"tillkeeper.flows.{module}"), function or module)


def test_a_schedule_of_an_earlier_version_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    told = {"after": 7, "what": "failpoint", "whom": "worker-1", "lasts_ms": 2_500, "how": "committed"}
    path.write_text(
        json.dumps({"seed": 1, "payments": 9, "gateways": ["stripe"], "celery": False, "disturbances": [told]})
    )
    [each] = schedule.read(path).disturbances
    assert (each.what, each.how, each.lasts_ms) == (What.FAILPOINT, "committed", 2_500)


def test_as_many_die_as_was_asked_for() -> None:
    assert drawn(disturbances=30, kills=25).count()["kill"] == 25
    assert drawn(disturbances=30, kills=90).count()["kill"] == 30


def test_with_celery_its_workers_die_and_redis_is_emptied() -> None:
    plan = schedule.draw(5, payments=300, disturbances=300, gateways=GATEWAYS, celery=True)
    kinds, killed = plan.count(), {each.whom for each in plan.disturbances if each.what is What.KILL}
    assert kinds["flush"] > 0
    assert killed >= {"celery-1", "celery-2", "redis", "beat", "postgres"}
    assert not killed & {*schedule.WORKERS}


def test_every_fault_is_one_of_the_sandbox_which_counts_it() -> None:
    for name, wishes_ in schedule.FAULTS.items():
        faults.turned(faults.Dial(), wishes_)
        assert disturbing.COUNTED[name] in wishes_
        assert disturbing.COUNTED[name] in faults.COUNTED


def test_all_faults_together_are_still_taken_by_the_sandbox() -> None:
    everything: dict[str, object] = {}
    for wishes_ in schedule.FAULTS.values():
        everything |= wishes_
    faults.turned(faults.Dial(), everything)


def test_a_campaign_is_shared_out_over_rounds_with_seeds_that_follow_from_the_first() -> None:
    campaign = chaos.Campaign(seed=9, payments=100_000, disturbances=2_000, kills=1_000)
    rounds = list(chaos.plans(campaign))
    assert len(rounds) == 50
    assert sum(plan.payments for plan in rounds) == 100_000
    assert sum(len(plan.disturbances) for plan in rounds) == 2_000
    assert sum(plan.count()["kill"] for plan in rounds) >= 1_000
    assert len({plan.seed for plan in rounds}) == 50
    assert rounds[0].seed == 9
    assert rounds == list(chaos.plans(campaign))


def test_a_purchase_follows_from_its_seed_and_number_whatever_is_disturbed() -> None:
    assert wishes.wish(3, 17, GATEWAYS) == wishes.wish(3, 17, GATEWAYS)
    made = [wishes.wish(3, number, GATEWAYS) for number in range(1_000)]
    assert len({each.key for each in made}) == 1_000
    assert Counter(each.body["gateway"] for each in made).keys() == {*GATEWAYS, "auto"}
    refunded = Counter(
        "all" if each.refund_percent == 100 else "part" if each.refund_percent else "none" for each in made
    )
    assert min(refunded.values()) > 50


def test_a_stage_has_a_proxy_before_every_gateway_and_the_database(tmp_path: Path) -> None:
    names = tuple(stand.name for stand in gateways.stands())
    set_up = stage.Stage(tmp_path, schedule.draw(1, payments=10, disturbances=0, gateways=names))
    for name in names:
        assert str(set_up.links[f"gateway-{name}"].port) in set_up.environment[f"{name.upper()}_API_BASE"]
    assert str(set_up.links["worker-postgres"].port) in set_up.environment["DATABASE_URL"]
    assert str(set_up.links["webhooks-api"].port) in set_up.environment["TILL_PUBLIC_URL"]
    assert "merchant" in set_up.links
    assert set_up.sandbox_port not in {link.port for link in set_up.links.values()}
