"""What the database knows that operators watch: one look, and no table that grows is read as a whole.

Each figure is asked for on its own, so that one which takes too long costs no other.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from tillkeeper import routing
from tillkeeper.gateway import Gateway
from tillkeeper.kernel import db, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import backups, health, invariants, jobs, secrets, versions
from tillkeeper.reports.turnover import DELIVERED, DELIVERY_MS, FAILED
from tillkeeper.routing import Breaker, Switch

statement_seconds_max = 2
counted_max = health.counted_max
"""Of what waits no more is counted."""
codes_max = 50
CODE = re.compile(r"[a-z][a-z_.-]{0,59}(?:[0-9]{1,3}[a-z_.-]*)?")
"""How gateways write reasons; whatever else stands there is no label."""
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Hold what one figure is: its name, what it says, and whether it only ever grows."""

    name: str
    says: str
    labels: tuple[str, ...] = ()
    kind: str = "gauge"


@dataclass(frozen=True, slots=True)
class Fact:
    """Hold one value of a subject; `name` may end as samples of a histogram do."""

    name: str
    value: int
    labels: Mapping[str, str] = field(default_factory=dict)


MONEY = ("gateway", "currency")
SUBJECTS = (
    Subject(name="payments_created_total", says="Payments that were begun.", labels=MONEY, kind="counter"),
    Subject(name="payments_succeeded_total", says="Payments that were captured.", labels=MONEY, kind="counter"),
    Subject(
        name="payments_failed_total",
        says="Tries to pay that failed, by the reason that the gateway gave.",
        labels=(*MONEY, "code"),
        kind="counter",
    ),
    Subject(name="payment_amount_minor_total", says="Money captured, in minor units.", labels=MONEY, kind="counter"),
    Subject(name="refunds_total", says="Refunds.", labels=MONEY, kind="counter"),
    Subject(
        name="refund_amount_minor_total",
        says="Money that went back, in minor units; a refund that fails in the end is taken off again.",
        labels=MONEY,
    ),
    Subject(
        name="fees_minor_total",
        says="What gateways kept, in minor units; a fee that is corrected can make it smaller.",
        labels=MONEY,
    ),
    Subject(
        name="webhook_to_fulfilled_seconds",
        says="How long it took from the moment of a capture until its goods were delivered.",
        labels=("gateway", "currency"),
        kind="histogram",
    ),
    Subject(name="inbox_backlog", says=f"Webhooks that are due and not yet applied, counted up to {counted_max}."),
    Subject(
        name="inbox_dead",
        says=f"Webhooks that no worker will touch again, counted up to {counted_max}.",
        labels=("status",),
    ),
    Subject(
        name="outbox_backlog",
        says=f"Events and deliveries that are due and not yet sent, each counted up to {counted_max}.",
    ),
    Subject(
        name="gateway_available",
        says="1 while a gateway answers; 0 once so many calls got no answer that new ones are kept away.",
        labels=("gateway",),
    ),
    Subject(
        name="gateway_enabled",
        says="1 while a gateway is switched on; 0 while people keep new payments from it.",
        labels=("gateway",),
    ),
    Subject(name="maintenance", says="1 while new payments are kept waiting."),
    Subject(name="db_connections", says="Connections to this database, by what they do.", labels=("state",)),
    Subject(name="worker_up", says="1 while some worker was seen within the last minute."),
    Subject(name="workers", says="Workers that were seen within the last minute.", labels=("kind",)),
    Subject(name="worker_last_beat_seconds", says="How long ago a worker was last seen; absent where none ever was."),
    Subject(
        name="reconciliation_discrepancies",
        says=f"Differences from gateways' accounts that nobody has explained, counted up to {counted_max}.",
        labels=("gateway", "code"),
    ),
    Subject(
        name="invariant_violations",
        says="Breaches found when the books were last proved; anything but 0 is an emergency.",
        labels=("invariant",),
    ),
    Subject(
        name="gateway_api_version_age_days",
        says="How old the version of its API is in which a gateway writes to us.",
        labels=("gateway",),
    ),
    Subject(
        name="secret_age_days",
        says="For how many days a secret in use has been the same, as far as a worker has seen it.",
        labels=("name",),
    ),
    Subject(name="backup_age_seconds", says="How old the last good backup is; absent where none was ever made."),
    Subject(
        name="restore_drill_success",
        says="1 when the last drill of restoring a backup went well, 0 when not; absent where none was ever made.",
    ),
    Subject(
        name="restore_drill_age_seconds",
        says="How long ago a drill of restoring a backup ended, or the first backup was made where no drill ever was.",
    ),
    Subject(name="metrics_unanswered", says="How many of these figures PostgreSQL took too long over just now."),
)

