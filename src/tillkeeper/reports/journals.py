"""Accounts, journals and seals as the API shows them."""

from uuid import UUID

from tillkeeper import ledger
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.ledger import seals
from tillkeeper.reports import time

POSTINGS = """(
    SELECT jsonb_agg(jsonb_build_object('debit', debit.code, 'credit', credit.code, 'amount', posting.amount,
                                        'currency', posting.currency) ORDER BY posting.id)
    FROM posting JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id
    WHERE journal_id = journal.id
) AS postings"""

NEWEST = f"""
SELECT journal.*, {POSTINGS} FROM journal
WHERE $1::uuid IS NULL OR id < $1
ORDER BY id DESC LIMIT $2
"""
# The few facts of a payment come first, so that the rest of the books is not gone through.
OF_PAYMENT = f"""
WITH fact AS MATERIALIZED (
    SELECT 'payment' AS source, ($3::uuid)::text AS source_id
    UNION ALL SELECT 'refund', id::text FROM refund WHERE payment_id = $3
    UNION ALL SELECT 'dispute', id::text FROM dispute WHERE payment_id = $3
)
SELECT journal.*, {POSTINGS} FROM fact JOIN journal USING (source, source_id)
WHERE $1::uuid IS NULL OR journal.id < $1
ORDER BY journal.id DESC LIMIT $2
"""

ONE = f"""
SELECT journal.*, {POSTINGS},
       coalesce(CASE source WHEN 'payment' THEN source_id::uuid END, refund.payment_id, dispute.payment_id,
                discrepancy.payment_id, credit_lot.payment_id) AS payment_id
FROM journal
LEFT JOIN refund ON refund.id = CASE source WHEN 'refund' THEN source_id::uuid END
LEFT JOIN dispute ON dispute.id = CASE source WHEN 'dispute' THEN source_id::uuid END
LEFT JOIN discrepancy ON discrepancy.id = CASE source WHEN 'discrepancy' THEN source_id::uuid END
LEFT JOIN credit_lot ON credit_lot.id = CASE source WHEN 'lot' THEN source_id::uuid END
WHERE journal.id = $1
"""


async def show(tx: Transaction, journal: UUID) -> dict[str, object]:
    """Show a journal, and the payment behind it where there is one; raises NotFoundError."""
    row = await tx.fetchrow(ONE, journal)
    if row is None:
        message = "No journal has this id."
        raise NotFoundError(message)
    return _show(row) | {"payment": ids.text("payment", row["payment_id"]) if row["payment_id"] else None}


async def find(tx: Transaction, *, payment: UUID | None, before: UUID | None, limit: int) -> dict[str, object]:
    """List journals and their postings, the newest first; only those of one payment when it is named."""
    rows = await (tx.fetch(OF_PAYMENT, before, limit + 1, payment) if payment else tx.fetch(NEWEST, before, limit + 1))
    shown = rows[:limit]
    has_more = len(rows) > limit
    return {
        "data": [_show(row) for row in shown],
        "has_more": has_more,
        "next_cursor": ids.text("journal", shown[-1]["id"]) if has_more else None,
    }


async def accounts(tx: Transaction, *, prefix: str, after: str, limit: int) -> dict[str, object]:
    """List accounts and what they stand at, by code."""
    found = await ledger.accounts(tx, prefix=prefix, after=after, limit=limit + 1)
    shown = found[:limit]
    return {
        "data": [
            {
                "object": "account",
                "code": each.code,
                "currency": each.currency,
                "class": each.kind,
                "debits": each.debits,
                "credits": each.credits,
                "balance": each.amount,
            }
            for each in shown
        ],
        "has_more": len(found) > limit,
        "next_cursor": shown[-1].code if len(found) > limit else None,
    }


async def chain(tx: Transaction, *, before: int | None, limit: int) -> dict[str, object]:
    """List the seals of the chain, the newest first: whoever keeps one elsewhere can compare it later."""
    found = await seals.newest(tx, before=before, limit=limit + 1)
    shown = found[:limit]
    return {
        "data": [
            {
                "object": "seal",
                "number": each.number,
                "hash": each.hash.hex(),
                "journals": each.journals,
                "sealed_at": time(each.sealed_at),
            }
            for each in shown
        ],
        "has_more": len(found) > limit,
        "next_cursor": str(shown[-1].number) if len(found) > limit else None,
    }


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("journal", row["id"]),
        "object": "journal",
        "source": row["source"],
        "source_id": row["source_id"],
        "kind": row["kind"],
        "effective_at": time(row["effective_at"]),
        "recorded_at": time(row["recorded_at"]),
        "postings": row["postings"],
    }
