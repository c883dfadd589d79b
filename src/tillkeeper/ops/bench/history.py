"""A long history, laid in by SQL: what an installation has after months."""

from tillkeeper.ops.bench.ground import Ground

# Payments of 90 days with their history, books, webhooks, events, refunds and disputes, as flows leave them. Of ten,
# eight are paid, one was declined and one expired; goods are one posting to a house account and no wallets.
FILL = """
BEGIN;
CREATE TEMPORARY TABLE trade ON COMMIT DROP AS
SELECT number, md5('payment ' || number)::uuid AS id, md5('journal ' || number)::uuid AS journal,
       md5('fee ' || number)::uuid AS fee, md5('grant ' || number)::uuid AS granted,
       md5('user ' || number % 5000)::uuid AS user_id,
       (ARRAY['stripe', 'paypal', 'square', 'razorpay'])[1 + number % 4] AS gateway,
       (ARRAY['EUR', 'USD', 'GBP'])[1 + number % 3] AS currency, 500 + number % 2000 AS amount,
       CASE WHEN number % 10 < 8 THEN 'succeeded' WHEN number % 10 = 8 THEN 'requires_action' ELSE 'expired' END
           AS status, number % 10 < 8 AS paid, number % 33 = 0 AND number % 10 < 8 AS refunded,
       now() - interval '90 days' * ({payments} - number) / {payments} AS at
FROM generate_series(1, {payments}) AS number;
INSERT INTO end_user (id, name) SELECT DISTINCT user_id, 'buyer ' || user_id FROM trade;
INSERT INTO payment (id, mode, status, amount, currency, amount_captured, amount_refunded, user_id, gateway,
                     gateway_reference, checkout, capture_method, metadata, created_at, expires_at, captured_at, fee)
SELECT id, 'sandbox', status, amount, currency, CASE WHEN paid THEN amount ELSE 0 END,
       CASE WHEN refunded THEN 100 ELSE 0 END, user_id, gateway, 'pi_' || number, 'hosted', 'automatic', '{{}}', at,
       at + interval '1 day', CASE WHEN paid THEN at END, 59
FROM trade;
INSERT INTO payment_reference (gateway, reference, payment_id) SELECT gateway, 'pi_' || number, id FROM trade;
INSERT INTO attempt (id, payment_id, ordinal, gateway, key, outcome, latency_ms, created_at, finished_at)
SELECT id, id, 1, gateway, 'key_' || number, 'opened', 200, at, at FROM trade;
INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, amount, at)
SELECT id, NULL, 'created', 'none', 'created', 'bench', 0, at FROM trade
UNION ALL SELECT id, 'requires_action', status, CASE WHEN paid THEN 'captured' ELSE 'none' END,
       CASE WHEN paid THEN 'captured' WHEN status = 'expired' THEN 'expired' ELSE
           'attempt failed: ' || (ARRAY['card_declined', 'insufficient_funds', 'expired_card'])[1 + number % 3] END,
       'bench', CASE WHEN paid THEN amount ELSE 0 END, at FROM trade;
INSERT INTO refund (id, payment_id, amount, currency, status, origin, gateway, gateway_reference, created_at,
                    settled_at)
SELECT fee, id, 100, currency, 'succeeded', 'us', gateway, 're_' || number, at, at FROM trade WHERE refunded;
INSERT INTO dispute (id, payment_id, gateway, gateway_reference, status, amount, currency, reason, due_at, opened_at,
                     told_at)
SELECT journal, id, gateway, 'dp_' || number, CASE WHEN number % 5000 = 0 THEN 'needs_response' ELSE 'under_review' END,
       amount, currency, 'fraudulent', at + interval '20 days', at, at
FROM trade WHERE number % 500 = 0;
INSERT INTO inbox_message (id, gateway, event_id, content_sha, type, status, payment_id, received_at, finished_at,
                           reason)
SELECT id, gateway, 'evt_' || number, decode(md5('evt ' || number), 'hex'), 'payment.captured',
       CASE WHEN number % 20000 = 0 THEN 'dead' ELSE 'processed' END,
       id, at, at, 'captured'
FROM trade WHERE paid;
INSERT INTO inbox_body (message_id, sealed) SELECT id, decode(repeat('00', 300), 'hex') FROM trade WHERE paid;
INSERT INTO outbox_event (id, type, subject, payment_id, data, created_at)
SELECT id, 'payment.succeeded', id, id, '{{"reason": "captured"}}', at FROM trade WHERE paid;
INSERT INTO account (code, currency, class, guarded, mode)
SELECT DISTINCT 'gateway:' || gateway || ':clearing:' || currency, currency, 'asset', false, 'deferred' FROM trade
UNION SELECT DISTINCT 'fees:' || gateway || ':processing:' || currency, currency, 'expense', false, 'deferred'
      FROM trade
UNION SELECT DISTINCT 'revenue:other:' || currency, currency, 'income', false, 'deferred' FROM trade
UNION VALUES ('credits:issuer', 'CRD', 'unit', false, 'deferred'), ('wallet:bench', 'CRD', 'unit', false, 'deferred')
ON CONFLICT DO NOTHING;
INSERT INTO balance (account_id, guarded) SELECT id, guarded FROM account ON CONFLICT DO NOTHING;
INSERT INTO journal (id, source, source_id, kind, payload_sha, effective_at)
SELECT journal, 'payment', id::text, 'capture', sha256(id::text::bytea), at FROM trade WHERE paid
UNION ALL SELECT fee, 'payment', id::text, 'fee', sha256(id::text::bytea), at FROM trade WHERE paid
UNION ALL SELECT granted, 'payment', id::text, 'grant', sha256(id::text::bytea),
       at + number % 1900 * interval '1 millisecond' FROM trade WHERE paid;
INSERT INTO posting (journal_id, debit_id, credit_id, currency, amount, effective_at)
SELECT each.journal, debit.id, credit.id, each.currency, each.amount, each.at FROM (
    SELECT journal, 'gateway:' || gateway || ':clearing:' || currency AS debit, 'revenue:other:' || currency AS credit,
           currency, amount, at FROM trade WHERE paid
    UNION ALL SELECT fee, 'fees:' || gateway || ':processing:' || currency,
           'gateway:' || gateway || ':clearing:' || currency, currency, 59, at FROM trade WHERE paid
    UNION ALL SELECT granted, 'credits:issuer', 'wallet:bench', 'CRD', 120,
           at + number % 1900 * interval '1 millisecond' FROM trade WHERE paid
) AS each JOIN account AS debit ON debit.code = each.debit JOIN account AS credit ON credit.code = each.credit;
INSERT INTO unsealed (journals)
SELECT array_agg(id ORDER BY id) FROM (SELECT id, row_number() OVER () / 1000 AS part FROM journal) AS parts
GROUP BY part;
UPDATE balance SET debits = moved.debits, credits = moved.credits FROM (
    SELECT account_id, sum(debits) AS debits, sum(credits) AS credits FROM (
        SELECT debit_id AS account_id, amount AS debits, 0 AS credits FROM posting
        UNION ALL SELECT credit_id, 0, amount FROM posting) AS sides GROUP BY account_id
) AS moved WHERE moved.account_id = balance.account_id;
COMMIT;
VACUUM ANALYZE;
"""


def fill(ground: Ground, payments: int) -> None:
    """Lay in so many payments, each of which has the rows that flows would have left behind."""
    ground.sql(FILL.format(payments=payments))
