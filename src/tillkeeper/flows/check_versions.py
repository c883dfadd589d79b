"""Once a week, tell operators of gateways whose API versions are old, or are not those that we are built for."""

from datetime import datetime
from uuid import UUID

from tillkeeper.flows.notify import alert
from tillkeeper.kernel import ids, logs
from tillkeeper.reports import versions
from tillkeeper.reports.versions import Level
from tillkeeper.till import Till

CHECKED = UUID(int=0)
"""What the ids of alerts are derived from, together with a gateway and a week."""


async def check_versions(till: Till) -> int:
    """Write to operators about each gateway that somebody should look at, once a week; return how many there are."""
    now = till.now()
    async with till.db.transaction() as tx:
        strange = [each for each in await versions.show(tx, till.gateways, now) if each["level"] != Level.OK]
        for each in strange:
            gateway, reasons = str(each["gateway"]), each["reasons"]
            assert isinstance(reasons, list), "the report lists them"
            why = "; ".join(reasons)
            logs.worker.warning("api_version", gateway=gateway, level=each["level"], reason=why)
            source = ids.derive(CHECKED, gateway, _week(now))
            told = {"gateway": gateway, "level": each["level"], "reason": why, "built_for": each["built_for"]}
            await alert(tx, till, "version.outdated", source, **told)
    return len(strange)


def _week(now: datetime) -> str:
    year, week, _ = now.isocalendar()
    return f"{year}-W{week:02}"
