"""What Celery is told: names of jobs and nothing else, from the one table, with nudges that die out."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.brokers import Redis, redis_program

from tillkeeper.kernel import logs
from tillkeeper.settings import Settings
from tillkeeper.worker import celery_app, schedule
from tillkeeper.worker.celery_app import CALLS_QUEUE, QUEUE, app
from tillkeeper.worker.schedule import Job

GATEWAYS = ("paypal", "razorpay", "square", "stripe")


def configured(**more: str) -> Settings:
    return Settings.model_validate({"DATABASE_URL": "postgresql://x", "TILL_SECRET_KEY": "a long enough key", **more})


@pytest.fixture
def broker() -> Iterator[Any]:
    """Let Celery speak to a broker in this process, and lend what reads from it."""
    speak_to("memory://")
    with app.connection("memory://") as connection:
        yield connection


def speak_to(url: str) -> None:
    """Let Celery forget the broker it spoke to, and speak to another."""
    app.conf.broker_url, app.conf.broker_transport_options = url, {}
    app._pool = app.amqp._producer_pool = None


def taken(broker: Any, queue: str) -> list[Any]:
    """Take all that waits in a queue."""
    simple, found = broker.SimpleQueue(queue), []
    while True:
        try:
            found.append(simple.get_nowait())
        except simple.Empty:
            return found


def jobs() -> list[Job]:
    return schedule.jobs_for(GATEWAYS)


def test_there_is_a_task_for_each_job_and_none_besides() -> None:
    tasks = {name.removeprefix("till.") for name in app.tasks if name.startswith("till.")}
    assert tasks == {job.name for job in jobs()}


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_a_nudge_names_its_job_carries_nothing_and_is_forgotten_soon(job: Job, broker: Any) -> None:
    celery_app.nudge(job.name)
    [message] = taken(broker, CALLS_QUEUE if job.calls else QUEUE)
    assert message.headers["task"] == f"till.{job.name}"
    assert json.loads(message.body)[:2] == [[], {}]
    assert message.headers["ignore_result"] is True
    assert message.headers["expires"] is not None
    assert app.tasks[f"till.{job.name}"].expires == job.every_seconds + 300


async def test_beat_nudges_each_job_as_often_as_our_own_loop_looks() -> None:
    nudges = {nudge.name: nudge.every_seconds for nudge in celery_app.nudges_for(GATEWAYS)}
    assert nudges == {job.name: job.every_seconds for job in jobs()}
    assert [nudge.name for nudge in celery_app.nudges_for(GATEWAYS) if nudge.woken] == ["settle"]


@pytest.mark.skipif(redis_program() is None, reason="no Redis is here: install redis-server")
async def test_a_broker_that_is_away_is_said_once_and_keeps_beat_going(monkeypatch: Any, shop: Any) -> None:
    said: list[str] = []
    monkeypatch.setattr(logs.worker, "error", lambda event, **_: said.append(event))
    monkeypatch.setattr(logs.worker, "info", lambda event, **_: said.append(event))
    redis = Redis()
    speak_to(redis.url)
    nudges = celery_app.nudges_for(GATEWAYS)
    assert await asyncio.gather(*(nudge.run(shop.till) for nudge in nudges)) == [0] * len(nudges)
    assert said == ["broker_lost"]
    redis.start()
    try:
        await nudges[0].run(shop.till)
    finally:
        redis.kill()
    assert said == ["broker_lost", "broker_found"]


def test_redis_gives_back_quickly_what_a_dead_worker_held_and_later_than_a_task_may_take() -> None:
    celery_app.connect(configured(CELERY_BROKER_URL="redis://127.0.0.1:6379/1"))
    options = app.conf.broker_transport_options
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (2, 1)
    assert app.conf.task_time_limit < options["visibility_timeout"] < 2 * app.conf.task_time_limit
    assert (options["max_connections"], options["socket_timeout"]) == (100, 5)


def test_rabbitmq_confirms_and_keeps_its_queues_on_several_nodes() -> None:
    celery_app.connect(configured(CELERY_BROKER_URL="amqp://guest:guest@127.0.0.1//"))
    assert app.conf.task_default_queue_type == "quorum"
    assert app.conf.broker_transport_options == {"confirm_publish": True}
    app.conf.task_default_queue_type = "classic"


def test_tasks_are_given_back_when_their_process_dies_and_take_turns() -> None:
    conf = app.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost) == (True, True)
    assert (conf.task_time_limit, conf.worker_max_tasks_per_child, conf.worker_prefetch_multiplier) == (300, 1_000, 1)
    assert (conf.task_ignore_result, conf.accept_content) == (True, ["json"])
    assert conf.broker_connection_max_retries is None
