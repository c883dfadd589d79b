"""`till chaos` itself: a whole installation is disturbed by a seed and stays sound, and a bug is found and told.

24 payments on every change; 600 with 60 disturbances, and Celery, with TILL_TEST_FULL=1. TILL_CRASH_SEED repeats the
schedule.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tillkeeper.cli import ExitCode
from tillkeeper.cli import chaos as command
from tillkeeper.kernel import clock
from tillkeeper.ops import chaos
from tillkeeper.ops.chaos import schedule
from tillkeeper.ops.chaos.processes import left_behind
from tillkeeper.ops.chaos.schedule import Disturbance, Schedule, What
from tillkeeper.ops.chaos.stage import DATABASE, Stage, redis_program

FULL = bool(os.environ.get("TILL_TEST_FULL"))
GATEWAYS = ("paypal", "razorpay", "square", "stripe")
payments, disturbances = (600, 60) if FULL else (24, 5)
gone_seconds_max = 30
pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600 if FULL else 400)]


def quietly(_: str) -> None:
    """Say nothing."""


def small(*each: Disturbance) -> Schedule:
    return Schedule(seed=1, payments=8, gateways=GATEWAYS, celery=False, disturbances=each)


def test_a_whole_installation_is_disturbed_and_stays_sound(tell: Callable[[str], None]) -> None:
    seed = int(os.environ.get("TILL_CRASH_SEED") or random.randrange(10**6))
    campaign = chaos.Campaign(seed=seed, payments=payments, disturbances=disturbances)
    told = chaos.run(chaos.plans(campaign), seed=seed, command=campaign.command, say=quietly)
    tell(f"{campaign.command}: {json.dumps(told.as_json(), default=str)}")
    assert told.sound, "\n".join(told.lines())
    assert command.exit_code(told) == ExitCode.OK
    assert told.disturbances.total() == disturbances
    assert told.ends["succeeded"] == told.asked_for


def test_books_that_were_tampered_with_are_found_and_told_with_their_timeline() -> None:
    async def take_money_out(stage: Stage) -> None:
        spoil = """
            SET session_replication_role = replica;
            UPDATE payment SET amount_captured = amount_captured - 1
            WHERE id = (SELECT id FROM payment WHERE amount_captured > 1 AND amount_refunded = 0 LIMIT 1);
            UPDATE audit_entry SET actor_name = 'nobody' WHERE number = 1;
            UPDATE seal SET sealed_at = sealed_at + interval '1 hour' WHERE number = 0"""
        stage.postgres.databases.run(spoil, database=DATABASE)

    killed = Disturbance(after=2, what=What.KILL, whom="worker-1", lasts_ms=50)
    told = chaos.run([small(killed)], seed=1, command="till chaos", say=quietly, meddle=take_money_out)
    assert command.exit_code(told) == ExitCode.PROBLEMS
    assert {"I1", "I2", "I9", "itself"} <= {each["invariant"] for each in told.findings}
    assert {"audit entry 1", "seal 0"} <= {each["about"] for each in told.findings}
    [page] = told.pages
    text = Path(page).read_text()
    for word in ("DISTURBANCE", "kill worker-1", "client", "inbox", "ledger", "outbox", "in its books", "seed 1"):
        assert word in text, word
    assert told.command.startswith("till chaos --schedule ")
    assert schedule.read(Path(told.command.split()[-1])).disturbances == (killed,)
    assert "VIOLATED" in "\n".join(told.lines())


def test_nothing_outlives_a_command_that_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tillkeeper", "chaos", "--payments", "10", "--disturbances", "0"]
    with subprocess.Popen(
        words, env=os.environ | {"TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stderr
        folder = Path(running.stderr.readline().rpartition("; ")[2].strip()).parent
        assert "proxy on each link" in running.stderr.readline()
        assert len(list(left_behind(folder))) >= len(("sandbox", "api-1", "api-2", "worker-1", "worker-2"))
        running.kill()
    elapsed_ms = clock.timer_ms()
    while list(left_behind(folder)) and elapsed_ms() < gone_seconds_max * 1000:
        clock.pause_ms(100)
    assert list(left_behind(folder)) == []


@pytest.mark.skipif(not FULL, reason="minutes: Celery with Redis; TILL_TEST_FULL=1")
@pytest.mark.skipif(redis_program() is None, reason="no Redis is here: install redis-server")
def test_celery_workers_that_are_disturbed_leave_everything_sound(tell: Callable[[str], None]) -> None:
    campaign = chaos.Campaign(seed=8, payments=200, disturbances=20, celery=True)
    told = chaos.run(chaos.plans(campaign), seed=8, command=campaign.command, say=quietly)
    tell(json.dumps(told.as_json(), default=str))
    assert told.sound, "\n".join(told.lines())
