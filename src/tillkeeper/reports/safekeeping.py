"""Whether there is a backup that could be restored, in findings as the others on the page Health."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import backups as report
from tillkeeper.reports.findings import Finding, State, long
from tillkeeper.settings import Settings

backup_age_max = timedelta(hours=26)
"""Backups are made each night, and a night may be long."""
drill_age_max = timedelta(days=8)
"""Drills are due on Mondays."""
Shown = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Safe:
    """Hold what is known of backups: the last one, the last drill, and whether this is a restored copy."""

    backup: Shown = None
    drill: Shown = None
    copy: Shown = None


async def look(tx: Transaction) -> Safe:
    """Read what is known of backups."""
    return Safe(backup=await report.last_backup(tx), drill=await report.last_drill(tx), copy=await report.isolation(tx))


def examine(safe: Safe, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Look at the last backup, at the last drill, and at what was restored."""
    if safe.copy:
        found = f"This is a copy of {safe.copy['taken_at'] or 'an unknown moment'}: it calls, sends and sells nothing."
        yield Finding(
            "Restored copy", State.BROKEN, found, "See `till isolation status`, then `till isolation release`."
        )
    if not settings.backup_path:
        state = State.WARNING if settings.live else State.OK
        fix = "Set BACKUP_PATH and TILL_BACKUP_KEY, and let `till backup` run each night." if settings.live else ""
        yield Finding("Backups", state, "Nobody makes any here; a shop that is live needs them", fix)
        return
    yield _backup(safe.backup, now)
    yield _drill(safe.drill, now)


def _backup(last: Shown, now: datetime) -> Finding:
    fix = "Let `till backup` run each night, and look why it did not."
    if last is None:
        return Finding("Backups", State.BROKEN, "There is none.", fix)
    age = now - datetime.fromisoformat(last["taken_at"])
    found = f"The last good one is {long(age)} old: {last['file']}, {last['bytes']:,} bytes"
    if age > backup_age_max:
        return Finding("Backups", State.BROKEN, f"{found}.", fix)
    return Finding("Backups", State.OK, found)


def _drill(last: Shown, now: datetime) -> Finding:
    fix = "Try it now with `till restore-drill`, or by the button on the page Health."
    if last is None:
        return Finding("Restore drill", State.WARNING, "Nobody has tried to restore a backup yet.", fix)
    age, report_ = long(now - datetime.fromisoformat(last["finished_at"])), last["report"]
    if last["status"] != "passed":
        wrong = "; ".join(f"{check['name']}: {check['found']}" for check in report_["checks"] if not check["ok"])
        return Finding("Restore drill", State.BROKEN, f"The one of {age} ago failed. {wrong}", fix)
    if now - datetime.fromisoformat(last["finished_at"]) > drill_age_max:
        return Finding("Restore drill", State.WARNING, f"The last one is {age} old.", fix)
    seconds = report_["rto_ms"] // 1000
    return Finding("Restore drill", State.OK, f"{last['file']} was restored and proved {age} ago, in {seconds:,} s")
