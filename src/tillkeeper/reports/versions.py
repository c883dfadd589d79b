"""In which versions of their APIs gateways write to us, how old those are, and whether ours is meant."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from tillkeeper.gateway import Gateway
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time

age_warning_days = 180
age_critical_days = 365
VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([a-z]+))?")
"""A day, and the train on which it left: what changes between trains can break an adapter."""


class Level(StrEnum):
    """Name how soon somebody should look."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold what is to be said of one gateway's newest version; the age is in days, None when it names no day."""

    level: Level
    age_days: int | None
    reasons: tuple[str, ...]


async def show(tx: Transaction, gateways: Mapping[str, Gateway], now: datetime) -> list[dict[str, object]]:
    """Report on every gateway whose API has versions, newest version first."""
    rows = await tx.fetch("SELECT * FROM gateway_version ORDER BY gateway, version DESC")
    shown: list[dict[str, object]] = []
    for name, gateway in sorted(gateways.items()):
        seen = [row for row in rows if row["gateway"] == name]
        if not seen and gateway.api_version is None:
            continue
        versions = [row["version"] for row in seen]
        verdict = judge(versions, gateway.api_version, now.date())
        shown.append(
            {
                "gateway": name,
                "level": verdict.level,
                "reasons": list(verdict.reasons),
                "age_days": verdict.age_days,
                "built_for": gateway.api_version,
                "seen": [
                    {
                        "version": row["version"],
                        "first_seen_at": time(row["first_seen_at"]),
                        "last_seen_at": time(row["last_seen_at"]),
                    }
                    for row in seen
                ],
            }
        )
    return shown


def judge(seen: Sequence[str], built_for: str | None, today: date) -> Verdict:
    """Say how old the newest version is, and whether any other train than ours was seen."""
    parts = [VERSION.fullmatch(version) for version in seen]
    read = [(_day(part[1]), part[2]) for part in parts if part]
    days = [day for day, _ in read if day]
    age = (today - max(days)).days if days else None
    level, reasons = _by_age(age)
    ours = VERSION.fullmatch(built_for or "")
    strange = sorted({train or "none" for _, train in read if ours and train != ours[2]})
    if ours and strange:
        level = max(level, Level.WARNING, key=list(Level).index)
        reasons.append(f"webhooks come on the train {', '.join(strange)}; our adapter is built for {ours[2] or 'none'}")
    odd = len(seen) - len(days)
    if odd:
        level = max(level, Level.WARNING, key=list(Level).index)
        reasons.append(f"{odd} of {len(seen)} versions seen name no day")
    return Verdict(level=level, age_days=age, reasons=tuple(reasons))


def _by_age(age: int | None) -> tuple[Level, list[str]]:
    if age is None or age < age_warning_days:
        return Level.OK, []
    limit = age_critical_days if age >= age_critical_days else age_warning_days
    level = Level.CRITICAL if age >= age_critical_days else Level.WARNING
    return level, [f"the newest version seen is {age} days old; {limit} is the limit"]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
