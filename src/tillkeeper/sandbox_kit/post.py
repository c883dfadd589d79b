"""Events and their deliveries: rows, so that a webhook owed is still owed after a crash."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tillkeeper.sandbox_kit import clock, luck
from tillkeeper.sandbox_kit.faults import BAD_SIGNATURE, DROP, OLD_TIMESTAMP, Dial, day_seconds

shuffle_window_ms = 300
retry_after_ms: Sequence[int] = (200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000)
give_up_after_ms = 3 * day_seconds * 1000
listing_max = 10_000

DROPPED = "dropped by the fault dial"


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
    spoil: str | None = None


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


def announce(
    connection: sqlite3.Connection, gateway: str, event: str, *, dial: Dial, copies: int | None = None
) -> None:
    """Owe a new event's deliveries, as often as `copies` or else the dial says, with all the luck that it deals out."""
    if luck.strikes(connection, gateway, DROP, dial=dial):
        luck.count(connection, gateway, DROP, event)
        _drop(connection, gateway, event)
    else:
        owe(connection, gateway, event, dial=dial, copies=copies or dial.webhook_copies)
    for spoil in (BAD_SIGNATURE, OLD_TIMESTAMP):
        if luck.strikes(connection, gateway, spoil, dial=dial):
            luck.count(connection, gateway, spoil, event)
            owe(connection, gateway, event, dial=dial, copies=1, spoil=spoil)


def owe(
    connection: sqlite3.Connection, gateway: str, event: str, *, dial: Dial, copies: int, spoil: str | None = None
) -> None:
    """Owe deliveries of an event, as late as the dial says; a spoiled one is an extra that must be refused."""
    now = clock.now_ms()
    state = "held" if dial.webhooks_held else "due"
    for _ in range(copies):
        due_ms = now + dial.webhook_delay_ms
        if dial.webhook_shuffle:
            due_ms += luck.throw(connection, gateway, "webhook_shuffle", dial=dial, sides=shuffle_window_ms)
        delivery = connection.execute(
            "INSERT INTO delivery (gateway, event, state, due_ms, created_ms) VALUES (?, ?, ?, ?, ?)",
            (gateway, event, state, due_ms, now),
        ).lastrowid
        if spoil is not None:
            connection.execute("INSERT INTO spoiled (delivery, how) VALUES (?, ?)", (delivery, spoil))
    happened = {
        "webhook_copies": copies - 1,
        "webhook_shuffle": copies if dial.webhook_shuffle else 0,
        "webhook_delay_ms": copies if dial.webhook_delay_ms else 0,
        "webhooks_held": copies if dial.webhooks_held else 0,
    }
    for fault, times in happened.items():
        if times:
            luck.count(connection, gateway, fault, event, times=times)


def _drop(connection: sqlite3.Connection, gateway: str, event: str) -> None:
    now = clock.now_ms()
    connection.execute(
        "INSERT INTO delivery (gateway, event, state, due_ms, created_ms, last_error)"
        " VALUES (?, ?, 'given_up', ?, ?, ?)",
        (gateway, event, now, now, DROPPED),
    )


DUE = """
SELECT d.sequence, d.gateway, d.event, d.attempts, d.created_ms, e.body, s.how FROM delivery d
JOIN event e ON e.gateway = d.gateway AND e.id = d.event LEFT JOIN spoiled s ON s.delivery = d.sequence
WHERE d.state = 'due' AND d.due_ms <= ? AND +d.gateway IN (SELECT value FROM json_each(?))
AND NOT EXISTS (SELECT 1 FROM outage o WHERE o.gateway = d.gateway AND o.until_ms > ?)
ORDER BY d.due_ms, d.sequence LIMIT ?
"""
"""The plus keeps SQLite from an index that leads through all that was ever delivered for a gateway."""


def due(connection: sqlite3.Connection, *, gateways: Sequence[str], limit: int) -> list[Parcel]:
    """List deliveries whose time has come, oldest first, for the gateways that have a listener and are not out."""
    now = clock.now_ms()
    rows = connection.execute(DUE, (now, json.dumps(list(gateways)), now, limit))
    return [Parcel(*row) for row in rows]


def waiting(connection: sqlite3.Connection) -> int:
    """Count the deliveries that are still to be made, or made again."""
    found: int = connection.execute("SELECT count(*) FROM delivery WHERE state = 'due'").fetchone()[0]
    return found


def next_due_ms(connection: sqlite3.Connection) -> int | None:
    """Tell when the next delivery is due, in Unix milliseconds, leaving out what is due already."""
    row = connection.execute(
        "SELECT min(due_ms) FROM delivery WHERE state = 'due' AND due_ms > ?", (clock.now_ms(),)
    ).fetchone()
    return row[0] if row else None


def record(connection: sqlite3.Connection, receipts: Sequence[Receipt], *, retry_ms_max: int) -> None:
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
            (*_next_step(receipt, retry_ms_max), receipt.status, receipt.error, parcel.sequence),
        )
    connection.execute("COMMIT")


def _next_step(receipt: Receipt, retry_ms_max: int) -> tuple[str, int]:
    if receipt.accepted:
        return "delivered", receipt.at_ms
    if receipt.parcel.spoil is not None:
        return "given_up", receipt.at_ms
    wait_ms = min(retry_after_ms[min(receipt.parcel.attempts, len(retry_after_ms) - 1)], retry_ms_max)
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
            "SELECT DISTINCT state FROM delivery d WHERE gateway = ? AND event = ? AND NOT EXISTS"
            " (SELECT 1 FROM spoiled WHERE delivery = d.sequence)",
            (gateway, event),
        )
    }
    for state, name in (("delivered", "delivered"), ("due", "pending"), ("held", "pending"), ("given_up", "given_up")):
        if state in states:
            return name
    return "none"


def undelivered(connection: sqlite3.Connection, gateway: str) -> list[str]:
    """List the events that somebody should have got and nobody did: pending, given up or dropped."""
    rows = connection.execute(
        "SELECT DISTINCT event FROM delivery d WHERE gateway = ? AND state <> 'delivered'"
        " AND NOT EXISTS (SELECT 1 FROM spoiled WHERE delivery = d.sequence)"
        " AND NOT EXISTS (SELECT 1 FROM delivery g WHERE g.gateway = d.gateway AND g.event = d.event"
        "  AND g.state = 'delivered' AND NOT EXISTS (SELECT 1 FROM spoiled WHERE delivery = g.sequence))",
        (gateway,),
    )
    return [event for (event,) in rows]


def listing(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """List deliveries, oldest first."""
    names = (
        "delivery",
        "gateway",
        "event",
        "type",
        "object",
        "state",
        "attempts",
        "last_status",
        "last_error",
        "spoil",
    )
    rows = connection.execute(
        "SELECT d.sequence, d.gateway, d.event, e.type, e.object, d.state, d.attempts, d.last_status, d.last_error,"
        " s.how FROM delivery d JOIN event e ON e.gateway = d.gateway AND e.id = d.event"
        " LEFT JOIN spoiled s ON s.delivery = d.sequence"
        " ORDER BY d.sequence DESC LIMIT ?",
        (listing_max,),
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows[::-1]]
