"""Moments at which something is due, runs and workers, as plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Hold when something is due: every so often, counted from a Monday at midnight, UTC, and some time after it."""

    every: timedelta
    after: timedelta = timedelta(0)


HOURLY = Calendar(every=timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Hold a slot that was taken: which job, for which moment, by which right, and the how manieth try it is."""

    job: str
    slot: datetime
    token: UUID
    tries: int = 1


class Kind(StrEnum):
    """Name what works: a loop of our own, the children of a Celery worker, or what only wakes those."""

    LOOP = "loop"
    CELERY = "celery"
    BEAT = "beat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Hold a process that works: where it is, and under which number."""

    id: UUID
    kind: Kind
    host: str
    pid: int