BACKLOG = f"""
SELECT (SELECT count(*) FROM (
            SELECT FROM {health.DUE["webhooks that came in"]} ORDER BY due_at, id LIMIT {counted_max}) AS due) AS inbox,
       (SELECT count(*) FROM (SELECT FROM outbox_event WHERE seq IS NULL LIMIT {counted_max}) AS new)
       + (SELECT due FROM ({health.DELIVERIES}) AS late) AS outbox
"""
# Each status is written out, because only then PostgreSQL sees that the index of what was put aside holds these rows.
DEAD = " UNION ALL ".join(
    f"""
    SELECT '{status}' AS status, count(*) AS many
    FROM (SELECT FROM inbox_message WHERE status = '{status}' LIMIT {counted_max}) AS some_of_them
    """
    for status in ("dead", "quarantined")
)
DIFFERENT = f"""
SELECT gateway, kind, count(*) AS many
FROM (SELECT gateway, kind FROM discrepancy WHERE status = 'open' AND kind <> 'in_transit' LIMIT {counted_max}) AS open
GROUP BY gateway, kind
"""
CONNECTIONS = """
SELECT coalesce(state, 'unknown') AS state, count(*) AS many FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1
"""
TOTALS = """
SELECT gateway, currency, name, sum(count)::bigint AS count, sum(amount)::bigint AS amount
FROM figure WHERE span = 'day' AND at >= $1 AND at < $2 GROUP BY gateway, currency, name
"""
SUMMED = {"captured": "payment_amount_minor_total", "refunded": "refund_amount_minor_total", "fees": "fees_minor_total"}
COUNTED = {"created": "payments_created_total", "captured": "payments_succeeded_total", "refunded": "refunds_total"}

Sums = dict[tuple[str, str, str], tuple[int, int]]
"""How often and how much, by gateway, currency and name."""


async def look(tx: Transaction, gateways: Mapping[str, Gateway], now: datetime) -> list[Fact]:
    """Ask for everything but the sums of payments; what takes too long is left out, and counted."""
    await tx.execute(f"SET LOCAL statement_timeout = '{statement_seconds_max}s'")
    found: list[Fact] = []
    unanswered = 0
    for question in _questions(gateways, now):
        try:
            async with tx.savepoint():
                found += await question(tx)
        except Exception as error:
            if not db.took_too_long(error):
                raise
            unanswered += 1
    return [*found, Fact("metrics_unanswered", unanswered)]


async def sums(tx: Transaction, since: datetime, until: datetime) -> Sums:
    """Add up the days from one moment to another, of which there is a row for each day and name."""
    rows = await tx.fetch(TOTALS, since, until)
    return {(row["gateway"], row["currency"], row["name"]): (row["count"], row["amount"]) for row in rows}


def add(some: Sums, more: Sums) -> Sums:
    """Add two sums."""
    both = dict(some)
    for key, (count, amount) in more.items():
        counted, summed = both.get(key, (0, 0))
        both[key] = (counted + count, summed + amount)
    return both


def payments(totals: Sums) -> list[Fact]:
    """Name what was added up."""
    found: list[Fact] = []
    failed: dict[tuple[str, str, str], int] = {}
    delivered: dict[tuple[str, str], dict[str, int]] = {}
    for (gateway, currency, name), (count, amount) in sorted(totals.items()):
        labels = {"gateway": gateway, "currency": currency}
        if name in COUNTED:
            found.append(Fact(COUNTED[name], count, labels))
        if name in SUMMED:
            found.append(Fact(SUMMED[name], amount, labels))
        if name.startswith(FAILED):
            key = (gateway, currency, _code(name.removeprefix(FAILED)))
            failed[key] = failed.get(key, 0) + count
        if name.startswith(DELIVERED):
            delivered.setdefault((gateway, currency), {})[name.removeprefix(DELIVERED)] = count
    return found + list(_failures(failed)) + [fact for key, counts in delivered.items() for fact in _took(key, counts)]


def _code(said: str) -> str:
    """Take a reason as a label only where it looks like one: texts and numbers of others are none."""
    code = said.lower()
    return code if CODE.fullmatch(code) and logs.mask(code) == code else OTHER


def _failures(failed: Mapping[tuple[str, str, str], int]) -> Iterable[Fact]:
    """Keep the most frequent reasons apart, so that no gateway makes labels without end."""
    often: dict[str, int] = {}
    for (_, _, code), count in failed.items():
        often[code] = often.get(code, 0) + count
    kept = set(sorted(often, key=lambda code: (-often[code], code))[:codes_max])
    shown: dict[tuple[str, str, str], int] = {}
    for (gateway, currency, code), count in failed.items():
        key = (gateway, currency, code if code in kept else OTHER)
        shown[key] = shown.get(key, 0) + count
    for (gateway, currency, code), count in shown.items():
        yield Fact("payments_failed_total", count, {"gateway": gateway, "currency": currency, "code": code})


