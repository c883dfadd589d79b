"""What happened in an hour, at which gateway and in which currency: counted from the books and from payments' history.

Money is what moved on the clearing account of a gateway, dated and named as the reports by period have it, so that
figures and books cannot tell two stories.
"""

from tillkeeper.figures import Figure, Mark
from tillkeeper.kernel.db import Transaction

DELIVERY_MS = (250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000)
"""Deliveries are counted by the first of these within which they came; what took longer is `more`."""
MORE = "more"
DELIVERED = "delivered:"
FAILED = "failed:"
REFUSED = "refused_at_once"
"""The code of tries that a gateway would not even begin."""
BY_BLOCK = "SELECT unnest(journals) AS id FROM seal WHERE number > $1 AND number <= $2"
unsealed_batches_max = 500
UNSEALED = f"""
SELECT unnest(journals) FROM (SELECT journals FROM unsealed ORDER BY id LIMIT {unsealed_batches_max}) AS waiting"""
BOUNDS = ", ".join(str(bound) for bound in DELIVERY_MS)

# `$1` to `$2` are seals, `$3` to `$4` are changes of payments. Each posting is looked at from its clearing account.
# OFFSET 0 keeps a plan from reading all of the books for the few journals that are new.
SQL = """
WITH fresh AS MATERIALIZED ({journals}), moved AS (
    SELECT fresh.id, kind, booked.effective_at, booked.currency,
           CASE WHEN debit.code LIKE 'gateway:%:clearing:%' THEN booked.amount ELSE -booked.amount END AS clearing,
           split_part(CASE WHEN debit.code LIKE 'gateway:%:clearing:%' THEN debit.code ELSE credit.code END, ':', 2)
               AS gateway,
           CASE WHEN debit.code LIKE 'gateway:%:clearing:%' THEN credit.code ELSE debit.code END AS other
    FROM fresh CROSS JOIN LATERAL (
        SELECT kind, posting.* FROM journal JOIN posting ON posting.journal_id = journal.id
        WHERE journal.id = fresh.id OFFSET 0
    ) AS booked
    JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id
    WHERE debit.code LIKE 'gateway:%:clearing:%' OR credit.code LIKE 'gateway:%:clearing:%'
), named AS (
    SELECT moved.*, CASE
        WHEN kind IN ('capture', 'surplus') AND clearing > 0 THEN 'captured'
        WHEN other LIKE 'refund_payable:%' THEN 'refunded'
        WHEN other LIKE '%:dispute_receivable:%' THEN 'disputed'
        WHEN other LIKE 'fees:%' THEN 'fees'
        WHEN other LIKE '%:payout_in_transit:%' THEN NULL
        ELSE 'other' END AS name
    FROM moved
), granted AS (
    SELECT handed_over.effective_at AS at, paid.gateway, paid.currency,
           extract(epoch FROM handed_over.effective_at - captured.effective_at) * 1000 AS took_ms
    FROM fresh CROSS JOIN LATERAL (
        SELECT source_id, effective_at FROM journal
        WHERE id = fresh.id AND source = 'payment' AND kind = 'grant' OFFSET 0
    ) AS handed_over
    CROSS JOIN LATERAL (
        SELECT id, effective_at FROM journal
        WHERE source = 'payment' AND source_id = handed_over.source_id AND kind = 'capture' OFFSET 0
    ) AS captured
    CROSS JOIN LATERAL (
        SELECT split_part(account.code, ':', 2) AS gateway, posting.currency
        FROM posting JOIN account ON account.id = posting.debit_id WHERE posting.journal_id = captured.id LIMIT 1
    ) AS paid
), happened AS (
    SELECT change.at, payment.gateway, payment.currency, CASE
        WHEN status_before IS NULL THEN 'created'
        WHEN change.reason LIKE 'attempt failed: %' THEN 'failed:' || left(substr(change.reason, 17), 60)
        WHEN status_after = 'failed' AND status_before <> 'failed' THEN 'failed:{refused}' END AS name
    FROM payment_change AS change JOIN payment ON payment.id = payment_id
    WHERE change.id > $3 AND change.id <= $4 AND NOT payment.imported
)
SELECT date_trunc('hour', effective_at, 'UTC') AS at, gateway, currency, name,
       count(DISTINCT id) FILTER (WHERE kind NOT IN ('surplus', 'returned'))::bigint AS count,
       sum(CASE WHEN name IN ('captured', 'other') THEN clearing ELSE -clearing END)::bigint AS amount
FROM named WHERE name IS NOT NULL GROUP BY 1, 2, 3, 4
UNION ALL
SELECT date_trunc('hour', at, 'UTC'), gateway, currency,
       'delivered:' || coalesce((SELECT min(bound) FROM unnest(ARRAY[{bounds}]) AS bounds (bound)
                                 WHERE bound >= took_ms)::text, '{more}') AS name, count(*), 0
FROM granted GROUP BY 1, 2, 3, 4
UNION ALL
SELECT date_trunc('hour', at, 'UTC'), gateway, currency, name, count(*), 0
FROM happened WHERE name IS NOT NULL GROUP BY 1, 2, 3, 4
"""
CLOSED = SQL.format(journals=BY_BLOCK, bounds=BOUNDS, more=MORE, refused=REFUSED)
ALL = SQL.format(journals=f"{BY_BLOCK} UNION ALL {UNSEALED}", bounds=BOUNDS, more=MORE, refused=REFUSED)


async def count(tx: Transaction, since: Mark, until: Mark) -> list[Figure]:
    """Count what was sealed and what changed after one mark, and not after another."""
    rows = await tx.fetch(CLOSED, since.seal, until.seal, since.change, until.change)
    return [Figure(**row) for row in rows]


async def count_fresh(tx: Transaction, since: Mark, until: Mark) -> list[Figure]:
    """Count the same, and what waits for its seal."""
    rows = await tx.fetch(ALL, since.seal, until.seal, since.change, until.change)
    return [Figure(**row) for row in rows]


async def newest(tx: Transaction) -> Mark:
    """Tell the last seal, and the last change that can be seen."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT number FROM seal ORDER BY number DESC LIMIT 1) AS seal,
               coalesce((SELECT id FROM payment_change ORDER BY id DESC LIMIT 1), 0) AS change
        """
    )
    assert row, "the chain of seals begins with the migration"
    return Mark(**row)


async def writers(tx: Transaction) -> set[str]:
    """Name the transactions that have written changes of payments, or are about to, and have not ended."""
    rows = await tx.fetch(
        """
        SELECT pid || ' ' || virtualtransaction AS name FROM pg_locks
        WHERE locktype = 'relation' AND relation = 'payment_change'::regclass AND mode = 'RowExclusiveLock' AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
    )
    return {row["name"] for row in rows}
