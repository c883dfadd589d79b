"""Celery with a broker that forgets: workers are killed at random, and nothing is lost or done twice.

150 payments on every change, 5,000 with TILL_TEST_FULL=1. TILL_CRASH_SEED repeats the moments.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.brokers import RABBITMQ, Redis, rabbitmq, redis_program
from tests.crash import workshop
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_api, check_books, check_database, converge
from tests.crash.workshop import WORKERS, Workshop

from tillkeeper.kernel import clock, ids

FULL = bool(os.environ.get("TILL_TEST_FULL"))
payments_in_all = 5_000 if FULL else 150
converge_seconds_max = 60
KILLS = (("worker",) * 3 + ("child",) * 2 + ("flush",) * 3 + ("broker", "beat")) * (5 if FULL else 1)
down_ms_max = 1_500
orphans_seconds_max = 60
settle_seconds_max = 30
needs_redis = pytest.mark.skipif(redis_program() is None, reason="no Redis is here: install redis-server")
needs_rabbitmq = pytest.mark.skipif(not RABBITMQ.exists(), reason="no RabbitMQ is here: install rabbitmq-server")
pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600 if FULL else 600)]


@pytest.fixture
def redis() -> Iterator[Redis]:
    redis = Redis()
    redis.start()
    try:
        yield redis
    finally:
        redis.kill()


async def disturb(shop: Workshop, redis: Redis, crowd: Crowd, dice: random.Random, done: Counter[str]) -> None:
    """Kill workers and empty the broker at moments that the seed chose, while customers are buying."""
    moments = sorted(dice.sample(range(5, payments_in_all - 20), len(KILLS)))
    for moment, what in zip(moments, dice.sample(KILLS, len(KILLS)), strict=True):
        await crowd.has_acknowledged(moment)
        await asyncio.sleep(dice.randint(0, 100) / 1000)
        pause = dice.randint(0, down_ms_max) / 1000
        worker = dice.choice(WORKERS)
        done[what] += 1
        match what:
            case "worker":
                shop.kill(worker)
                await asyncio.sleep(pause)
                shop.start(worker)
            case "child":
                shop.kill_child(worker)
            case "flush":
                redis.flush()
            case "beat":
                shop.kill("beat")
                await asyncio.sleep(pause)
                shop.start("beat")
            case _:
                redis.kill()
                await asyncio.sleep(pause)
                redis.start()


@needs_redis
async def test_workers_are_killed_and_the_broker_forgets_and_each_payment_is_delivered_once(
    tmp_path: Path, redis: Redis, tell: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("TILL_CRASH_SEED") or random.randrange(10**6))
    sys.stdout.write(f"\nseed {seed}: TILL_CRASH_SEED={seed} repeats the moments\n")
    done = Counter[str]()
    async with workshop.opened(tmp_path, redis.url) as shop, httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        crowd, elapsed_ms = Crowd(shop, random.Random(seed)), clock.timer_ms()
        dial = {"webhook_shuffle": True}
        assert (await client.put(f"{shop.sandbox}/_control/faults", json=dial)).is_success
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(payments_in_all))
            tasks.create_task(disturb(shop, redis, crowd, random.Random(seed), done))
        bought_ms, converged_ms = elapsed_ms(), await converge(shop, client)
        tell(
            f"seed {seed}: {payments_in_all} payments bought in {bought_ms / 1000:.0f} s, disturbed {dict(done)}; "
            f"converged {converged_ms / 1000:.1f} s after the gateway's last webhook"
        )
        assert done == Counter(KILLS)
        assert converged_ms < converge_seconds_max * 1000
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        await check_database(shop, told)
        check_books((await client.get(f"{shop.sandbox}/_control/books/stripe")).json(), told)
        await check_api(crowd, client)
        assert shop.run("ledger", "check").returncode == 0
        assert set(shop.alive()) == {*shop.PARTS, *WORKERS, "beat"}
        twice = "SELECT count(*) FROM schedule_run WHERE status <> 'done' OR tries > 1 + $1"
        assert (await shop.fetch(twice, len(KILLS)))[0][0] == 0


@needs_redis
async def test_a_worker_ends_in_good_order_and_one_that_was_killed_leaves_no_process_behind(
    tmp_path: Path, redis: Redis
) -> None:
    async with workshop.opened(tmp_path, redis.url) as shop:
        await at_work(shop, len(WORKERS) + 1)
        children = {name: shop.children(name) for name in WORKERS}
        assert all(len(each) >= 2 for each in children.values())
        assert shop.end("celery-1") == 0
        assert workshop.gone(children["celery-1"], 1)
        ended = "SELECT count(*) FROM worker WHERE ended_at IS NOT NULL"
        assert await shop.count(ended) == 1
        shop.kill("celery-2")
        assert workshop.gone(children["celery-2"], orphans_seconds_max), "its children read no more and must end"
        assert shop.end("beat") == 0
        assert await shop.count(ended) == 2


@needs_redis
async def test_a_worker_goes_on_after_its_broker_died_while_it_held_messages(tmp_path: Path, redis: Redis) -> None:
    async with workshop.opened(tmp_path, redis.url) as shop:
        await at_work(shop, len(WORKERS) + 1)
        pid = shop.processes["celery-1"].pid
        with shop.held("celery-1"):
            await asyncio.sleep(2)  # messages come, and nobody answers for them
            redis.kill()
            await asyncio.sleep(1)
        redis.start()
        begun = await shop.fetch("SELECT clock_timestamp() + interval '2 seconds'")
        beats = f"SELECT count(*) FROM worker WHERE pid = {pid} AND ended_at IS NULL AND beat_at > '{begun[0][0]}'"
        await until(shop, beats, 1)
        assert "celery-1" in shop.alive()


@needs_redis
async def test_the_password_of_a_broker_that_refuses_it_stands_in_no_log(tmp_path: Path, redis: Redis) -> None:
    async with workshop.opened(tmp_path, redis.url.replace("//", "//till:a-password-of-redis@")) as shop:
        for name in ("beat", *WORKERS):
            await written(shop, name)
            shop.kill(name)
        logs = "".join(shop.log(name).read_text() for name in ("beat", *WORKERS))
        assert ("broker_lost" in logs, "a-password-of-redis" in logs) == (True, False)


@needs_redis
async def test_flower_shows_the_workers(tmp_path: Path, redis: Redis) -> None:
    async with workshop.opened(tmp_path, redis.url) as shop, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        await at_work(shop, len(WORKERS) + 1)
        shop.start("flower")
        await shop.await_up(f"{shop.flower}/healthcheck")
        async with asyncio.timeout(settle_seconds_max):
            while (await http.get(f"{shop.flower}/workers")).text.count("till-") < len(WORKERS):  # noqa: ASYNC110 (the same)
                await asyncio.sleep(0.5)


@needs_rabbitmq
async def test_rabbitmq_carries_a_purchase_its_delivery_and_its_refund(tmp_path: Path) -> None:
    (tmp_path / "rabbit").mkdir()
    with rabbitmq(tmp_path / "rabbit") as broker:
        async with workshop.opened(tmp_path, broker) as shop, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            http.headers["Authorization"] = f"Bearer {shop.key}"
            wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
            payment = await post(http, f"{shop.api}/api/v1/payments", wish)
            session = f"{shop.sandbox}/_control/stripe/sessions/{payment['gateway_reference']}/pay"
            assert (await http.post(session, json={})).is_success
            await until(shop, "SELECT count(*) FROM payment WHERE status = 'succeeded'", 1)
            assert await shop.count("SELECT count(*) FROM entitlement") == 1
            await post(http, f"{shop.api}/api/v1/refunds", {"payment": payment["id"]})
            await until(shop, "SELECT count(*) FROM refund WHERE status = 'succeeded'", 1)
            assert await shop.count("SELECT balance FROM wallet") == 0
            await at_work(shop, len(WORKERS) + 1)


async def post(http: httpx2.AsyncClient, url: str, body: dict[str, str]) -> dict[str, str]:
    answer = await http.post(url, json=body, headers={"Idempotency-Key": ids.text("command", ids.new())})
    assert answer.is_success, answer.text
    made: dict[str, str] = answer.json()
    return made


async def at_work(shop: Workshop, count: int) -> None:
    """Wait until so many have shown themselves."""
    await until(shop, "SELECT count(*) FROM worker WHERE ended_at IS NULL", count)


async def written(shop: Workshop, name: str) -> None:
    """Wait until a part has something to say."""
    async with asyncio.timeout(settle_seconds_max):
        while not shop.log(name).read_text():  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(0.1)


async def until(shop: Workshop, sql: str, count: int) -> None:
    async with asyncio.timeout(settle_seconds_max):
        while await shop.count(sql) != count:  # noqa: ASYNC110 (another process is looked at)
            await asyncio.sleep(0.1)
