"""Prove what must always be true: what changed last every minute, everything once a night."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tillkeeper.flows.notify import alert
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import Finding, findings
from tillkeeper.reports import invariants
from tillkeeper.till import Till

night_hour = 3
"""The hour, in UTC, at which everything is proved."""
samples_told = 3
EXAMINED = UUID(int=0)
"""What the ids of alerts are derived from, together with a name and a day."""
recent_lease_seconds = 300
full_lease_seconds = 7_200


async def examine(till: Till) -> int:
    """Examine what is due, each slot of time once however many workers there are; return how many things are broken."""
    now = till.now()
    minute = now.replace(second=0, microsecond=0)
    night = (now - timedelta(hours=night_hour)).replace(hour=night_hour, minute=0, second=0, microsecond=0)
    broken = await _examine(till, "recent", minute, recent_lease_seconds)
    return broken + await _examine(till, "full", night, full_lease_seconds)


async def _examine(till: Till, scope: str, slot: datetime, lease_seconds: int) -> int:
    async with till.db.transaction() as tx:
        if not await findings.take(tx, scope, slot, lease_seconds=lease_seconds):
            return 0
    found = await read(till, lambda tx: invariants.examine(tx, recent=scope == "recent"))
    async with till.db.transaction() as tx:
        if not await findings.finish(tx, scope, slot):
            return 0
        await findings.save(tx, found, scope=scope, at=till.now())
        await _alert_operators(tx, till, found)
    return _alert(scope, found)


async def _alert_operators(tx: Transaction, till: Till, found: Sequence[Finding]) -> None:
    """Write to operators of each thing that is broken, once a day until it is mended."""
    day = till.now().date().isoformat()
    for finding in found:
        if finding.violations:
            source = ids.derive(EXAMINED, finding.name, day)
            sample = "; ".join(finding.sample[:samples_told])
            told = {"invariant": finding.name, "violations": finding.violations, "sample": sample}
            await alert(tx, till, "invariant.broken", source, what=invariants.TITLES[finding.name], **told)


def _alert(scope: str, found: Sequence[Finding]) -> int:
    """Say loudly what is broken, each time until it is mended."""
    broken = [finding for finding in found if finding.violations]
    for finding in broken:
        logs.books.error(
            "invariant_broken",
            invariant=finding.name,
            scope=scope,
            violations=finding.violations,
            sample=list(finding.sample),
            what=invariants.TITLES[finding.name],
        )
    return len(broken)
