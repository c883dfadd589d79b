"""All SQL of sightings of secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tillkeeper.credentials.values import Place, Sealed
from tillkeeper.kernel.db import Transaction

sample_seconds_max = 600
"""What was forgotten is empty, and may have to be gone through."""


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


async def seen(tx: Transaction, name: str) -> list[str]:
    """Read which fingerprints of a name there ever were, the newest first."""
    rows = await tx.fetch(
        "SELECT fingerprint FROM secret_sighting WHERE name = $1 ORDER BY first_seen_at DESC, fingerprint", name
    )
    return [row["fingerprint"] for row in rows]


async def columns(tx: Transaction) -> set[tuple[str, str]]:
    """Read which columns of bytes there are."""
    rows = await tx.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'bytea'"
    )
    return {(row["table_name"], row["column_name"]) for row in rows}


async def sample(tx: Transaction, place: Place, limit: int) -> list[bytes]:
    """Read rows that hold something sealed, from both ends; one stands in both where there are few."""
    statement = f"""
        (SELECT {place.key} AS key, {place.column} AS content FROM {place.table}
         WHERE length({place.column}) > 0 ORDER BY {place.key} LIMIT $1)
        UNION
        (SELECT {place.key}, {place.column} FROM {place.table}
         WHERE length({place.column}) > 0 ORDER BY {place.key} DESC LIMIT $1)
    """
    return [row["content"] for row in await tx.fetch_long(statement, limit, seconds_max=sample_seconds_max)]


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
