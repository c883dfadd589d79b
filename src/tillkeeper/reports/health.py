"""What tells whether an installation does its work: its database, its worker, and what has waited too long."""

from dataclasses import dataclass
from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import jobs

counted_max = 1_000
"""Of what waits no more is counted: that it is many is enough to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Hold how much of one kind of work is due and not done, and since when the oldest is."""

    name: str
    due: int
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Hold what the database tells: its own version and time, when a worker was last seen, who works, what waits."""

    version: str
    at: datetime
    worked_at: datetime | None
    proved_at: datetime | None
    queues: tuple[Queue, ...]
    workers: tuple[str, ...] = ()


DUE = {
    "webhooks that came in": "inbox_message WHERE status IN ('received', 'parked') AND due_at < clock_timestamp()",
    "calls to gateways": "operation WHERE state = 'asked' AND due_at < clock_timestamp()",
    "letters": "mail_letter WHERE status = 'pending' AND due_at < clock_timestamp()",
}
"""What is due, oldest first; each has an index for just that."""

DELIVERIES = f"""
SELECT count(*) AS due, min(due_at) AS since
FROM webhook_endpoint AS endpoint CROSS JOIN LATERAL (
    SELECT due_at FROM webhook_delivery
    WHERE endpoint_id = endpoint.id AND status = 'pending' AND due_at < clock_timestamp()
    ORDER BY due_at, seq LIMIT {counted_max}
) AS delivery
WHERE endpoint.enabled AND endpoint.deleted_at IS NULL
"""


async def signs(tx: Transaction) -> Signs:
    """Look at what tells how an installation does; no table that grows is read as a whole."""
    looked = {
        row["scope"]: row["finished_at"] for row in await tx.fetch("SELECT scope, finished_at FROM invariant_run")
    }
    return Signs(
        version=await tx.fetchval("SHOW server_version"),
        at=await tx.fetchval("SELECT clock_timestamp()"),
        worked_at=await jobs.last_sign(tx),
        workers=tuple(f"{each['kind']} on {each['host']}" for each in await jobs.workers(tx)),
        proved_at=looked.get("full"),
        queues=(*[await _queue(tx, name, due) for name, due in DUE.items()], await _deliveries(tx)),
    )


async def _queue(tx: Transaction, name: str, due: str) -> Queue:
    row = await tx.fetchrow(
        "SELECT count(*) AS due, min(due_at) AS since"
        f" FROM (SELECT due_at FROM {due} ORDER BY due_at, id LIMIT {counted_max}) AS waiting"
    )
    assert row, "an aggregate has a row"
    return Queue(name=name, due=row["due"], since=row["since"])


async def _deliveries(tx: Transaction) -> Queue:
    row = await tx.fetchrow(DELIVERIES)
    assert row, "an aggregate has a row"
    return Queue(name="deliveries to your endpoints", due=row["due"], since=row["since"])
