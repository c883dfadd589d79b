"""Which moment is due."""

from datetime import UTC, datetime

from tillkeeper.schedules.values import Calendar

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def latest(calendar: Calendar, now: datetime) -> datetime:
    """Tell the last moment up to now at which something was due."""
    first = MONDAY + calendar.after
    return first + (now - first) // calendar.every * calendar.every


def following(calendar: Calendar, slot: datetime) -> datetime:
    """Tell the moment after this one."""
    return slot + calendar.every
