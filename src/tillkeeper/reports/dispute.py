"""Disputes as the API shows them, with what was answered and how long there is to answer."""

from datetime import datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

due_soon_hours = 72
WAITING = """
(dispute.status = 'needs_response' AND answer.state IS DISTINCT FROM 'asked')
OR (dispute.status = 'warning' AND coalesce(answer.state, '') NOT IN ('asked', 'done'))
"""
"""A bank that needs more after an answer says so; of a mere question only our own answer says that it was answered."""
SELECT = f"""
SELECT * FROM (
    SELECT dispute.*, answer.kind AS answer_kind, answer.state AS answer_state, answer.error AS answer_error,
           answer.by_name AS answer_by, answer.at AS answer_at,
           ({WAITING}) AS waits,
           ({WAITING}) AND dispute.due_at < now() AS overdue,
           ({WAITING}) AND dispute.due_at BETWEEN now() AND now() + interval '{due_soon_hours} hours' AS due_soon
    FROM dispute
    LEFT JOIN LATERAL (
        SELECT response.kind, response.by_name, response.at, coalesce(operation.state, 'agreed') AS state,
               operation.error
        FROM dispute_response AS response LEFT JOIN operation ON operation.response_id = response.id
        WHERE response.dispute_id = dispute.id ORDER BY response.at DESC, response.id DESC LIMIT 1
    ) AS answer ON true
) AS dispute
"""
STATES = {
    "agreed": "waiting_for_second_person",
    "asked": "pending",
    "done": "done",
    "declined": "declined",
    "refused": "declined",
    "given_up": "unknown",
}
ENDS = ("won", "lost", "prevented")
DUE = {"overdue": "overdue", "soon": "due_soon", "waiting": "waits"}


async def show(tx: Transaction, dispute: UUID) -> dict[str, object]:
    """Show one dispute; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE id = $1", dispute)
    if row is None:
        message = "No dispute has this id."
        raise NotFoundError(message)
    return _show(row)


async def sold_at(tx: Transaction, payment: UUID) -> datetime | None:
    """Tell when a payment was begun here, and so by which rules; None for one that another system began."""
    found: datetime | None = await tx.fetchval("SELECT created_at FROM payment WHERE id = $1 AND NOT imported", payment)
    return found


async def payment_of(tx: Transaction, dispute: UUID) -> UUID | None:
    """Tell which payment a dispute is about."""
    found: UUID | None = await tx.fetchval("SELECT payment_id FROM dispute WHERE id = $1", dispute)
    return found


async def response(tx: Transaction, dispute: UUID, answer: UUID) -> dict[str, object]:
    """Tell what became of one answer to a dispute."""
    row = await tx.fetchrow(
        """
        SELECT operation.state, operation.error FROM dispute_response AS response
        JOIN operation ON operation.response_id = response.id
        WHERE response.id = $1 AND response.dispute_id = $2
        """,
        answer,
        dispute,
    )
    assert row, "an answer is written down with its call"
    return {"status": STATES[row["state"]], "error": row["error"]}


async def find(
    tx: Transaction,
    *,
    payment: UUID | None,
    status: str | None,
    limit: int,
    cursor: str | None,
    due: str | None = None,
    by_due_date: bool = False,
) -> dict[str, object]:
    """List disputes: the newest first, or by the day on which they must be answered, the earliest first.

    `due` is one of overdue, soon and waiting.
    """
    at, id_ = paging.place(cursor)
    by, beyond, order = ("due_at", ">", "ASC") if by_due_date else ("opened_at", "<", "DESC")
    # Said once more in words that the index of what waits is found by.
    only = f"AND {DUE[due]} AND status IN ('needs_response', 'warning')" if due else ""
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::uuid IS NULL OR payment_id = $1) AND ($2::text IS NULL OR status = $2)
          AND {by} IS NOT NULL AND ($3::timestamptz IS NULL OR ({by}, id) {beyond} ($3, $4::uuid)) {only}
        ORDER BY {by} {order}, id {order} LIMIT $5
        """,
        payment,
        status,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, by, _show)


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("dispute", row["id"]),
        "object": "dispute",
        "payment": ids.text("payment", row["payment_id"]),
        "amount": row["amount"],
        "currency": row["currency"],
        "status": row["status"],
        "reason": row["reason"],
        "due_at": time(row["due_at"]),
        "overdue": bool(row["overdue"]),
        "due_soon": bool(row["due_soon"]),
        "response": _response(row),
        "amount_withdrawn": row["withdrawn"],
        "amount_lost": row["booked_lost"],
        "fee": row["fee"],
        "gateway": row["gateway"],
        "gateway_reference": row["gateway_reference"],
        "opened_at": time(row["opened_at"]),
        "closed_at": time(row["closed_at"]) if row["status"] in ENDS else None,
    }


def _response(row: Record) -> dict[str, object] | None:
    """Show the latest answer."""
    if row["answer_kind"] is None:
        return None
    return {
        "kind": row["answer_kind"],
        "status": STATES[row["answer_state"]],
        "error": row["answer_error"],
        "by": row["answer_by"],
        "at": time(row["answer_at"]),
    }
