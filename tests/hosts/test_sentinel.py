"""Redis with Sentinel, configured as deploy/redis has it: the primary dies, and workers are woken all the same."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.crash import workshop
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.hosts.redundant import RedisGroup

NUDGE = """
from tillkeeper import settings
from tillkeeper.worker import celery_app
celery_app.connect(settings.load())
celery_app.nudge(celery_app.JOBS[0].name)
print(celery_app.app.tasks[f"till.{celery_app.JOBS[0].name}"].name)
"""
purchases = 40


@pytest.fixture
def group(tmp_path: Path) -> Iterator[RedisGroup]:
    with RedisGroup(tmp_path) as group:
        yield group


def nudge(group: RedisGroup) -> None:
    """Wake a worker as beat does, from a process of its own."""
    ours = {
        "DATABASE_URL": "postgresql://nobody",
        "TILL_SECRET_KEY": "only for the broker",
        "CELERY_BROKER_URL": group.url,
    }
    done = subprocess.run(
        [sys.executable, "-c", NUDGE], env=os.environ | ours, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def waiting(group: RedisGroup, port: int) -> int:
    return sum(int(group.ask(port, "LLEN", queue)) for queue in ("till", "till.calls"))


@pytest.mark.timeout(120)
def test_a_nudge_goes_to_whoever_the_sentinels_say_is_the_primary(group: RedisGroup) -> None:
    first, second = group.ports
    nudge(group)
    assert (group.primary(), waiting(group, first)) == (first, 1)

    assert group.ask(group.watching[0], "SENTINEL", "FAILOVER", "tillkeeper") == "OK"
    group.await_true(lambda: group.primary() == second and "role:master" in group.ask(second, "INFO", "replication"))
    nudge(group)

    assert waiting(group, second) == 2, "the first one came along"


@pytest.mark.timeout(600)
@pytest.mark.skipif(not os.environ.get("TILL_TEST_FULL"), reason="the full run kills the primary: TILL_TEST_FULL=1")
async def test_the_primary_is_killed_while_people_buy_and_everything_is_delivered_once(
    tmp_path: Path, group: RedisGroup, tell: Callable[[str], None]
) -> None:
    first, second = group.ports
    async with workshop.opened(tmp_path / "shop", group.url) as shop, httpx2.AsyncClient(timeout=30) as client:
        crowd = Crowd(shop, random.Random(5))

        async def fail_over() -> int:
            await crowd.has_acknowledged(purchases // 3)
            group.kill(first)
            return await asyncio.to_thread(group.await_true, lambda: group.primary() == second)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=0.3))
            failed_over = tasks.create_task(fail_over())
        converged_ms = await converge(shop, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(shop, told)
        check_books((await client.get(f"{shop.sandbox}/_control/books/stripe")).json(), told)
        assert set(shop.alive()) == {*shop.PARTS, *workshop.WORKERS, "beat"}, "nobody had to be started again"
    tell(
        f"another primary after {failed_over.result() / 1000:.1f} s, everything done {converged_ms / 1000:.1f} s later"
    )
