"""A merchant's program that takes webhooks: which messages came, as proof for whoever sent them."""

import hashlib
import sqlite3
from typing import Any

message_length_max = 255


def take(connection: sqlite3.Connection, message: str, body: bytes) -> None:
    """Note a message by its id; one that comes again with another body stands beside the first."""
    connection.execute(
        "INSERT INTO taken (message, digest, times) VALUES (?, ?, 1)"
        " ON CONFLICT (message, digest) DO UPDATE SET times = times + 1",
        (message[:message_length_max], hashlib.sha256(body).hexdigest()),
    )


def listing(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """List every message with the digest of its body, and how often it came."""
    rows = connection.execute("SELECT message, digest, times FROM taken ORDER BY message, digest").fetchall()
    return [{"message": message, "digest": digest, "times": times} for message, digest, times in rows]
