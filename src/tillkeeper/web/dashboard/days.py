"""Days as people type them into filters, in UTC."""

from datetime import datetime, timedelta

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.web.dashboard.desk import Desk

DAY_WRONG = "A day is written 2026-11-21."


def day(desk: Desk, name: str) -> datetime | None:
    """Read when a day begins; raises InvalidFieldError."""
    written = desk.given(name)
    if written is None:
        return None
    try:
        return datetime.fromisoformat(f"{written}T00:00:00+00:00")
    except ValueError as error:
        raise InvalidFieldError(DAY_WRONG, param=name) from error


def day_after(moment: datetime | None) -> datetime | None:
    """Include the last day as a whole."""
    return moment + timedelta(days=1) if moment else None
