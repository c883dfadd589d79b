"""Events and their deliveries: rows, so that a webhook owed is still owed after a crash."""

import json
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tillkeeper.sandbox_kit import clock
from tillkeeper.sandbox_kit.faults import Dial, day_seconds

shuffle_window_ms = 300
retry_after_ms: Sequence[int] = (200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000)
give_up_after_ms = 3 * day_seconds * 1000
listing_max = 10_000

DICE = random.Random()  # noqa: S311 - it shuffles test webhooks


@dataclass(frozen=True, slots=True)
class Event:
    """Name one thing that happened, with the very bytes that are signed and sent."""

    id: str
    type: str
    object: str
    created: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """Hold one delivery that is due."""

    sequence: int
    gateway: str
    event: str
    attempts: int
    created_ms: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """Tell what came of one attempt to deliver: a status, or an error when no answer came."""

    parcel: Parcel
    at_ms: int
    took_ms: int
    status: int | None
    error: str | None

    @property
    def accepted(self) -> bool:
        """Say whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - any 2xx


def emit(connection: sqlite3.Connection, gateway: str, event: Event) -> None:
    """Record an event."""
    connection.execute(
        "INSERT INTO event (gateway, id, type, object, created, body) VALUES (?, ?, ?, ?, ?, ?)",
        (gateway, event.id, event.type, event.object, event.created, event.body),
    )


def owe(connection: sqlite3.Connection, gateway: str, event: str, *, dial: Dial, copies: int | None = None) -> None:
    """Owe an event's delivery, as often and as late as the dial says."""
    now = clock.now_ms()
    state = "held" if dial.webhooks_held else "due"
    spread = shuffle_window_ms if dial.webhook_shuffle else 0
    connection.executemany(
        "INSERT INTO delivery (gateway, event, state, due_ms, created_ms) VALUES (?, ?, ?, ?, ?)",
        [
            (gateway, event, state, now + dial.webhook_delay_ms + DICE.randint(0, spread), now)
            for _ in range(copies or dial.webhook_copies)
        ],
    )


def due(connection: sqlite3.Connection, *, gateways: Sequence[str], limit: int) -> list[Parcel]:
    """List deliveries whose time has come, oldest first, for the gateways that have a listener."""
    rows = connection.execute(
        "SELECT d.sequence, d.gateway, d.event, d.attempts, d.created_ms, e.body FROM delivery d"
        " JOIN event e ON e.gateway = d.gateway AND e.id = d.event"
        " WHERE d.state = 'due' AND d.due_ms <= ? AND d.gateway IN (SELECT value FROM json_each(?))"
        " ORDER BY d.due_ms, d.sequence LIMIT ?",
        (clock.now_ms(), json.dumps(list(gateways)), limit),
    )
    return [Parcel(*row) for row in rows]


def next_due_ms(connection: sqlite3.Connection) -> int | None:
    """Tell when the next delivery is due, in Unix milliseconds, leaving out what is due already."""
    row = connection.execute(
        "SELECT min(due_ms) FROM delivery WHERE state = 'due' AND due_ms > ?", (clock.now_ms(),)
    ).fetchone()
    return row[0] if row else None


def record(connection: sqlite3.Connection, receipts: Sequence[Receipt]) -> None:
    """Record what came of attempts: delivered, tried again later, or given up after three days."""
    connection.execute("BEGIN IMMEDIATE")
    for receipt in receipts:
        parcel = receipt.parcel
        connection.execute(
            "INSERT INTO delivery_attempt (delivery, at_ms, took_ms, status, error) VALUES (?, ?, ?, ?, ?)",
            (parcel.sequence, receipt.at_ms, receipt.took_ms, receipt.status, receipt.error),
        )
        connection.execute(
            "UPDATE delivery SET state = ?, due_ms = ?, attempts = attempts + 1, last_status = ?, last_error = ?"
            " WHERE sequence = ?",
            (*_next_step(receipt), receipt.status, receipt.error, parcel.sequence),
        )
    connection.execute("COMMIT")


def _next_step(receipt: Receipt) -> tuple[str, int]:
    if receipt.accepted:
        return "delivered", receipt.at_ms
    wait_ms = retry_after_ms[min(receipt.parcel.attempts, len(retry_after_ms) - 1)]
    due_ms = receipt.at_ms + receipt.took_ms + wait_ms
    return ("due" if due_ms - receipt.parcel.created_ms < give_up_after_ms else "given_up"), due_ms


def release(connection: sqlite3.Connection) -> int:
    """Let go of the webhooks that were held; return how many."""
    return connection.execute(
        "UPDATE delivery SET state = 'due', due_ms = ? WHERE state = 'held'", (clock.now_ms(),)
    ).rowcount


def outcome(connection: sqlite3.Connection, gateway: str, event: str) -> str:
    """Say how an event fared: delivered, pending, given_up, or none when nobody listens."""
    states = {
        state
        for (state,) in connection.execute(
            "SELECT DISTINCT state FROM delivery WHERE gateway = ? AND event = ?", (gateway, event)
        )
    }
    for state, name in (("delivered", "delivered"), ("due", "pending"), ("held", "pending"), ("given_up", "given_up")):
        if state in states:
            return name
    return "none"


def listing(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """List deliveries, oldest first."""
    names = ("delivery", "gateway", "event", "type", "object", "state", "attempts", "last_status", "last_error")
    rows = connection.execute(
        "SELECT d.sequence, d.gateway, d.event, e.type, e.object, d.state, d.attempts, d.last_status, d.last_error"
        " FROM delivery d JOIN event e ON e.gateway = d.gateway AND e.id = d.event"
        " ORDER BY d.sequence DESC LIMIT ?",
        (listing_max,),
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows[::-1]]
