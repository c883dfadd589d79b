"""Outages: a gateway that answers nothing for a while, and one answer that gets lost."""

import sqlite3

from tillkeeper.sandbox_kit import clock

outage_seconds_max = 600


def begin(connection: sqlite3.Connection, gateway: str, seconds: int) -> None:
    """Let every call to a gateway fail from now on, for a while."""
    connection.execute(
        "INSERT OR REPLACE INTO outage (gateway, until_ms) VALUES (?, ?)", (gateway, clock.now_ms() + seconds * 1000)
    )


def end(connection: sqlite3.Connection, gateway: str) -> None:
    """Let a gateway answer again before its time."""
    connection.execute("DELETE FROM outage WHERE gateway = ?", (gateway,))


def reigns(connection: sqlite3.Connection, gateway: str) -> bool:
    """Tell whether a gateway is out of order."""
    found = connection.execute("SELECT 1 FROM outage WHERE gateway = ? AND until_ms > ?", (gateway, clock.now_ms()))
    return found.fetchone() is not None


def lose(connection: sqlite3.Connection, gateway: str, thing: str) -> None:
    """Lose the answer to the next call that names a thing in its path."""
    connection.execute("INSERT OR IGNORE INTO lost (gateway, thing) VALUES (?, ?)", (gateway, thing))


def loses(connection: sqlite3.Connection, gateway: str, path: str) -> bool:
    """Tell whether the answer to this call gets lost, which happens once."""
    found = connection.execute(
        "SELECT thing FROM lost WHERE gateway = ? AND instr(? || '/', '/' || thing || '/')", (gateway, path)
    ).fetchone()
    if found:
        connection.execute("DELETE FROM lost WHERE gateway = ? AND thing = ?", (gateway, found[0]))
    return found is not None
