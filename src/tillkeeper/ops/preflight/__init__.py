"""GO or NO-GO: whether an installation may take real money, looked at one by one, with a way out of each problem."""

from dataclasses import dataclass, replace
from pathlib import Path

from tillkeeper.ops.doctor import Finding, State
from tillkeeper.ops.preflight import broker_checks, database_checks, machine_checks, network_checks, secret_checks
from tillkeeper.ops.preflight.ground import Ground, gather

__all__ = ["CHECKS", "Finding", "Ground", "Looked", "State", "examine", "gather", "judge"]

CHECKS = {
    "configuration": network_checks.CONFIGURATION,
    "database": database_checks.CHECKS,
    "broker and workers": broker_checks.CHECKS,
    "secrets": secret_checks.CHECKS,
    "network": network_checks.CHECKS,
    "machine": machine_checks.CHECKS,
}
"""Each looks at one thing and needs nothing but what was gathered."""
WITHOUT_SETTINGS = frozenset({"configuration", "machine"})


@dataclass(frozen=True, slots=True)
class Looked:
    """Hold what one check found, and which part of the installation it is about."""

    part: str
    finding: Finding


async def examine(checkout: Path, *, production: bool) -> list[Looked]:
    """Look at everything and change nothing."""
    return judge(await gather(checkout, production=production))


def judge(ground: Ground) -> list[Looked]:
    """Grade what was gathered; before real money moves, some of it may be as it is."""
    found = []
    for part, checks in CHECKS.items():
        if ground.settings is None and part not in WITHOUT_SETTINGS:
            continue
        for check in checks:
            finding = check(ground)
            if finding:
                found.append(Looked(part, finding if ground.production else _for_now(finding, part)))
    return found


def _for_now(finding: Finding, part: str) -> Finding:
    """Let what keeps nobody from working be a note as long as no real money moves."""
    if finding.state is State.PROBLEM and part == "network":
        return replace(finding, state=State.NOTE)
    return finding
