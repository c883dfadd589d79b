"""Moments as they are written for others."""

from datetime import UTC, datetime


def written(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
