"""Luck: dice that follow from the seed and a count in the books, and the tally of what was really injected."""

import hashlib
import sqlite3
from typing import Any

from tillkeeper.sandbox_kit import clock, faults
from tillkeeper.sandbox_kit.faults import Dial

listing_max = 10_000
percent = 100


def throw(connection: sqlite3.Connection, gateway: str, die: str, *, dial: Dial, sides: int) -> int:
    """Throw a die that shows 0 to one less than its sides; each die has a sequence of its own."""
    (thrown,) = connection.execute(
        "INSERT INTO throw (gateway, die, thrown) VALUES (?, ?, 1)"
        " ON CONFLICT (gateway, die) DO UPDATE SET thrown = thrown + 1 RETURNING thrown",
        (gateway, die),
    ).fetchone()
    digest = hashlib.sha256(f"{dial.seed}/{gateway}/{die}/{thrown}".encode()).digest()
    return int.from_bytes(digest[:8]) % sides


def strikes(connection: sqlite3.Connection, gateway: str, fault: str, *, dial: Dial) -> bool:
    """Throw for a fault that the dial gives a share in per cent."""
    share: int = getattr(dial, fault)
    return share > 0 and throw(connection, gateway, fault, dial=dial, sides=percent) < share


def mishap(connection: sqlite3.Connection, gateway: str, *, dial: Dial) -> str | None:
    """Throw once for a call: at most one of the mishaps meets it."""
    shares = [getattr(dial, name) for name in faults.MISHAPS]
    if not any(shares):
        return None
    thrown = throw(connection, gateway, "call", dial=dial, sides=percent)
    for name, share in zip(faults.MISHAPS, shares, strict=True):
        if thrown < share:
            return name
        thrown -= share
    return None


def count(connection: sqlite3.Connection, gateway: str, fault: str, subject: str, *, times: int = 1) -> None:
    """Count a fault that really happened, and note to what."""
    connection.execute(
        "INSERT INTO injected (gateway, fault, subject, times, at_ms) VALUES (?, ?, ?, ?, ?)",
        (gateway, fault, subject, times, clock.now_ms()),
    )


def tally(connection: sqlite3.Connection, gateway: str | None = None) -> dict[str, int]:
    """Count what was injected, by fault, at one gateway or at all; what never happened is there with 0."""
    counted = dict.fromkeys(faults.COUNTED, 0)
    found = connection.execute(
        "SELECT fault, sum(times) FROM injected WHERE ? IS NULL OR gateway = ? GROUP BY fault", (gateway, gateway)
    )
    counted.update(found.fetchall())
    return counted


def listing(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """List what was injected, oldest first."""
    names = ("gateway", "fault", "subject", "times", "at_ms")
    rows = connection.execute(
        "SELECT gateway, fault, subject, times, at_ms FROM injected ORDER BY sequence DESC LIMIT ?", (listing_max,)
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows[::-1]]


def start_over(connection: sqlite3.Connection) -> None:
    """Put every die back to its first throw."""
    connection.execute("DELETE FROM throw")
