"""Spans of time as people type them: days, or moments to the minute, in UTC."""

from datetime import UTC, datetime, timedelta

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.web.dashboard.desk import Desk

WRONG = "A moment is written 2026-11-21 or 2026-11-21T10:30, in UTC."
day_length = len("2026-11-21")


def typed(desk: Desk, name: str) -> datetime | None:
    """Read the moment in a field, a day from its beginning; raises InvalidFieldError."""
    text = desk.given(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidFieldError(WRONG, param=name) from error


def ended(desk: Desk, name: str) -> datetime | None:
    """Read the moment at which a span ends: a day counts as a whole; raises InvalidFieldError."""
    moment = typed(desk, name)
    if moment is None or len(str(desk.given(name))) > day_length:
        return moment
    try:
        return moment + timedelta(days=1)
    except OverflowError as error:
        raise InvalidFieldError(WRONG, param=name) from error
