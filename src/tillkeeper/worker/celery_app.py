"""Celery for many machines: a message only wakes a worker, which then looks into the same table as our own loop.

Whatever a broker loses, doubles or holds back is one look more or less: the rows are the work. So tasks have no
arguments, no result and no retries; the next nudge comes within seconds.
"""

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from billiard import current_process
from billiard.util import get_logger
from celery import Celery, signals
from celery.worker.consumer import Consumer
from kombu.transport.redis import Channel

from tillkeeper import gateways, settings, telemetry
from tillkeeper.kernel import clock, logs, loop, meters
from tillkeeper.kernel.errors import TillError
from tillkeeper.schedules import Kind
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.worker import schedule
from tillkeeper.worker.pulse import Pulse
from tillkeeper.worker.schedule import Job

QUEUE, CALLS_QUEUE = "till", "till.calls"
"""Work on the database, and work that waits for others: each can be given workers of its own."""
task_seconds_max = 300
child_tasks_max = 1_000
child_connections_max = 4
turn_ms_max = 10_000
"""A job that still finds work after this gives its process to others, and is nudged to go on."""
visibility_seconds = task_seconds_max + 30
clocks_apart_seconds_max = 300
"""So much longer than its pause a nudge counts: Celery asks the clock of whoever takes it when its time is over."""
nudge_pause_ms = 50
"""Notifications that come within this are one nudge: whoever looks sees all that there is."""

app = Celery("tillkeeper")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=task_seconds_max,
    task_default_queue=QUEUE,
    task_create_missing_queues=True,
    worker_consumer=f"{__name__}:consume",
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=child_tasks_max,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=True,  # for Flower; they hold names and times
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=5,
)


def connect(configured: Settings) -> None:
    """Say which broker is meant, and how it is spoken to."""
    url = configured.broker_url
    app.conf.broker_url = url
    app.conf.broker_pool_limit = min(10, configured.redis_connections_max)
    if url.startswith("amqp"):
        # Quorum queues outlive a node of the broker.
        app.conf.task_default_queue_type = "quorum"
        app.conf.broker_transport_options = {"confirm_publish": True}
        return
    app.conf.broker_transport_options = {
        "max_connections": configured.redis_connections_max,
        "socket_timeout": configured.redis_timeout_seconds,
        "socket_connect_timeout": configured.redis_timeout_seconds,
        "socket_keepalive": True,
        "visibility_timeout": visibility_seconds,
        # What a dead worker held is put back after seconds; by default only every hundredth look sees to it.
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        **({"master_name": configured.sentinel_name} if url.startswith("sentinel") else {}),
    }
    # A lost connection would be asked to take back what it brought, over which kombu 5.7 stumbles when Redis is away.
    # A nudge need not come back at once: others come after it.
    Channel.do_restore = False


def consume(*words: Any, **options: Any) -> Any:
    """Make what reads messages, and let it live on when it thanks for one to a connection that is gone.

    kombu 5.7 finds no connection then and raises AttributeError, which would end the worker.
    """
    consumer = Consumer(*words, **options)
    consumer.connection_errors = (*consumer.connection_errors, AttributeError)
    return consumer


class Child:
    """Hold what one process works with, from its first task on: its loop, its till and its jobs.

    The worker itself holds one too, whose pulse all its processes share.
    """

    def __init__(self) -> None:
        self.pulse = Pulse(Kind.CELERY)
        self._watched = ExitStack()
        self._runner: asyncio.Runner | None = None
        self._till: Till | None = None
        self._jobs: dict[str, Job] = {}

    def work(self, name: str) -> bool:
        """Run a job until nothing of it is left or its time is over; true when more of it may wait."""
        if self._runner is None:
            self._watched.enter_context(telemetry.counted_as(f"celery-{getattr(current_process(), 'index', 0)}"))
            self._runner = loop.runner()
        return self._runner.run(self._work(name))

    def close(self) -> None:
        """Close what was opened."""
        if self._runner:
            if self._till:
                self._runner.run(self._till.close())
            self._runner.close()
            self._watched.close()

    async def _work(self, name: str) -> bool:
        if self._till is None:
            try:
                self._till = await Till.open(_narrow(settings.load()))
            except TillError as error:
                logs.worker.warning("not_opened", code=error.code, detail=error.detail)
                return False
            self._jobs = {job.name: job for job in schedule.jobs_for(self._till.gateways)}
        async with self.pulse.felt(self._till):
            return name in self._jobs and await _take_turn(self._till, self._jobs[name])


