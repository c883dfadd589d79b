"""A merchant's program that takes webhooks and keeps what came as it came, as proof for whoever sent it."""

import hashlib
import sqlite3
from collections.abc import Mapping
from typing import Any

MESSAGE, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
COLUMNS = ("message", "digest", "times", "timestamp", "signature", "body")
header_length_max = 1_000


def take(connection: sqlite3.Connection, headers: Mapping[str, str], body: bytes) -> None:
    """Note a message by its id; one that comes again with another body stands beside the first."""
    message, timestamp, signature = (
        headers.get(name, "")[:header_length_max] for name in (MESSAGE, TIMESTAMP, SIGNATURE)
    )
    connection.execute(
        "INSERT INTO heard (message, digest, times, timestamp, signature, body) VALUES (?, ?, 1, ?, ?, ?)"
        " ON CONFLICT (message, digest) DO UPDATE SET times = times + 1,"
        " timestamp = excluded.timestamp, signature = excluded.signature",
        (message, hashlib.sha256(body).hexdigest(), timestamp, signature, body.decode(errors="replace")),
    )


def listing(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """List every message as it came last, and how often it came."""
    rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM heard ORDER BY message, digest").fetchall()  # noqa: S608 (constants)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
