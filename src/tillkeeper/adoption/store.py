"""All SQL of what was taken over."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.adoption.values import Key
from tillkeeper.kernel.db import Transaction


async def digests(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Read what was taken over under these names."""
    rows = await tx.fetch(
        """
        SELECT asked.kind, asked.external_id, adoption.digest
        FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (kind, external_id, forgotten)
        JOIN adoption ON adoption.kind = asked.kind
            AND adoption.external_id = ANY (ARRAY[asked.external_id, asked.forgotten])
        """,
        [kind for kind, _ in keys],
        [name for _, name in keys],
        [_forgotten(name) for _, name in keys],
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


async def forget(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Leave of payments' names what only somebody who brings a name can compare it with."""
    rows = await tx.fetch(
        "SELECT id, external_id FROM adoption WHERE kind = 'payment' AND id = ANY ($1::uuid[]) AND digest <> ''",
        list(payments),
    )
    await tx.execute(
        """
        UPDATE adoption SET external_id = told.name, digest = ''
        FROM unnest($1::uuid[], $2::text[]) AS told (id, name) WHERE adoption.id = told.id
        """,
        [row["id"] for row in rows],
        [_forgotten(row["external_id"]) for row in rows],
    )


def _forgotten(name: str) -> str:
    return f"forgotten_{hashlib.sha256(name.encode()).hexdigest()}"


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