async def _take_turn(till: Till, job: Job) -> bool:
    spent_ms, found = clock.timer_ms(), await schedule.run(till, job)
    while found and spent_ms() < turn_ms_max:
        found = await schedule.run(till, job)
    if job.finish:
        await job.finish()
    return bool(found)


def _narrow(configured: Settings) -> Settings:
    """Let each of many processes have few connections."""
    few = min(child_connections_max, configured.database_connections_max)
    return configured.model_copy(update={"database_connections_max": few})


child = Child()


def nudge(name: str) -> None:
    """Wake a worker for a job; a nudge that nobody took is forgotten soon, for others come after it."""
    app.tasks[f"till.{name}"].apply_async(retry=False)


def _define(job: Job) -> None:
    """Make a task of a job."""

    def look() -> None:
        if child.work(job.name):
            _nudge_at_best(job.name)

    expires = job.every_seconds + clocks_apart_seconds_max
    longest = job.seconds_max or task_seconds_max
    app.task(look, name=f"till.{job.name}", expires=expires, time_limit=longest, lazy=False, shared=False)


def _nudge_at_best(name: str) -> None:
    try:
        nudge(name)
    except Exception as error:  # noqa: BLE001 (whatever its client raises, the next nudge comes by the clock)
        meters.count(meters.broker_errors)
        logs.worker.warning("broker_lost", error=type(error).__name__)


JOBS = schedule.jobs_for(connector.name for connector in gateways.connectors())
"""Every job that there can be: a gateway may be configured later."""
for each in JOBS:
    _define(each)
app.conf.task_routes = {f"till.{each.name}": {"queue": CALLS_QUEUE} for each in JOBS if each.calls}


def _close_child(**_: Any) -> None:
    child.close()


def _keep_our_logs(**_: Any) -> None:
    """Let Celery leave the logs as they are: ours are scrubbed, and hear of processes that died as well."""
    get_logger().propagate = True


signals.worker_process_shutdown.connect(_close_child)
signals.setup_logging.connect(_keep_our_logs)


class Beat:
    """Hold whether the broker answers, so that an outage is said once, and its end too."""

    def __init__(self) -> None:
        self._lost = False

    async def nudge(self, name: str, pause_ms: int, _: Till) -> int:
        """Nudge, and let what comes at once be one nudge."""
        try:
            await asyncio.to_thread(nudge, name)
        except Exception as error:  # noqa: BLE001 (whatever its client raises, the broker is the reason)
            meters.count(meters.broker_errors)
            self._say(lost=True, why=type(error).__name__)
        else:
            self._say(lost=False)
        await asyncio.sleep(pause_ms / 1000)
        return 0

    def _say(self, *, lost: bool, why: str = "") -> None:
        if lost and not self._lost:
            logs.worker.error("broker_lost", error=why)
        if self._lost and not lost:
            logs.worker.info("broker_found")
        self._lost = lost


def nudges_for(configured: Iterable[str]) -> list[Job]:
    """List what wakes the workers: a nudge for each job, as often as our own loop would look itself."""
    beat = Beat()
    jobs = schedule.jobs_for(configured)
    return [
        replace(
            job,
            run=partial(beat.nudge, job.name, nudge_pause_ms if job.woken else 0),
            side_by_side=1,
            finish=None,
        )
        for job in jobs
    ]
