"""The schedule: every disturbance of a run, written down before the run begins; one seed makes all of it."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from tillkeeper.kernel.errors import TillError

first_after_percent = 4
last_after_percent = 88
"""The first customers have begun, and the last are still to come: whoever dies in between is at work."""
kills_percent = 40


class What(StrEnum):
    """Name what can go wrong on purpose."""

    KILL = "kill"
    FLUSH = "flush"
    STOP = "stop"
    PARTITION = "partition"
    RESET = "reset"
    LATENCY = "latency"
    LOSE = "lose"
    FAULT = "fault"
    FAILPOINT = "failpoint"


APIS, WORKERS = ("api-1", "api-2"), ("worker-1", "worker-2")
CELERY_WORKERS = ("celery-1", "celery-2")
POSTGRES, REDIS, BEAT, SANDBOX, MERCHANT = "postgres", "redis", "beat", "sandbox", "merchant"
CLIENTS_LINK, WEBHOOKS_LINK = "clients-api", "webhooks-api"
API_DATABASE, WORKER_DATABASE, MERCHANT_LINK = "api-postgres", "worker-postgres", "merchant"
LINKS = (CLIENTS_LINK, WEBHOOKS_LINK, API_DATABASE, WORKER_DATABASE, MERCHANT_LINK)
"""Those beside the links to the gateways."""
FAULTS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "lost_replies": {"lost_reply_percent": 20},
        "errors_after_acting": {"error_after_percent": 15},
        "errors_before_acting": {"error_before_percent": 15},
        "slow_gateway": {"latency_ms": 400},
        "stalled_answers": {"stall_percent": 10, "stall_ms": 35_000},
        "forgotten_keys": {"forget_keys": True, "lost_reply_percent": 20},
        "not_found_at_first": {"not_found_first": 2, "lost_reply_percent": 20},
        "doubled_webhooks": {"webhook_copies": 3},
        "reordered_webhooks": {"webhook_shuffle": True},
        "late_webhooks": {"webhook_delay_ms": 1_500},
        "held_webhooks": {"webhooks_held": True},
        "merchant_refuses": {"merchant_error_percent": 50},
        "merchant_takes_in_silence": {"merchant_lost_reply_percent": 50},
    }
)
"""What the sandbox's fault dial is turned to for a while; the names are ours, the settings its own.

A stalled answer comes after whoever asked has gone. What is forgotten or not found matters after a lost reply alone.
"""
MERCHANT_FAULTS = ("merchant_refuses", "merchant_takes_in_silence")
"""Those of them that meet outgoing webhooks and no gateway."""
SELDOM, OFTEN = 1, 4
"""Up to which time a place kills: what comes seldom would often not come again before the clients are done."""


def _commits(*flows: str) -> Iterator[str]:
    for flow in flows:
        yield from (f"{flow}/commit", f"{flow}/committed")


API_PLACES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(_commits("receive._store", "checkout._remember_wish", "checkout._remember_answer"), OFTEN),
        **dict.fromkeys(_commits("refund._reserve", "refund._remember_answer"), SELDOM),
        **dict.fromkeys(_commits("capture._begin", "capture._remember_answer"), SELDOM),
        "checkout/call": OFTEN,
        "refund/call": SELDOM,
        "capture/call": SELDOM,
    }
)
WORKER_PLACES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(_commits("settle._settle", "deliver._record"), OFTEN),
        **dict.fromkeys(_commits("operate._write_down"), SELDOM),
        "deliver._carry/call": OFTEN,
        "operate._carry_out/call": SELDOM,
    }
)
"""Where a failpoint lets somebody die: in what moves money or tells of it, never where a worker only looks for work."""
LASTS_MS: Mapping[What, tuple[int, int]] = MappingProxyType(
    {
        What.KILL: (50, 800),
        What.FLUSH: (0, 0),
        What.STOP: (500, 3_000),
        What.PARTITION: (500, 4_000),
        What.RESET: (0, 0),
        What.LATENCY: (1_000, 4_000),
        What.LOSE: (200, 1_200),
        What.FAULT: (1_000, 4_000),
        What.FAILPOINT: (50, 800),
    }
)
OTHERS = (
    *((What.STOP,) * 2 + (What.PARTITION,) * 3 + (What.RESET,) * 2),
    *((What.LOSE,) * 3 + (What.LATENCY,) + (What.FAULT,) * 4 + (What.FAILPOINT,)),
)
"""How often each comes among what is no death."""


class ScheduleError(TillError):
    """Report a schedule that cannot be read."""

    code = "schedule"
    title = "This is no schedule of `till chaos`"
    next_step = "Give the schedule.json that an earlier run wrote, unchanged or shortened."


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """Hold one disturbance: after how many acknowledged payments, what, whom, for how long, and in which way."""

    after: int
    what: What
    whom: str
    lasts_ms: int
    how: str = ""

    def __str__(self) -> str:
        how = f" ({self.how})" if self.how else ""
        lasts = f" for {self.lasts_ms:,} ms" if self.lasts_ms else ""
        return f"after {self.after:,} payments: {self.what} {self.whom}{how}{lasts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Hold all that a run follows from, but for what the machine itself brings."""

    seed: int
    payments: int
    gateways: tuple[str, ...]
    celery: bool
    disturbances: tuple[Disturbance, ...]

    def count(self) -> Counter[str]:
        """Count the disturbances of each kind."""
        return Counter(each.what.value for each in self.disturbances)


