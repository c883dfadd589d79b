"""What needs somebody, counted up to a hundred: whoever has more has no use for the exact number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tillkeeper import routing
from tillkeeper.gateway import Gateway
from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import findings
from tillkeeper.reports import jobs, secrets, time, versions
from tillkeeper.reports.invariants import TITLES
from tillkeeper.reports.versions import Level
from tillkeeper.routing import Maintenance, Switch

counted_max = 100

# Each is read from an index that holds little else.
COUNTS = {
    "disputes": "SELECT FROM dispute WHERE status IN ('needs_response', 'warning')",
    "dead": "SELECT FROM inbox_message WHERE status = 'dead'",
    "quarantined": "SELECT FROM inbox_message WHERE status = 'quarantined'",
    "discrepancies": "SELECT FROM discrepancy WHERE status = 'open' AND kind <> 'in_transit'",
    "refunds": "SELECT FROM operation WHERE state = 'given_up' AND kind = 'refund'",
    "review": "SELECT FROM payment WHERE status = 'in_review'",
    "endpoints": "SELECT FROM webhook_endpoint WHERE NOT enabled AND deleted_at IS NULL",
}
ALL = ", ".join(
    f"(SELECT count(*) FROM ({query} LIMIT {counted_max}) AS some_of_them) AS {name}" for name, query in COUNTS.items()
)
DUE = "SELECT min(due_at) FROM dispute WHERE status IN ('needs_response', 'warning')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Hold one thing that needs somebody: what it is, how many, of what, and the moment by or since which it does."""

    what: str
    count: int = 1
    of: str = ""
    because: str = ""
    at: str | None = None

    @property
    def shown(self) -> str:
        """Write the number."""
        return str(self.count) if self.count < counted_max else f"{counted_max - 1}+"


async def show(tx: Transaction, gateways: Mapping[str, Gateway], now: datetime, maintenance: Maintenance) -> list[Need]:
    """List what needs somebody, the most pressing first; nothing when all is well."""
    counts = await tx.fetchrow(f"SELECT {ALL}, ({DUE}) AS due_at")
    assert counts, "counts are always there"
    found = [Need(what="invariant", of=name, because=TITLES.get(name, name)) for name in await _broken(tx)]
    found += await _idle(tx, now)
    if maintenance.active:
        found.append(Need(what="maintenance", because=maintenance.reason or "", at=time(maintenance.at)))
    found += [
        Need(what=name, count=counts[name], at=time(counts["due_at"]) if name == "disputes" else None)
        for name in COUNTS
        if counts[name]
    ]
    found += _troubled((await routing.states(tx, list(gateways))).values())
    for each in await versions.show(tx, gateways, now):
        if each["level"] != Level.OK:
            found.append(Need(what="version", of=str(each["gateway"]), because="; ".join(map(str, _reasons(each)))))
    found += [
        Need(what="secret", of=name, because=f"it has been the same for {days} days")
        for name, days in sorted((await secrets.old(tx, now)).items())
    ]
    return found


async def _broken(tx: Transaction) -> list[str]:
    """Name what the last looks found broken."""
    return sorted({finding.name for finding in await findings.latest(tx) if finding.violations})


async def _idle(tx: Transaction, now: datetime) -> list[Need]:
    """Tell that no worker is at work any more; of a program that was never started there is no sign to miss."""
    sign = await jobs.last_sign(tx)
    quiet = sign is not None and now - sign > timedelta(seconds=jobs.quiet_seconds)
    return [Need(what="worker", at=time(sign))] if quiet else []


def _troubled(states: Iterable[routing.GatewayState]) -> list[Need]:
    found = []
    for state in sorted(states, key=lambda each: each.gateway):
        if state.switch is not Switch.ON:
            found.append(Need(what="switched", of=state.gateway, because=state.switch))
        elif state.degraded:
            found.append(Need(what="degraded", count=state.failures, of=state.gateway, because=state.breaker))
    return found


def _reasons(shown: Mapping[str, object]) -> list[object]:
    reasons = shown["reasons"]
    return reasons if isinstance(reasons, list) else []
