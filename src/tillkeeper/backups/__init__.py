"""Backups: where they lie, what was written down of them, drills, and copies that are kept apart."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.backups import store
from tillkeeper.backups.rules import name, name_of_snapshot
from tillkeeper.backups.scratch import SCRATCH, DrillServerError, Server, server
from tillkeeper.backups.values import Backup, Check, DrillStatus, Facts, Isolation, Report
from tillkeeper.backups.vault import (
    BackupFolderError,
    BackupsOffError,
    NoBackupError,
    Vault,
    facts_of,
    manifest_of,
    needed,
    open_vault,
    unusable,
)
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction

__all__ = [
    "KEPT_OUT",
    "SCRATCH",
    "Backup",
    "BackupFolderError",
    "BackupsOffError",
    "Check",
    "DrillServerError",
    "DrillStatus",
    "Facts",
    "Isolation",
    "NoBackupError",
    "Report",
    "Server",
    "Vault",
    "drills_among",
    "facts_of",
    "finish_drill",
    "is_isolated",
    "isolate",
    "isolation",
    "manifest_of",
    "name",
    "name_of_snapshot",
    "needed",
    "note",
    "open_vault",
    "release",
    "renew_drill",
    "server",
    "take_drill",
    "unusable",
    "wish_drill",
]

KEPT_OUT = "isolation"
"""The table whose rows no backup holds: a copy says of itself that it is one."""
drill_lease_seconds = 60


async def note(tx: Transaction, made: Backup) -> None:
    """Write down a backup that was written and read again."""
    await store.insert(tx, made)


async def wish_drill(tx: Transaction, who: str) -> bool:
    """Ask for a drill, which a worker carries out; false when one is asked for already."""
    return await store.wish(tx, ids.new(), who)


async def take_drill(tx: Transaction) -> tuple[UUID, UUID] | None:
    """Take the drill that is asked for, under a lease; return its id and the right to it."""
    return await store.take(tx, drill_lease_seconds)


async def renew_drill(tx: Transaction, token: UUID) -> bool:
    """Keep a drill for as long again; false when it was lost to somebody else."""
    return await store.renew(tx, token, drill_lease_seconds)


async def drills_among(tx: Transaction, ids_: Sequence[UUID]) -> set[UUID]:
    """Tell which of these are drills of this installation."""
    return await store.drills(tx, ids_)


async def finish_drill(tx: Transaction, token: UUID, report: Report) -> bool:
    """Write down what came of a drill; false when it was lost to somebody else."""
    return await store.finish(tx, token, report)


async def isolate(tx: Transaction, source: str, taken_at: datetime | None, *, now: datetime) -> None:
    """Keep a restored copy apart: it calls no gateway, sends nothing, and takes no new payments."""
    await store.isolate(tx, Isolation(since=now, source=source, taken_at=taken_at))


async def isolation(tx: Transaction) -> Isolation | None:
    """Tell since when this is a restored copy that nobody has released, if it is."""
    return await store.isolation(tx)


async def is_isolated(tx: Transaction) -> bool:
    """Tell whether this is a restored copy that nobody has released."""
    return await store.isolation(tx) is not None


async def release(tx: Transaction) -> None:
    """Let a restored copy act like any other database."""
    await store.release(tx)
