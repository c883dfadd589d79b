"""Which backups stay, as pure functions."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

SUFFIX = ".tillbackup"
NAME = re.compile(r"tillkeeper-(\d{8}T\d{6}Z)\.tillbackup")


def name(at: datetime) -> str:
    """Name the file of a backup after its moment, so that names are in the order of time."""
    return f"tillkeeper-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def is_ours(file: str) -> bool:
    """Tell whether a file is named as a backup of ours."""
    return NAME.fullmatch(file) is not None


def too_many(files: Sequence[str], *, keep: int) -> list[str]:
    """List the backups that go so that the newest stay; what is named otherwise always stays."""
    assert keep > 0, "without a backup there is nothing to restore"
    return sorted(file for file in files if is_ours(file))[:-keep]
