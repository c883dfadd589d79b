"""Which backups stay, as pure functions."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

SUFFIX = ".tillbackup"
NAME = re.compile(r"tillkeeper-(\d{8}T\d{6}Z)\.tillbackup")
SNAPSHOT = re.compile(r"tillkeeper-drill-(\d{8}T\d{6}Z)\.tillbackup")
kept = 5
"""How many backups stay where nobody said a number."""


def name(at: datetime) -> str:
    """Name the file of a backup after its moment, so that names are in the order of time."""
    return f"tillkeeper-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def name_of_snapshot(at: datetime) -> str:
    """Name the backup that a drill makes first, so that neither of the two kinds ever takes the place of the other."""
    return f"tillkeeper-drill-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def is_snapshot(file: str) -> bool:
    """Tell whether a file is named as one that a drill made first."""
    return SNAPSHOT.fullmatch(file) is not None


def is_ours(file: str) -> bool:
    """Tell whether a file is named as a backup of ours."""
    return NAME.fullmatch(file) is not None


def staying(chosen: int | None, *, before: int) -> int:
    """Tell how many backups stay: as many as were chosen, else no fewer than there were, and no fewer than five."""
    return chosen or max(kept, before)


def too_many(files: Sequence[str], *, keep: int) -> list[str]:
    """List the backups that go so that the newest stay; what is named otherwise always stays."""
    assert keep > 0, "without a backup there is nothing to restore"
    return sorted(file for file in files if is_ours(file))[:-keep]
