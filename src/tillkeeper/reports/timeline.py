"""Everything that happened to one payment, in order."""

from uuid import UUID

from tillkeeper.audit import Action
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import request, time

KINDS = (
    *("api", "action", "note", "webhook", "risk", "attempt", "call", "request", "dispute", "payment", "ledger"),
    *("delivery", "goods"),
    *("discrepancy", "event", "sent", "letter"),
)
"""What there is to tell; what happened in the same moment is told in this order, in which one brings the other."""
PREFIXES = {"note": "note", "webhook": "message", "event": "event", "sent": "delivery"}
"""What has an id of its own by which it can be looked at."""
TOLD_BETTER = (Action.PAYMENT_NOTED,)
"""What the audit log tells as well, and something else of the timeline tells with all that belongs to it."""

AUDITED = """
SELECT 'refund' AS prefix, id FROM refund WHERE payment_id = $1
UNION ALL SELECT 'discrepancy', id FROM discrepancy WHERE payment_id = $1
UNION ALL SELECT 'message', id FROM inbox_message WHERE payment_id = $1
UNION ALL SELECT 'delivery', webhook_delivery.id
          FROM outbox_event JOIN webhook_delivery ON event_id = outbox_event.id WHERE payment_id = $1
"""
"""Under whose names the audit log may speak of a payment; requests and disputes have histories of their own."""
HAPPENED = f"""
SELECT at, 'payment' AS kind, reason AS title, id AS place, jsonb_build_object(
           'before', status_before, 'after', status_after, 'cause', split_part(cause, ' ', 1), 'amount', amount) AS data
FROM payment_change WHERE payment_id = $1
UNION ALL
SELECT at, 'risk', decision, 0, jsonb_build_object('score', score, 'reasons', reasons)
FROM risk_assessment WHERE payment_id = $1
UNION ALL
SELECT coalesce(finished_at, created_at), 'attempt', gateway || ' ' || coalesce(outcome, 'asked'), ordinal,
       jsonb_build_object('ordinal', ordinal, 'latency_ms', latency_ms, 'error_code', error_code)
FROM attempt WHERE payment_id = $1
UNION ALL
SELECT created_at, 'call', kind, 0, jsonb_build_object(
           'gateway', gateway, 'state', state, 'tries', tries, 'amount', amount, 'error', error)
FROM operation WHERE payment_id = $1 AND kind NOT IN ('create', 'fee')
UNION ALL
SELECT received_at, 'webhook', type, 0, jsonb_build_object(
           'id', id, 'gateway', gateway, 'event_id', event_id, 'status', status, 'reason', reason,
           'arrivals', 1 + (SELECT count(*) FROM inbox_duplicate WHERE message_id = inbox_message.id))
FROM inbox_message WHERE payment_id = $1
UNION ALL
SELECT recorded_at, 'ledger', journal.kind, 0, jsonb_build_object(
           'postings', (SELECT jsonb_agg(jsonb_build_object('debit', debit.code, 'credit', credit.code,
                                                            'amount', amount, 'currency', posting.currency))
                        FROM posting JOIN account AS debit ON debit.id = debit_id
                                     JOIN account AS credit ON credit.id = credit_id
                        WHERE journal_id = journal.id))
FROM journal
WHERE (source, source_id) IN (SELECT 'payment', $1::uuid::text
                              UNION ALL SELECT 'refund', id::text FROM refund WHERE payment_id = $1
                              UNION ALL SELECT 'dispute', id::text FROM dispute WHERE payment_id = $1
                              UNION ALL SELECT 'discrepancy', id::text FROM discrepancy WHERE payment_id = $1)
UNION ALL
SELECT wallet_entry.at, 'delivery', wallet_entry.kind, wallet_entry.id, jsonb_build_object(
           'amount', wallet_entry.amount, 'balance_after', balance_after)
FROM wallet_entry
WHERE source IN (SELECT $1::uuid
                 UNION ALL SELECT id FROM refund WHERE payment_id = $1
                 UNION ALL SELECT id FROM dispute WHERE payment_id = $1)
UNION ALL
SELECT created_at, 'goods', 'cards', line, jsonb_build_object('granted', granted, 'revoked', revoked)
FROM entitlement WHERE payment_id = $1 AND kind <> 'credits'
UNION ALL
SELECT coalesce(finished_at, created_at), 'goods', 'late ' || status, 0, jsonb_build_object(
           'tries', tries, 'reason', reason, 'put_off_at', created_at)
FROM late_delivery WHERE payment_id = $1
UNION ALL
SELECT step.at, 'request', step.kind, step.id, jsonb_build_object(
           'by', by_name, 'amount', amount, 'currency', currency, 'reason_code', reason_code, 'note', step.note)
FROM refund_request JOIN refund_request_step AS step ON step.request_id = refund_request.id WHERE payment_id = $1
UNION ALL
SELECT dispute_response.at, 'dispute', dispute_response.kind, 0, jsonb_build_object('by', by_name)
FROM dispute JOIN dispute_response ON dispute_response.dispute_id = dispute.id WHERE dispute.payment_id = $1
UNION ALL
SELECT first_seen_at, 'discrepancy', kind, occurrence, jsonb_build_object(
           'status', status, 'difference', difference, 'currency', difference_currency, 'detail', detail)
FROM discrepancy WHERE payment_id = $1
UNION ALL
SELECT created_at, 'event', type, 0, jsonb_build_object('id', id, 'seq', seq)
FROM outbox_event WHERE payment_id = $1
UNION ALL
SELECT coalesce(finished_at, delivery.created_at), 'sent', type, event.seq, jsonb_build_object(
           'id', delivery.id, 'status', status, 'tries', tries, 'url', url)
FROM outbox_event AS event JOIN webhook_delivery AS delivery ON delivery.event_id = event.id
                           JOIN webhook_endpoint ON webhook_endpoint.id = endpoint_id
WHERE payment_id = $1
UNION ALL
SELECT coalesce(finished_at, created_at), 'letter', topic, 0, jsonb_build_object('kind', kind, 'status', status)
FROM mail_letter WHERE data ->> 'payment' = $2
UNION ALL
SELECT created_at, 'api', object, 0, jsonb_build_object(
           'key', key, 'by', caller, 'status', status, 'made', made, 'replays', replays)
FROM ({request.ABOUT}) AS request WHERE caller IN ('secret', 'user')
UNION ALL
SELECT at, 'action', action, number, jsonb_build_object(
           'by', actor_name, 'subject', subject, 'reason', reason, 'before', before, 'after', after)
FROM audit_entry WHERE subject = ANY ($4::text[]) AND action <> ALL ($5::text[])
UNION ALL
SELECT at, 'note', by_name, 0, jsonb_build_object('id', id, 'by', by_name, 'text', text)
FROM payment_note WHERE payment_id = $1
"""


async def show(tx: Transaction, payment: UUID) -> dict[str, object]:
    """List everything that happened to a payment, in order."""
    shown = ids.text("payment", payment)
    named = [ids.text(row["prefix"], row["id"]) for row in await tx.fetch(AUDITED, payment)]
    in_order = f"SELECT * FROM ({HAPPENED}) AS happened ORDER BY at, array_position($3, kind), place, title"
    rows = await tx.fetch(in_order, payment, shown, KINDS, [shown, *named], TOLD_BETTER)
    return {"payment": shown, "data": [_show(row) for row in rows]}


def _show(row: Record) -> dict[str, object]:
    kind, data = row["kind"], row["data"]
    if kind in PREFIXES:
        data = data | {"id": ids.text(PREFIXES[kind], UUID(data["id"]))}
    return {"at": time(row["at"]), "kind": kind, "title": row["title"], "data": data}