def _took(key: tuple[str, str], counts: Mapping[str, int]) -> Iterable[Fact]:
    """Write counts by bounds as a histogram, each bound with all that came sooner."""
    name, labels = "webhook_to_fulfilled_seconds", {"gateway": key[0], "currency": key[1]}
    reached = 0
    for bound in DELIVERY_MS:
        reached += counts.get(str(bound), 0)
        yield Fact(f"{name}_bucket", reached, labels | {"le": f"{bound / 1000}"})
    total = sum(counts.values())
    yield Fact(f"{name}_bucket", total, labels | {"le": "+Inf"})
    yield Fact(f"{name}_count", total, labels)


Question = Callable[[Transaction], Awaitable[Sequence[Fact]]]


def _questions(gateways: Mapping[str, Gateway], now: datetime) -> Iterable[Question]:
    yield _backlog
    yield _dead
    yield partial(_gateways, gateways=gateways)
    yield _connections
    yield partial(_workers, now=now)
    yield _discrepancies
    yield _violations
    yield partial(_versions, gateways=gateways, now=now)
    yield partial(_secrets, now=now)
    yield _backups


async def _backlog(tx: Transaction) -> list[Fact]:
    row = await tx.fetchrow(BACKLOG)
    assert row, "counts are always there"
    return [Fact("inbox_backlog", row["inbox"]), Fact("outbox_backlog", row["outbox"])]


async def _dead(tx: Transaction) -> list[Fact]:
    return [Fact("inbox_dead", row["many"], {"status": row["status"]}) for row in await tx.fetch(DEAD)]


async def _gateways(tx: Transaction, *, gateways: Mapping[str, Gateway]) -> list[Fact]:
    found = [Fact("maintenance", int((await routing.maintenance(tx)).active))]
    for name, state in (await routing.states(tx, list(gateways))).items():
        found.append(Fact("gateway_available", int(state.breaker is Breaker.CLOSED), {"gateway": name}))
        found.append(Fact("gateway_enabled", int(state.switch is Switch.ON), {"gateway": name}))
    return found


async def _connections(tx: Transaction) -> list[Fact]:
    return [Fact("db_connections", row["many"], {"state": row["state"]}) for row in await tx.fetch(CONNECTIONS)]


async def _workers(tx: Transaction, *, now: datetime) -> list[Fact]:
    seen = await jobs.last_sign(tx)
    kinds = [str(each["kind"]) for each in await jobs.workers(tx)]
    found = [Fact("workers", kinds.count(kind), {"kind": kind}) for kind in ("loop", "celery", "beat")]
    found.append(Fact("worker_up", int(any(kind != "beat" for kind in kinds))))
    if seen:
        found.append(Fact("worker_last_beat_seconds", max(0, (now - seen) // timedelta(seconds=1))))
    return found


async def _discrepancies(tx: Transaction) -> list[Fact]:
    rows = await tx.fetch(DIFFERENT)
    name = "reconciliation_discrepancies"
    return [Fact(name, row["many"], {"gateway": row["gateway"], "code": row["kind"]}) for row in rows]


async def _violations(tx: Transaction) -> list[Fact]:
    found = await invariants.violations(tx)
    return [Fact("invariant_violations", count, {"invariant": name}) for name, count in found.items()]


async def _versions(tx: Transaction, *, gateways: Mapping[str, Gateway], now: datetime) -> list[Fact]:
    shown = await versions.show(tx, gateways, now)
    ages = {str(each["gateway"]): each["age_days"] for each in shown}
    return [
        Fact("gateway_api_version_age_days", age, {"gateway": gateway})
        for gateway, age in ages.items()
        if isinstance(age, int)
    ]


def midnight(now: datetime) -> datetime:
    """Tell when today began, in UTC: until then days are over, and change seldom."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def _secrets(tx: Transaction, *, now: datetime) -> list[Fact]:
    ages = await secrets.ages(tx, now)
    return [Fact("secret_age_days", days, {"name": name}) for name, days in sorted(ages.items())]


async def _backups(tx: Transaction) -> list[Fact]:
    told = {
        "backup_age_seconds": await backups.age_seconds(tx),
        "restore_drill_success": await backups.drill_success(tx),
        "restore_drill_age_seconds": await backups.drill_age_seconds(tx),
    }
    return [Fact(name, int(value)) for name, value in told.items() if value is not None]