def draw(
    seed: int, *, payments: int, disturbances: int, gateways: Sequence[str], celery: bool = False, kills: int = 0
) -> Schedule:
    """Draw a schedule, the same one for the same arguments; at least `kills` of its parts are deaths."""
    dice = random.Random(f"chaos {seed}")  # noqa: S311 (it must be repeatable, and guards nothing)
    deaths = min(max(kills, disturbances * kills_percent // 100), disturbances)
    kinds = [What.KILL] * deaths + [dice.choice(OTHERS) for _ in range(disturbances - deaths)]
    dice.shuffle(kinds)
    first, last = payments * first_after_percent // 100, max(payments * last_after_percent // 100, 1)
    moments = sorted(dice.randint(first, last) for _ in kinds)
    drawn = (_one(dice, after, what, gateways, celery=celery) for after, what in zip(moments, kinds, strict=True))
    return Schedule(seed=seed, payments=payments, gateways=tuple(gateways), celery=celery, disturbances=tuple(drawn))


def _one(dice: random.Random, after: int, what: What, gateways: Sequence[str], *, celery: bool) -> Disturbance:
    workers = CELERY_WORKERS if celery else WORKERS
    links = (*LINKS, *(f"gateway-{name}" for name in gateways))
    lasts_ms, how = dice.randint(*LASTS_MS[what]), ""
    if what is What.KILL and celery and dice.randrange(5) == 0:
        what = What.FLUSH
    match what:
        case What.KILL:
            whom = dice.choice((*APIS, *workers, *workers, POSTGRES) + ((REDIS, BEAT) if celery else ()))
        case What.FLUSH:
            whom, lasts_ms = REDIS, 0
        case What.STOP:
            whom = dice.choice((*APIS, *workers, POSTGRES) + ((REDIS, BEAT) if celery else ()))
        case What.PARTITION | What.RESET | What.LATENCY | What.LOSE:
            whom = dice.choice(links)
        case What.FAULT:
            how = dice.choice(sorted(FAULTS))
            whom = MERCHANT if how in MERCHANT_FAULTS else SANDBOX
        case What.FAILPOINT:
            whom = dice.choice((*APIS, *workers))
            how = _failpoint(dice, API_PLACES if whom in APIS else WORKER_PLACES)
    return Disturbance(after=after, what=what, whom=whom, lasts_ms=lasts_ms, how=how)


def _failpoint(dice: random.Random, places: Mapping[str, int]) -> str:
    """Draw a place and which time it kills, written as `kernel.failpoints` reads it."""
    place = dice.choice(sorted(places))
    return f"{place}@{dice.randint(1, places[place])}"


def write(schedule: Schedule, path: Path) -> None:
    """Write a schedule as people and `--schedule` read it."""
    path.write_text(json.dumps(asdict(schedule), indent=1) + "\n")


def read(path: Path) -> Schedule:
    """Read a schedule that was written; raises ScheduleError."""
    try:
        found = json.loads(path.read_text())
        told = [Disturbance(**{**each, "what": What(each["what"])}) for each in found.pop("disturbances")]
        return Schedule(**{**found, "gateways": tuple(found["gateways"])}, disturbances=tuple(told))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: {error}."
        raise ScheduleError(message) from error
