"""Everything that happened to one payment, in order."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import time

SQL = """
SELECT at, 'payment' AS kind, reason AS title, jsonb_build_object(
           'before', status_before, 'after', status_after, 'cause', split_part(cause, ' ', 1), 'amount', amount) AS data
FROM payment_change WHERE payment_id = $1
UNION ALL
SELECT coalesce(finished_at, created_at), 'attempt', gateway || ' ' || coalesce(outcome, 'asked'), jsonb_build_object(
           'ordinal', ordinal, 'latency_ms', latency_ms, 'error_code', error_code)
FROM attempt WHERE payment_id = $1
UNION ALL
SELECT created_at, 'call', kind, jsonb_build_object(
           'gateway', gateway, 'state', state, 'tries', tries, 'amount', amount, 'error', error)
FROM operation WHERE payment_id = $1 AND kind NOT IN ('create', 'fee')
UNION ALL
SELECT received_at, 'webhook', type, jsonb_build_object(
           'gateway', gateway, 'event_id', event_id, 'status', status, 'reason', reason,
           'arrivals', 1 + (SELECT count(*) FROM inbox_duplicate WHERE message_id = inbox_message.id))
FROM inbox_message WHERE payment_id = $1
UNION ALL
SELECT recorded_at, 'ledger', journal.kind, jsonb_build_object(
           'postings', (SELECT jsonb_agg(jsonb_build_object('debit', debit.code, 'credit', credit.code,
                                                            'amount', amount, 'currency', posting.currency))
                        FROM posting JOIN account AS debit ON debit.id = debit_id
                                     JOIN account AS credit ON credit.id = credit_id
                        WHERE journal_id = journal.id))
FROM journal
WHERE (source, source_id) IN (SELECT 'payment', $1::uuid::text
                              UNION ALL SELECT 'refund', id::text FROM refund WHERE payment_id = $1
                              UNION ALL SELECT 'dispute', id::text FROM dispute WHERE payment_id = $1)
UNION ALL
SELECT wallet_entry.at, 'delivery', wallet_entry.kind, jsonb_build_object(
           'amount', wallet_entry.amount, 'balance_after', balance_after)
FROM wallet_entry
WHERE source = $1 OR source IN (SELECT id FROM refund WHERE payment_id = $1
                                UNION ALL SELECT id FROM dispute WHERE payment_id = $1)
UNION ALL
SELECT coalesce(finished_at, created_at), 'delivery', 'late ' || status, jsonb_build_object(
           'tries', tries, 'reason', reason, 'put_off_at', created_at)
FROM late_delivery WHERE payment_id = $1
UNION ALL
SELECT created_at, 'event', type, jsonb_build_object('seq', seq)
FROM outbox_event WHERE payment_id = $1
ORDER BY at
"""


async def show(tx: Transaction, payment: UUID) -> dict[str, object]:
    """List everything that happened to a payment, in order."""
    rows = await tx.fetch(SQL, payment)
    return {"payment": ids.text("payment", payment), "data": [_show(row) for row in rows]}


def _show(row: Record) -> dict[str, object]:
    return {"at": time(row["at"]), "kind": row["kind"], "title": row["title"], "data": row["data"]}
