"""All SQL of backups."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.backups.values import Backup, Isolation, Report
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction


async def insert(tx: Transaction, made: Backup) -> None:
    """Write down a backup that was proved."""
    await tx.execute(
        "INSERT INTO backup (id, file, taken_at, bytes, sha256, rows, took_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        made.id,
        made.name,
        made.facts.taken_at,
        made.size,
        bytes.fromhex(made.sha256),
        made.facts.rows,
        made.took_ms,
    )


async def wish(tx: Transaction, id_: UUID, who: str) -> bool:
    """Ask for a drill; false when one is asked for already."""
    return bool(await tx.execute("INSERT INTO drill (id, wished_by) VALUES ($1, $2) ON CONFLICT DO NOTHING", id_, who))


async def take(tx: Transaction, lease_seconds: int) -> tuple[UUID, UUID] | None:
    """Take the drill that is asked for, or whose worker is gone; return its id and the right to it."""
    row = await tx.fetchrow(
        """
        UPDATE drill
        SET status = 'running', token = $1, lease_until = clock_timestamp() + $2 * interval '1 second'
        WHERE id = (
            SELECT id FROM drill
            WHERE status = 'wished' OR status = 'running' AND lease_until < clock_timestamp()
            LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, token
        """,
        ids.new(),
        lease_seconds,
    )
    return (row["id"], row["token"]) if row else None


async def renew(tx: Transaction, token: UUID, lease_seconds: int) -> bool:
    """Hold a drill for as long again, if it is still held."""
    return bool(
        await tx.execute(
            "UPDATE drill SET lease_until = clock_timestamp() + $2 * interval '1 second' WHERE token = $1",
            token,
            lease_seconds,
        )
    )


async def drills(tx: Transaction, ids_: Sequence[UUID]) -> set[UUID]:
    """Find out which of these are drills."""
    return {row["id"] for row in await tx.fetch("SELECT id FROM drill WHERE id = ANY($1::uuid[])", list(ids_))}


async def finish(tx: Transaction, token: UUID, report: Report) -> bool:
    """Write down what came of a drill, if it is still held."""
    return bool(
        await tx.execute(
            """
            UPDATE drill
            SET status = $2, token = NULL, lease_until = NULL, finished_at = clock_timestamp(), file = $3, report = $4
            WHERE token = $1
            """,
            token,
            "passed" if report.passed else "failed",
            report.file,
            report.written(),
        )
    )


async def isolate(tx: Transaction, wanted: Isolation) -> None:
    """Keep a database apart; from the moment on that it says first."""
    await tx.execute(
        "INSERT INTO isolation (id, since, source, taken_at) SELECT 1, $1, $2, $3"
        " WHERE NOT EXISTS (SELECT FROM isolation)",
        wanted.since,
        wanted.source,
        wanted.taken_at,
    )


async def isolation(tx: Transaction) -> Isolation | None:
    """Tell since when a database is kept apart, if it is."""
    row: Record | None = await tx.fetchrow("SELECT since, source, taken_at FROM isolation")
    return Isolation(**row) if row else None


async def release(tx: Transaction) -> None:
    """Keep a database apart no more."""
    await tx.execute("DELETE FROM isolation")
