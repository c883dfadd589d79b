"""All SQL of sightings of secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tillkeeper.credentials.values import Place, Sealed
from tillkeeper.kernel.db import Transaction


async def newest(tx: Transaction, names: Sequence[str]) -> dict[str, str]:
    """Read which fingerprint of each name came last."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT ON (name) name, fingerprint FROM secret_sighting WHERE name = ANY($1::text[])
        ORDER BY name, first_seen_at DESC
        """,
        list(names),
    )
    return {row["name"]: row["fingerprint"] for row in rows}


async def sight(tx: Transaction, seen: Mapping[str, str], at: datetime) -> list[str]:
    """Write down when each fingerprint was seen; return the names of those that were never seen before."""
    rows = await tx.fetch(
        """
        INSERT INTO secret_sighting AS known (name, fingerprint, first_seen_at, last_seen_at)
        SELECT name, fingerprint, $3, $3
        FROM unnest($1::text[], $2::text[]) AS seen (name, fingerprint) ORDER BY name
        ON CONFLICT (name, fingerprint) DO UPDATE SET last_seen_at = greatest(known.last_seen_at, $3)
        RETURNING name, first_seen_at = $3 AND xmax = 0 AS fresh
        """,
        list(seen),
        list(seen.values()),
        at,
    )
    return [row["name"] for row in rows if row["fresh"]]


async def page(tx: Transaction, place: Place, after: object, limit: int) -> list[Sealed]:
    """Lock a page of rows that hold something sealed."""
    rows = await tx.fetch(
        f"""
        SELECT {place.key} AS key, {place.column} AS content FROM {place.table}
        WHERE ($1::{place.type} IS NULL OR {place.key} > $1) AND length({place.column}) > 0
        ORDER BY {place.key} LIMIT $2 FOR NO KEY UPDATE
        """,
        after,
        limit,
    )
    return [Sealed(row["key"], row["content"]) for row in rows]


async def replace(tx: Transaction, place: Place, renewed: Sequence[Sealed]) -> None:
    """Write what was sealed again."""
    await tx.execute(
        f"""
        UPDATE {place.table} SET {place.column} = renewed.content
        FROM unnest($1::{place.type}[], $2::bytea[]) AS renewed (key, content)
        WHERE {place.table}.{place.key} = renewed.key
        """,
        [each.key for each in renewed],
        [each.content for each in renewed],
    )
