"""Who works behind the scenes, and what wakes them."""

from collections.abc import Callable
from datetime import timedelta

from tillkeeper.ops.doctor import Finding, State
from tillkeeper.ops.preflight.ground import Ground
from tillkeeper.reports.jobs import quiet_seconds

full_percent_max = 80
workers_enough = 2
START = "Start `till worker` (or `till celery worker` and `till celery beat`), and look into its log if it runs."


def broker(ground: Ground) -> Finding:
    """Check that the broker answers, if one is set: without one there is nothing that could fail."""
    if ground.broker_trouble:
        fix = "Start the broker, and check host, port and password in CELERY_BROKER_URL or REDIS_URL."
        return Finding("broker", State.PROBLEM, ground.broker_trouble, fix)
    if ground.broker is None:
        return Finding("broker", State.OK, "none is set: `till worker` needs none")
    return Finding("broker", State.OK, f"{ground.broker.kind} answers")


def policy(ground: Ground) -> Finding | None:
    """Refuse a Redis that throws away what nobody has read yet."""
    found = _said(ground, "maxmemory_policy")
    if found is None:
        return None
    if found != "noeviction":
        fix = (
            "Set maxmemory-policy noeviction, in a Redis or a database that no cache shares. With allkeys-lru, which is"
            " for caches, a full Redis removes the keys that were not read lately: Celery's queues and what its"
            " workers hold are such keys, and work would vanish without a word. With noeviction it refuses, loudly."
        )
        return Finding("Redis memory policy", State.PROBLEM, str(found), fix)
    return Finding("Redis memory policy", State.OK, "noeviction")


def memory(ground: Ground) -> Finding | None:
    """Check that a Redis has a limit, and room below it."""
    limit, used = _said(ground, "maxmemory"), _said(ground, "used_memory")
    if limit is None or used is None:
        return None
    limit, used = int(str(limit)), int(str(used))
    if not limit:
        fix = "Set maxmemory, 256mb for us alone: without it the kernel ends Redis when the machine is full."
        return Finding("Redis memory", State.NOTE, f"{used // 1_000_000} MB used, without a limit", fix)
    percent = 100 * used // limit
    found = f"{percent} % of {limit // 1_000_000} MB used"
    if percent > full_percent_max:
        fix = "Look what fills it (`redis-cli --bigkeys`), and raise maxmemory: when it is full, no worker is woken."
        return Finding("Redis memory", State.PROBLEM, found, fix)
    return Finding("Redis memory", State.OK, found)


def persistence(ground: Ground) -> Finding | None:
    """Check that a Redis can write, if it is to keep what it has."""
    aof, saved = _said(ground, "aof_enabled"), _said(ground, "rdb_last_bgsave_status")
    if aof is None:
        return None
    if saved not in {None, "ok"} or _said(ground, "aof_last_write_status") not in {None, "ok"}:
        fix = "Look into Redis's log, mostly the disk is full: after a failed save it refuses whatever is sent to it."
        return Finding("Redis persistence", State.PROBLEM, "its last save failed", fix)
    if str(aof) == "1":
        return Finding("Redis persistence", State.OK, "append-only file")
    found = "snapshots at most; a restart forgets what they lack, and the next nudge comes within a second"
    return Finding("Redis persistence", State.OK, found)


def role(ground: Ground) -> Finding | None:
    """Check that a Redis can be written to, and tell how many follow it."""
    found = _said(ground, "role")
    if found is None:
        return None
    if found != "master":
        fix = "Set the address of the primary, or sentinel://…, which finds it."
        return Finding("Redis replication", State.PROBLEM, "this is a replica, to which nothing can be sent", fix)
    return Finding("Redis replication", State.OK, f"primary, {_said(ground, 'connected_slaves')} follow it")


def workers(ground: Ground) -> Finding | None:
    """Check that somebody is at work, best more than one."""
    signs = ground.database.signs if ground.database else None
    if ground.database is None or signs is None:
        return None
    at_work = [each for each in signs.workers if not each.startswith("beat ")]
    if not at_work and signs.worked_at and ground.database.at - signs.worked_at < timedelta(seconds=quiet_seconds):
        return Finding("workers", State.OK, "one was seen just now")
    if not at_work:
        return Finding("workers", State.PROBLEM, "none is at work: nothing that is paid would be delivered", START)
    found = "; ".join(at_work)
    if len(at_work) < workers_enough:
        fix = "Run a second one, on another machine if you have one: then either may die at any moment."
        return Finding("workers", State.NOTE, f"only one: {found}", fix)
    return Finding("workers", State.OK, found)


def beat(ground: Ground) -> Finding | None:
    """Check that Celery's workers are woken: without beat, none of them does anything."""
    signs = ground.database.signs if ground.database else None
    if signs is None or not any(each.startswith("celery ") for each in signs.workers):
        return None
    if not any(each.startswith("beat ") for each in signs.workers):
        return Finding(
            "beat", State.PROBLEM, "Celery's workers run, and nothing wakes them", "Start `till celery beat`."
        )
    return Finding("beat", State.OK, "runs")


def _said(ground: Ground, name: str) -> object:
    return ground.broker.info.get(name) if ground.broker else None


CHECKS: tuple[Callable[[Ground], Finding | None], ...] = (
    broker,
    policy,
    memory,
    persistence,
    role,
    workers,
    beat,
)
