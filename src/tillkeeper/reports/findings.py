"""What was looked at and how it is, as the page Health lists it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

minute_seconds = 60
hour_seconds = 3_600


class State(StrEnum):
    """Grade a finding: all is well, somebody should know, or something does not work."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold what was looked at, how it is and, unless all is well, what to do."""

    what: str
    state: State
    found: str
    fix: str = ""


def long(span: timedelta) -> str:
    """Write how long something is, as roughly as people say it."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < minute_seconds:
        return f"{seconds} s"
    if seconds < hour_seconds:
        return f"{seconds // minute_seconds} min"
    hours = seconds // hour_seconds
    return f"{hours} h" if span < timedelta(days=2) else f"{span.days} days"
