"""Backups, drills and restored copies, as plain values."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self
from uuid import UUID

from tillkeeper.kernel.encrypted import DamagedFileError

FORM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Hold what was so in the database at the moment of a backup; it travels in the head of the file."""

    taken_at: datetime
    revision: str
    server_version: str
    program_major: int = 0
    """Which pg_dump wrote it: an older pg_restore cannot read that."""
    database: str
    encoding: str
    collate: str
    ctype: str
    roles: tuple[str, ...]
    """Who was granted something, and must be there before it can be granted again."""
    tables: Mapping[str, int]
    """How many rows each had."""
    seal_number: int
    seal_hash: str

    @property
    def server_major(self) -> int:
        """Tell the major version of the server."""
        return int(self.server_version.partition(".")[0])

    @property
    def rows(self) -> int:
        """Tell how many rows there were."""
        return sum(self.tables.values())

    def written(self) -> dict[str, object]:
        """Write them as JSON has them."""
        told = asdict(self)
        return {"form": FORM, **told, "taken_at": self.taken_at.isoformat(), "roles": list(self.roles)}

    @classmethod
    def read(cls, head: bytes) -> Self:
        """Read the head of a file; raises DamagedFileError."""
        try:
            told = json.loads(head)
            if told.pop("form") != FORM:
                message = "It was written by a newer version of Tillkeeper; use that one."
                raise DamagedFileError(message)
            at = datetime.fromisoformat(told.pop("taken_at"))
            return cls(taken_at=at, roles=tuple(told.pop("roles")), **told)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            message = "Its head cannot be read."
            raise DamagedFileError(message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Hold a file that was written, and read again, as a backup."""

    id: UUID
    path: Path
    facts: Facts
    size: int
    sha256: str
    took_ms: int
    removed: tuple[str, ...] = ()
    """Older files that went for it."""

    @property
    def name(self) -> str:
        """Name the file."""
        return self.path.name

    def manifest(self) -> dict[str, object]:
        """Write what lies beside the file for people and programs."""
        told = {"file": self.name, "bytes": self.size, "sha256": self.sha256, "took_ms": self.took_ms}
        return {**told, **self.facts.written()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Hold one thing that was looked at in a restored copy, and how it is."""

    name: str
    ok: bool
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Hold what came of a drill."""

    file: str | None
    checks: tuple[Check, ...]
    rto_ms: int
    """From the beginning until the copy was restored and proved."""
    rpo_seconds: int | None
    """How old the newest data in the backup was: what would have been lost."""
    size: int = 0
    rows: int = 0
    snapshot: str | None = None
    """The backup of the present state that was made first."""
    times_ms: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Tell whether everything was as it must be."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def failures(self) -> list[str]:
        """Say what was not."""
        return [f"{check.name}: {check.found}" for check in self.checks if not check.ok]

    def written(self) -> dict[str, object]:
        """Write it as JSON has it."""
        return {"passed": self.passed, **asdict(self)}


class DrillStatus(StrEnum):
    """Name how far a drill is."""

    WISHED = "wished"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Hold since when a restored copy is kept apart, and which file it came from."""

    since: datetime
    source: str
    taken_at: datetime | None
