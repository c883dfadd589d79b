"""What people and programs are shown: read-only SQL across packages."""

from datetime import datetime

from tillkeeper.kernel import moments


def time(moment: datetime | None) -> str | None:
    """Write a moment as RFC 3339 in UTC."""
    return moments.written(moment) if moment else None
