"""What of ours should be in a gateway's account and has no line, payouts and their sums, and goods without money."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from tillkeeper import settlement
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports.matching import Part, ours
from tillkeeper.settlement.runs import Lonely, Ours, Place, Rest, Run, Settled, Step

Bounds = tuple[datetime, datetime]
"""The first moment of a day and that of the next, by the gateway's own zone."""

MOVED = "greatest(opened_at, money_at, closed_at)"
"""When money of a dispute moved last, as far as anybody knows: it goes and comes back on different days."""
SOURCES = {
    Step.CAPTURES: ("captured_at", "payment"),
    Step.REFUNDS: ("settled_at", "refund"),
    Step.DISPUTES: (MOVED, "dispute"),
    Step.PAYOUTS: ("created_at", "payout"),
    Step.RETURNS: ("changed_at", "payout"),
    Step.GRANTS: ("created_at", "payment"),
}
"""What a step goes through, and by what time."""


async def part(tx: Transaction, run: Run, bounds: Bounds, limit: int) -> Part:
    """Find the next things of ours for the step that a run is in."""
    at, table = SOURCES[run.step]
    start, end = bounds
    row = await tx.fetchrow(
        f"""
        SELECT at, id, count(*) OVER () AS count FROM (
            SELECT {at} AS at, id FROM {table}
            WHERE gateway = $1 AND {at} >= $2 AND {at} < $3 AND ({at}, id) > ($4, $5)
            ORDER BY {at}, id LIMIT $6) AS part
        ORDER BY at DESC, id DESC LIMIT 1
        """,
        run.gateway,
        start,
        end,
        *_start(run, bounds),
        limit,
    )
    return Part(count=row["count"], end=Place(at=row["at"], id=str(row["id"]))) if row else Part(count=0, end=None)


async def captures(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Lonely]:
    """List the captures of a part that have no line."""
    return [Lonely(ours=ours(row), double=row["double"]) for row in await _fetch(tx, CAPTURES, run, bounds, end)]


async def ungranted(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Ours]:
    """List the captures of a part for which goods were neither handed over nor refused, and none are on their way."""
    return [ours(row) for row in await _fetch(tx, UNGRANTED, run, bounds, end)]


async def rests(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Rest]:
    """List the captures of a part that were paid out and left something in the gateway's clearing account."""
    rows = await _fetch(tx, RESTS, run, bounds, end)
    return [Rest(ours=ours(row), told=row["told"], booked=row["booked"]) for row in rows]


async def refunds(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Lonely]:
    """List the refunds of a part of which the account does not show all: that money came twice, went, or came back."""
    return [Lonely(ours=ours(row)) for row in await _fetch(tx, REFUNDS, run, bounds, end)]


async def disputes(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Lonely]:
    """List the disputes of a part for which money is held back and that have no line."""
    return [Lonely(ours=ours(row)) for row in await _fetch(tx, DISPUTES, run, bounds, end)]


