"""All SQL of what was taken over."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.adoption.values import Key
from tillkeeper.kernel.db import Transaction


async def digests(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Read what was taken over under these names."""
    rows = await tx.fetch(
        """
        SELECT kind, external_id, digest
        FROM unnest($1::text[], $2::text[]) AS asked (kind, external_id) JOIN adoption USING (kind, external_id)
        """,
        [kind for kind, _ in keys],
        [name for _, name in keys],
    )
    return {(row["kind"], row["external_id"]): row["digest"] for row in rows}


async def insert(tx: Transaction, new: dict[Key, tuple[UUID, bytes]], at: datetime) -> set[Key]:
    """Claim names that nobody has claimed yet, in their order; return those that are ours now."""
    rows = await tx.fetch(
        """
        INSERT INTO adoption (kind, external_id, id, digest, at)
        SELECT kind, external_id, id, digest, $5
        FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bytea[]) AS new (kind, external_id, id, digest)
        ORDER BY kind, external_id
        ON CONFLICT DO NOTHING
        RETURNING kind, external_id
        """,
        [kind for kind, _ in new],
        [name for _, name in new],
        [id_ for id_, _ in new.values()],
        [digest for _, digest in new.values()],
        at,
    )
    return {(row["kind"], row["external_id"]) for row in rows}


async def erase(tx: Transaction, user: str, payments: Sequence[UUID]) -> None:
    """Name what was taken over by our own ids."""
    await tx.execute(
        """
        UPDATE adoption SET external_id = 'erased_' || id, digest = ''
        WHERE (kind = 'user' AND external_id = $1) OR (kind = 'payment' AND id = ANY ($2::uuid[]))
        """,
        user,
        list(payments),
    )
