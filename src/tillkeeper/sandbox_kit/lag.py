"""Lag: a new object that look-ups do not find yet, as at a gateway whose replicas are behind."""

import sqlite3

from tillkeeper.sandbox_kit import clock, luck
from tillkeeper.sandbox_kit.faults import Dial


def hide(connection: sqlite3.Connection, gateway: str, thing_id: str, *, dial: Dial) -> None:
    """Hide a new object for as many look-ups and as long as the dial says."""
    if dial.not_found_first or dial.not_found_ms:
        connection.execute(
            "INSERT INTO hidden (gateway, id, looks, until_ms) VALUES (?, ?, ?, ?)",
            (gateway, thing_id, dial.not_found_first, clock.now_ms() + dial.not_found_ms),
        )


def hidden(connection: sqlite3.Connection, gateway: str, thing_id: str) -> bool:
    """Look an object up: say whether it is hidden still, and count this look."""
    row = connection.execute(
        "SELECT looks, until_ms FROM hidden WHERE gateway = ? AND id = ?", (gateway, thing_id)
    ).fetchone()
    if row is None:
        return False
    looks, until_ms = row
    if looks <= 0 and clock.now_ms() >= until_ms:
        connection.execute("DELETE FROM hidden WHERE gateway = ? AND id = ?", (gateway, thing_id))
        return False
    connection.execute("UPDATE hidden SET looks = looks - 1 WHERE gateway = ? AND id = ?", (gateway, thing_id))
    luck.count(connection, gateway, "not_found_first" if looks > 0 else "not_found_ms", thing_id)
    return True