async def moved(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[UUID]:
    """List the disputes of a part whose lines come to something else than is held back."""
    return [row["id"] for row in await _fetch(tx, MOVED_DISPUTES, run, bounds, end)]


async def returns(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Lonely]:
    """List the payouts of a part that failed after the account had shown them, and that did not come back there."""
    return [Lonely(ours=ours(row)) for row in await _fetch(tx, RETURNS, run, bounds, end)]


async def payouts(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Settled]:
    """List the payouts of a part with the sum of their lines, and whether the bank has them."""
    days = settlement.early_days_max, settlement.late_days_max
    return [_settled(row) for row in await _fetch(tx, PAYOUTS, run, bounds, end, *days)]


async def unpaid(tx: Transaction, run: Run, bounds: Bounds, end: Place) -> list[Ours]:
    """List the payments of a part for which goods were handed over and no money came."""
    return [ours(row) for row in await _fetch(tx, UNPAID, run, bounds, end)]


async def unread(tx: Transaction, run: Run) -> list[tuple[str, str]]:
    """List the lines of a run's day that nobody could read, with the reasons."""
    rows = await tx.fetch(
        "SELECT line_id, reason FROM unread_line WHERE gateway = $1 AND day = $2 ORDER BY id", run.gateway, run.day
    )
    return [(row["line_id"], row["reason"]) for row in rows]


# The first two conditions follow from the others, and only by them PostgreSQL sees that its index holds these rows.
WITHIN: Callable[[str, str], str] = (
    "gateway = $1 AND {0} >= $2 AND {0} <= $4 AND ({0}, {1}) > ($2, $3) AND ({0}, {1}) <= ($4, $5)".format
)
PAYMENT = """
    payment.id AS object, payment.id AS payment_id, 'capture' AS side, payment.status AS our_status,
    payment.currency AS our_currency, payment.amount_captured AS our_amount, payment.amount_captured > 0 AS settled,
    coalesce(payment.captured_at, payment.created_at) AS our_at, payment.fee AS our_fee, payment.fee_final
"""
CAPTURES = f"""
SELECT {PAYMENT}, EXISTS (
    SELECT FROM payment_reference AS other
    WHERE (other.gateway, other.reference) = (payment.gateway, payment.gateway_reference)
      AND other.payment_id <> payment.id) AS double
FROM payment
WHERE {WITHIN("captured_at", "id")} AND NOT imported
  AND NOT EXISTS (SELECT FROM settlement_link WHERE object = payment.id AND side = 'capture')
ORDER BY captured_at, id
"""
UNGRANTED = f"""
SELECT {PAYMENT} FROM payment
WHERE {WITHIN("captured_at", "id")} AND sale IS NOT NULL
  AND NOT EXISTS (SELECT FROM entitlement WHERE payment_id = payment.id)
  AND NOT EXISTS (SELECT FROM undelivered WHERE payment_id = payment.id)
  AND NOT EXISTS (SELECT FROM late_delivery WHERE payment_id = payment.id AND status <> 'failed')
ORDER BY captured_at, id
"""
# A payment's own journals, those of its refunds and of what disagreed about them, against what the gateway's lines of
# all of these came to. Where a line is still awaited, or something is known to disagree, the rest is explained by that.
# What is booked for the rest itself does not count, or it would end what it has answered.
# OFFSET keeps PostgreSQL from going through a clearing account for each payment, as it would after an import, before it
# has counted its tables.
RESTS = f"""
WITH paid AS MATERIALIZED (
    SELECT {PAYMENT}, line.net + coalesce((
               SELECT sum(back.gross) FROM refund
               JOIN settlement_link AS their ON their.object = refund.id AND their.side IN ('refund', 'refund_failed')
               JOIN settlement_line AS back ON back.id = their.line_id
               WHERE refund.payment_id = payment.id AND NOT refund.surplus), 0)::bigint AS told
    FROM payment
    JOIN settlement_link AS link ON link.object = payment.id AND link.side = 'capture'
    JOIN settlement_line AS line ON line.id = link.line_id
    WHERE {WITHIN("captured_at", "payment.id").replace("gateway =", "payment.gateway =")} AND NOT payment.imported
      AND line.payout_id IS NOT NULL AND line.settle_currency = payment.currency
      AND NOT EXISTS (SELECT FROM dispute WHERE payment_id = payment.id)
      AND NOT EXISTS (SELECT FROM discrepancy
                      WHERE payment_id = payment.id AND kind <> 'clearing_not_zero' AND status = 'open')
      AND NOT EXISTS (
          SELECT FROM refund WHERE payment_id = payment.id AND NOT surplus AND status <> 'failed'
          AND NOT EXISTS (SELECT FROM settlement_link WHERE object = refund.id AND side = 'refund'))
), booked AS MATERIALIZED (
    SELECT paid.*, coalesce((
        SELECT sum(CASE clearing.id WHEN moved.debit_id THEN moved.amount ELSE -moved.amount END)
        FROM (
            SELECT 'payment' AS source, paid.object::text AS source_id
            UNION ALL SELECT 'refund', refund.id::text FROM refund
            WHERE refund.payment_id = paid.object AND NOT refund.surplus
            UNION ALL SELECT 'discrepancy', discrepancy.id::text FROM discrepancy
            WHERE discrepancy.payment_id = paid.object AND discrepancy.kind <> 'clearing_not_zero'
              AND (discrepancy.object = paid.object OR discrepancy.object IN (
                  SELECT refund.id FROM refund WHERE refund.payment_id = paid.object AND NOT refund.surplus))) AS cause
        CROSS JOIN LATERAL (
            SELECT debit_id, credit_id, amount FROM journal JOIN posting ON posting.journal_id = journal.id
            WHERE journal.source = cause.source AND journal.source_id = cause.source_id OFFSET 0) AS moved
        JOIN account AS clearing ON clearing.id IN (moved.debit_id, moved.credit_id)
        WHERE clearing.code = 'gateway:' || $1 || ':clearing:' || paid.our_currency), 0)::bigint AS booked
    FROM paid
)
SELECT * FROM booked WHERE booked <> told ORDER BY our_at, object
"""
UNPAID = f"""
SELECT {PAYMENT} FROM payment
WHERE {WITHIN("created_at", "id")} AND amount_captured = 0
  AND EXISTS (SELECT FROM entitlement WHERE payment_id = payment.id)
ORDER BY created_at, id
"""
# A second capture comes and goes by one refund, and one that failed came back after it went.
REFUNDS = f"""
SELECT refund.id AS object, payment_id, shown.side, status AS our_status, currency AS our_currency,
       shown.amount AS our_amount, true AS settled, settled_at AS our_at,
       CASE shown.side WHEN 'surplus' THEN fee END AS our_fee, true AS fee_final
FROM refund
CROSS JOIN LATERAL (VALUES
    ('surplus', amount, surplus),
    ('refund', -amount, status = 'succeeded'),
    ('refund_failed', amount, status = 'failed' AND EXISTS (
        SELECT FROM settlement_link WHERE object = refund.id AND side = 'refund'))) AS shown (side, amount, due)
WHERE {WITHIN("settled_at", "refund.id")} AND NOT imported AND shown.due
  AND NOT EXISTS (SELECT FROM settlement_link AS link
                  WHERE link.object = refund.id AND link.side = shown.side AND link.side <> 'dispute')
ORDER BY settled_at, refund.id
"""
DISPUTES = f"""
SELECT id AS object, payment_id, 'dispute' AS side, status AS our_status, currency AS our_currency,
       -booked_withdrawn AS our_amount, true AS settled, {MOVED} AS our_at, booked_fee AS our_fee, true AS fee_final
FROM dispute
WHERE {WITHIN(MOVED, "id")} AND booked_withdrawn > 0
  AND NOT EXISTS (SELECT FROM settlement_link WHERE object = dispute.id AND side = 'dispute')
ORDER BY {MOVED}, id
"""
MOVED_DISPUTES = f"""
SELECT id FROM dispute
CROSS JOIN LATERAL (
    SELECT sum(line.gross) AS gross FROM settlement_link AS link JOIN settlement_line AS line ON line.id = link.line_id
    WHERE link.object = dispute.id AND link.side = 'dispute') AS told
WHERE {WITHIN(MOVED, "id")} AND told.gross <> -booked_withdrawn
ORDER BY {MOVED}, id
"""
RETURNS = f"""
SELECT id AS object, NULL::uuid AS payment_id, 'payout_failed' AS side, status AS our_status,
       currency AS our_currency, amount AS our_amount, true AS settled, changed_at AS our_at,
       NULL::bigint AS our_fee, true AS fee_final
FROM payout
WHERE {WITHIN("changed_at", "id")} AND status = 'failed'
  AND EXISTS (SELECT FROM settlement_link WHERE object = payout.id AND side = 'payout')
  AND NOT EXISTS (SELECT FROM settlement_link WHERE object = payout.id AND side = 'payout_failed')
ORDER BY changed_at, id
"""
# What a payout brings back goes out with the next one, so it is one of the lines of that.
PAYOUTS = f"""
SELECT id AS object, NULL::uuid AS payment_id, 'payout' AS side, status AS our_status, currency AS our_currency,
       -amount AS our_amount, true AS settled, created_at AS our_at, NULL::bigint AS our_fee, true AS fee_final,
       gateway_reference, automatic, arrives_at, along.lines, along.total,
       own.net IS NOT NULL AS has_line, coalesce(-own.net, amount) AS sent,
       payout.bank_line IS NOT NULL OR EXISTS (
           SELECT FROM bank_line WHERE (bank_line.currency, bank_line.amount) = (payout.currency, payout.amount)
           AND strpos(bank_line.reference, nullif(payout.bank_reference, '')) > 0) AS in_bank,
       nullif(payout.bank_reference, '') IS NOT NULL AS named, (
           SELECT bank_line.day || ' “' || bank_line.reference || '”' FROM bank_line
           WHERE (bank_line.currency, bank_line.amount) = (payout.currency, payout.amount)
             AND bank_line.day BETWEEN coalesce(arrives_at, created_at)::date - $6::integer
                                   AND coalesce(arrives_at, created_at)::date + $7::integer
             AND NOT EXISTS (SELECT FROM payout AS other WHERE other.bank_line = bank_line.id)
           ORDER BY bank_line.day, bank_line.id LIMIT 1) AS alike,
       EXISTS (SELECT FROM bank_line
               WHERE bank_line.currency = payout.currency
                 AND bank_line.day > coalesce(arrives_at, created_at)::date) AS bank_known
FROM payout
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, coalesce(sum(line.net), 0)::bigint AS total FROM settlement_line AS line
    WHERE line.gateway = payout.gateway AND line.payout_id = payout.gateway_reference
      AND line.settle_currency = payout.currency AND line.kind <> 'payout') AS along
LEFT JOIN LATERAL (
    SELECT line.net FROM settlement_link AS link JOIN settlement_line AS line ON line.id = link.line_id
    WHERE link.object = payout.id AND link.side = 'payout') AS own ON true
WHERE payout.{WITHIN("created_at", "payout.id")}
ORDER BY created_at, payout.id
"""


async def _fetch(tx: Transaction, sql: str, run: Run, bounds: Bounds, end: Place, *more: int) -> list[Record]:
    """Read what lies between the place of a run and the end of its part."""
    return await tx.fetch(sql, run.gateway, *_start(run, bounds), end.at, UUID(end.id), *more)


def _start(run: Run, bounds: Bounds) -> tuple[datetime, UUID]:
    return run.place.at or bounds[0], UUID(run.place.id) if run.place.id else UUID(int=0)


def _settled(row: Record) -> Settled:
    return Settled(
        ours=ours(row),
        reference=row["gateway_reference"],
        automatic=row["automatic"],
        has_line=row["has_line"],
        lines=row["lines"],
        total=row["total"],
        sent=row["sent"],
        paid=row["our_status"] == "paid",
        arrives_at=row["arrives_at"],
        in_bank=row["in_bank"],
        named=row["named"],
        alike=row["alike"],
        bank_known=row["bank_known"],
    )
