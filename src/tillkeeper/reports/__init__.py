"""What people and programs are shown: read-only SQL across packages."""

from datetime import UTC, datetime


def time(moment: datetime | None) -> str | None:
    """Write a moment as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
