"""Days and moments as people type them into forms."""

from datetime import UTC, datetime, timedelta

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.web.dashboard.desk import Desk

DAY_WRONG = "A day is written 2026-11-21."


def begin_of(desk: Desk, name: str) -> datetime | None:
    """Read when the day begins that was typed into a field, in UTC; raises InvalidFieldError."""
    written = desk.given(name)
    if written is None:
        return None
    try:
        return datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidFieldError(DAY_WRONG, param=name) from error


def end_of(desk: Desk, name: str) -> datetime | None:
    """Read when the day is over that was typed into a field, in UTC; raises InvalidFieldError."""
    begin = begin_of(desk, name)
    try:
        return begin + timedelta(days=1) if begin else None
    except OverflowError as error:
        raise InvalidFieldError(DAY_WRONG, param=name) from error
