"""kill -9 of the worker, the API and PostgreSQL in the middle of 400 payments: everything once, nothing lost.

5,000 payments and five times as many deaths with TILL_TEST_FULL=1.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_api, check_books, check_database, converge
from tests.crash.stage import Stage

from tillkeeper.kernel import clock

FULL = bool(os.environ.get("TILL_TEST_FULL"))
payments_in_all = 5_000 if FULL else 400
converge_seconds_max = 60
KILLS = (("worker",) * 4 + ("api",) * 2 + ("postgres",) * 2) * (5 if FULL else 1)
down_ms_max = 600


def say(text: str) -> None:
    """Print what a reader of a failed run needs to know."""
    sys.stdout.write(f"{text}\n")


async def disturb(stage: Stage, crowd: Crowd, dice: random.Random, killed: Counter[str]) -> None:
    """Kill parts at moments that the seed chose, while customers are buying, and start them again."""
    moments = sorted(dice.sample(range(15, payments_in_all - 60), len(KILLS)))
    for moment, victim in zip(moments, dice.sample(KILLS, len(KILLS)), strict=True):
        await crowd.has_acknowledged(moment)
        await asyncio.sleep(dice.randint(0, 100) / 1000)
        stage.kill(victim)
        killed[victim] += 1
        await asyncio.sleep(dice.randint(0, down_ms_max) / 1000)
        await stage.restart(victim)


@pytest.mark.crash
@pytest.mark.timeout(3600 if FULL else 600)
async def test_kill_9_in_the_middle_of_payments_delivers_each_exactly_once(
    stage: Stage, tell: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("TILL_CRASH_SEED") or random.randrange(10**6))
    say(f"\nseed {seed}: TILL_CRASH_SEED={seed} repeats the moments")
    killed = Counter[str]()
    crowd = Crowd(stage, random.Random(seed))
    elapsed_ms = clock.timer_ms()
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        dial = {"webhook_copies": 3, "webhook_shuffle": True}
        assert (await client.put(f"{stage.sandbox}/_control/faults", json=dial)).is_success
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(payments_in_all))
            tasks.create_task(disturb(stage, crowd, random.Random(seed), killed))
        bought_ms = elapsed_ms()
        converged_ms = await converge(stage, client)
        tell(
            f"seed {seed}: {payments_in_all} payments bought in {bought_ms / 1000:.0f} s, killed {dict(killed)}; "
            f"converged {converged_ms / 1000:.1f} s after the gateway's last webhook"
        )
        say(str(crowd.statuses))
        assert converged_ms < converge_seconds_max * 1000

        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert killed == Counter(KILLS)
        assert len(told) == payments_in_all
        await check_database(stage, told)
        books = (await client.get(f"{stage.sandbox}/_control/books/stripe")).json()
        check_books(books, told)
        await check_api(crowd, client)
    check = stage.run("ledger", "check", "--json")
    assert (check.returncode, json.loads(check.stdout)["wrong"]) == (0, [])
    duplicates = await stage.count("SELECT count(*) FROM inbox_duplicate")
    assert duplicates > payments_in_all, "the webhooks were to arrive three times"
    assert stage.alive() == ["sandbox", "api", "worker"], "a part did not survive the death of another"
