"""For what of ours each settlement line stands, and where the two do not plainly agree: read across packages.

Lines are read in parts. A part is bounded by its place in an order that is kept, so that a run that dies goes on where
it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from tillkeeper.facts import LineKind
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.settlement.lines import Link, Side
from tillkeeper.settlement.runs import Line, Ours, Pair, Place, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold how much the next part of a step holds, and where it ends; None when nothing is left."""

    count: int
    end: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Hold what a line names of ours: the thing that it may stand for, and the payment that it is about."""

    line: int
    side: Side
    object: UUID | None
    payment: UUID | None


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Hold what a line stands for in truth, and its day."""

    link: Link
    day: date


async def go_by_index(tx: Transaction) -> None:
    """Let this transaction look everything up by its key: a plan that reads whole tables would read them once a part.

    PostgreSQL would choose such plans when it has just seen a small table, or keeps a plan for parts of any size.
    """
    await tx.execute(
        "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;"
        " SET LOCAL jit = off"
    )


async def part(tx: Transaction, run: Run, limit: int) -> Part:
    """Find the next lines of a run's day."""
    row = await tx.fetchrow(
        """
        SELECT count(*) AS count, max(id) AS last FROM (
            SELECT id FROM settlement_line WHERE gateway = $1 AND day = $2 AND id > $3 ORDER BY id LIMIT $4) AS part
        """,
        run.gateway,
        run.day,
        int(run.place.id or 0),
        limit,
    )
    assert row, "an aggregate has one row"
    return Part(count=row["count"], end=Place(id=str(row["last"])) if row["count"] else None)


async def named(tx: Transaction, run: Run, end: Place) -> list[Named]:
    """Find what the lines of a part name, of those that stand for nothing yet."""
    return [_named(row) for row in await tx.fetch(NAMED.format(which=OF_A_PART), *_span(run, end))]


async def named_by(tx: Transaction, gateway: str, line_ids: Sequence[str]) -> list[Named]:
    """Find what these lines name, of those that stand for nothing yet."""
    return [_named(row) for row in await tx.fetch(NAMED.format(which=OF_A_LIST), gateway, list(line_ids))]


async def misplaced(tx: Transaction, run: Run, end: Place, found: Sequence[Named]) -> list[Misplaced]:
    """Find lines that stand for a payment and tell of its second capture, among the payments that a part is about.

    Such a line came before anybody had heard of either capture, and took the place of the true one.
    """
    payments = [each.payment for each in found if each.payment]
    rows = await tx.fetch(MISPLACED, *_span(run, end), payments)
    return [
        Misplaced(link=Link(line=row["id"], side=Side.SURPLUS, object=row["object"]), day=row["day"]) for row in rows
    ]


MISPLACED = """
SELECT line.id, refund.id AS object, line.day
FROM (SELECT line_id, object FROM settlement_link WHERE side = 'capture' AND object = ANY($5::uuid[])
      UNION
      SELECT link.line_id, link.object FROM settlement_line AS each
      JOIN settlement_link AS link ON link.line_id = each.id AND link.side = 'capture'
      WHERE each.gateway = $1 AND each.day = $2 AND each.id > $3 AND each.id <= $4) AS taken
JOIN settlement_line AS line ON line.id = taken.line_id
JOIN refund ON refund.payment_id = taken.object AND refund.surplus AND refund.gateway = line.gateway
    AND refund.capture_reference IN (line.object_id, line.parent_id)
WHERE NOT EXISTS (SELECT FROM settlement_link AS link WHERE link.object = refund.id AND link.side = 'surplus')
ORDER BY line.id
"""

OF_A_PART = "gateway = $1 AND day = $2 AND id > $3 AND id <= $4"
OF_A_LIST = "gateway = $1 AND line_id = ANY($2::text[])"

# Keys in the order of their weight: the gateway's id of the thing itself, that of the payment behind it, then our own
# id as the gateway carried it. A capture that names a paid payment and is not the one that paid it stands for nothing.
# A refund that names a capture as the thing that moved is that capture, the wrong way round. A movement of a dispute
# that names only its payment belongs to that payment's only dispute; of several, to the only one whose lines do not
# come to what the books hold of it. A refund that came back and names only its payment is one of as much that failed
# and has not come back yet; so is a payout that came back and names nothing, and of several such lines each is another.
# Whatever is still ambiguous then is for a person.
NAMED = """
WITH line AS MATERIALIZED (
    SELECT * FROM settlement_line
    WHERE {which} AND NOT EXISTS (SELECT FROM settlement_link WHERE line_id = settlement_line.id)
), named AS MATERIALIZED (
    SELECT line.id, line.kind, line.gateway, line.object_id, line.parent_id, line.our_refund, line.gross, line.currency,
           by_object.payment_id AS exactly,
           coalesce(by_object.payment_id, by_parent.payment_id, own.id, tried.payment_id) AS payment_id
    FROM line
    LEFT JOIN payment_reference AS by_object
        ON (by_object.gateway, by_object.reference) = (line.gateway, line.object_id)
    LEFT JOIN payment_reference AS by_parent
        ON (by_parent.gateway, by_parent.reference) = (line.gateway, line.parent_id)
    LEFT JOIN payment AS own ON own.id = line.our_payment
    LEFT JOIN attempt AS tried ON tried.key = line.our_reference
)
SELECT named.id, CASE WHEN surplus.id IS NULL THEN 'capture' ELSE 'surplus' END AS side,
       coalesce(surplus.id, payment.id) AS object, named.payment_id
FROM named
LEFT JOIN refund AS surplus ON surplus.payment_id = named.payment_id AND surplus.surplus
    AND surplus.gateway = named.gateway AND surplus.capture_reference IN (named.object_id, named.parent_id)
LEFT JOIN payment ON payment.id = named.payment_id AND (
    payment.amount_captured = 0 OR (payment.gateway = named.gateway AND (
        named.exactly IS NOT NULL OR named.object_id IS NULL
        OR payment.gateway_reference IN (named.object_id, named.parent_id))))
WHERE named.kind = 'capture'
UNION ALL
SELECT named.id,
       CASE WHEN named.kind = 'refund' AND coalesce(refund.id, own.id) IS NULL AND named.exactly IS NOT NULL
            THEN 'capture' ELSE named.kind END,
       coalesce(refund.id, own.id, back.id, CASE named.kind WHEN 'refund' THEN named.exactly END),
       coalesce(refund.payment_id, own.payment_id, named.payment_id)
FROM named
LEFT JOIN refund ON (refund.gateway, refund.gateway_reference) = (named.gateway, named.object_id)
LEFT JOIN refund AS own ON own.id = named.our_refund AND own.gateway = named.gateway
LEFT JOIN LATERAL (
    SELECT each.id FROM refund AS each
    WHERE named.kind = 'refund_failed' AND named.object_id IS NULL AND each.status = 'failed'
        AND (each.payment_id, each.gateway, each.amount) = (named.payment_id, named.gateway, named.gross)
        AND NOT EXISTS (SELECT FROM settlement_link WHERE object = each.id AND side = 'refund_failed')
    ORDER BY EXISTS (SELECT FROM settlement_link WHERE object = each.id AND side = 'refund') DESC, each.id
    LIMIT 1) AS back ON true
WHERE named.kind IN ('refund', 'refund_failed')
UNION ALL
SELECT named.id, 'dispute', coalesce(dispute.id, own.id), coalesce(dispute.payment_id, named.payment_id)
FROM named
LEFT JOIN dispute ON (dispute.gateway, dispute.gateway_reference) = (named.gateway, named.object_id)
LEFT JOIN LATERAL (
    SELECT (array_agg(one.id))[1] AS id FROM (
        SELECT each.id, count(*) OVER () AS several,
               -each.booked_withdrawn <> coalesce(sum(known.gross), 0)
               OR each.booked_fee <> coalesce(sum(known.fee + known.tax), 0) AS lacks
        FROM dispute AS each
        LEFT JOIN settlement_link AS link ON link.object = each.id AND link.side = 'dispute'
        LEFT JOIN settlement_line AS known ON known.id = link.line_id
        WHERE named.object_id IS NULL AND (each.payment_id, each.gateway) = (named.payment_id, named.gateway)
        GROUP BY each.id) AS one
    WHERE one.several = 1 OR one.lacks
    HAVING count(*) = 1) AS own ON true
WHERE named.kind IN ('dispute', 'dispute_reversed')
UNION ALL
SELECT named.id, named.kind, coalesce(payout.id, back.id), NULL
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind, object_id, currency, gross ORDER BY id) AS nth
    FROM named WHERE kind IN ('payout', 'payout_failed')) AS named
LEFT JOIN payout ON (payout.gateway, payout.gateway_reference) = (named.gateway, named.object_id)
LEFT JOIN LATERAL (
    SELECT each.id FROM payout AS each
    WHERE named.kind = 'payout_failed' AND named.object_id IS NULL AND each.status = 'failed'
        AND (each.gateway, each.currency, each.amount) = (named.gateway, named.currency, named.gross)
        AND NOT EXISTS (SELECT FROM settlement_link WHERE object = each.id AND side = 'payout_failed')
    ORDER BY EXISTS (SELECT FROM settlement_link WHERE object = each.id AND side = 'payout') DESC,
        each.created_at, each.id
    LIMIT 1 OFFSET named.nth - 1) AS back ON true
ORDER BY 1
"""


async def booked(tx: Transaction, gateway: str, line_ids: Sequence[str]) -> set[str]:
    """Tell which of these captures are in the books as their lines told them: second ones, and imported ones."""
    rows = await tx.fetch(
        """
        SELECT line.line_id FROM settlement_line AS line JOIN settlement_link AS link ON link.line_id = line.id
        LEFT JOIN payment ON link.side = 'capture' AND payment.id = link.object
        WHERE line.gateway = $1 AND line.line_id = ANY($2::text[]) AND (link.side = 'surplus' OR payment.imported)
        """,
        gateway,
        list(line_ids),
    )
    return {row["line_id"] for row in rows}


def links(found: Sequence[Named]) -> list[Link]:
    """Say what to link: the lines that name something of ours."""
    return [Link(line=each.line, side=each.side, object=each.object) for each in found if each.object]


async def differing(tx: Transaction, run: Run, end: Place, found: Sequence[Named]) -> list[Pair]:
    """List the lines of a part that do not plainly agree with what they stand for, and all that stand for nothing."""
    about = {each.line: each for each in found}
    return [_pair(row, about.get(row["id"])) for row in await tx.fetch(DIFFERING, *_span(run, end))]


async def of_disputes(tx: Transaction, disputes: Sequence[UUID]) -> list[Pair]:
    """Set the last line of each of these disputes beside what we hold of it: all of its lines are counted with it."""
    return [_pair(row, None) for row in await tx.fetch(OF_DISPUTES, list(disputes))] if disputes else []


# A plain agreement needs no second look: same amount, same currency, the fee that we booked, and a sum that adds up.
COMPARED = """
SELECT line.id, line.line_id, line.kind, line.gross, line.fee, line.tax, line.net, line.currency, line.settle_currency,
       line.rate, line.occurred_at, link.side, link.object,
       coalesce(payment.id, refund.payment_id, dispute.payment_id) AS payment_id,
       coalesce(payment.currency, refund.currency, dispute.currency, payout.currency) AS our_currency,
       coalesce(payment.status, refund.status, dispute.status, payout.status) AS our_status,
       coalesce(payment.created_at, refund.created_at, greatest(dispute.opened_at, dispute.money_at, dispute.closed_at),
                payout.created_at) AS our_at,
       CASE link.side WHEN 'surplus' THEN refund.fee ELSE coalesce(payment.fee, dispute.booked_fee) END AS our_fee,
       coalesce(payment.fee_final, true) AS fee_final,
       coalesce(payment.imported, refund.imported, false) AS imported,
       CASE link.side
           WHEN 'capture' THEN payment.amount_captured
           WHEN 'surplus' THEN refund.amount
           WHEN 'refund' THEN -refund.amount
           WHEN 'refund_failed' THEN refund.amount
           WHEN 'dispute' THEN -dispute.booked_withdrawn
           WHEN 'payout' THEN -payout.amount
           WHEN 'payout_failed' THEN payout.amount
       END AS our_amount,
       CASE link.side
           WHEN 'capture' THEN payment.amount_captured > 0
           WHEN 'refund' THEN refund.status = 'succeeded' OR (refund.status = 'failed' AND EXISTS (
               SELECT FROM settlement_link AS back WHERE back.object = refund.id AND back.side = 'refund_failed'))
           WHEN 'refund_failed' THEN refund.status = 'failed'
           WHEN 'dispute' THEN dispute.withdrawn IS NOT NULL OR dispute.booked_withdrawn <> 0
           WHEN 'payout_failed' THEN payout.status = 'failed'
           ELSE true
       END AS settled,
       CASE link.side WHEN 'dispute' THEN (
           SELECT sum(each.gross) FROM settlement_link AS of_it JOIN settlement_line AS each ON each.id = of_it.line_id
           WHERE of_it.object = link.object AND of_it.side = 'dispute')::bigint END AS total,
       CASE link.side WHEN 'dispute' THEN (
           SELECT sum(each.fee + each.tax)
           FROM settlement_link AS of_it JOIN settlement_line AS each ON each.id = of_it.line_id
           WHERE of_it.object = link.object AND of_it.side = 'dispute')::bigint END AS kept
FROM settlement_line AS line
LEFT JOIN settlement_link AS link ON link.line_id = line.id
LEFT JOIN payment ON link.side = 'capture' AND payment.id = link.object
LEFT JOIN refund ON link.side IN ('surplus', 'refund', 'refund_failed') AND refund.id = link.object
LEFT JOIN dispute ON link.side = 'dispute' AND dispute.id = link.object
LEFT JOIN payout ON link.side IN ('payout', 'payout_failed') AND payout.id = link.object
"""
DIFFERING = f"""{COMPARED}
WHERE line.gateway = $1 AND line.day = $2 AND line.id > $3 AND line.id <= $4
  AND (line.kind = 'capture' AND line.gross = payment.amount_captured AND line.currency = payment.currency
       AND NOT payment.imported AND line.settle_currency = line.currency AND line.fee + line.tax = payment.fee
       AND line.net = line.gross - line.fee - line.tax
       OR line.kind = 'refund' AND line.gross = -refund.amount AND line.currency = refund.currency
       AND refund.status = 'succeeded' AND NOT refund.imported AND line.settle_currency = line.currency
       AND line.net = line.gross AND line.fee = 0 AND line.tax = 0
       OR line.kind = 'payout' AND line.gross = -payout.amount AND line.net = line.gross
       AND line.currency = payout.currency) IS NOT TRUE
ORDER BY line.id
"""
OF_DISPUTES = f"""{COMPARED}
WHERE link.object = ANY($1::uuid[]) AND link.side = 'dispute' AND line.id = (
    SELECT max(last.line_id) FROM settlement_link AS last WHERE last.object = link.object AND last.side = 'dispute')
ORDER BY line.id
"""


def ours(row: Record) -> Ours:
    """Read something of ours as every query here and of `unmatched` gives it."""
    return Ours(
        side=Side(row["side"]),
        id=row["object"],
        amount=row["our_amount"],
        currency=row["our_currency"],
        settled=row["settled"],
        status=row["our_status"],
        at=row["our_at"],
        payment=row["payment_id"],
        fee=row["our_fee"],
        fee_final=row["fee_final"],
    )


def _span(run: Run, end: Place) -> tuple[str, object, int, int]:
    return run.gateway, run.day, int(run.place.id or 0), int(end.id or 0)


def _named(row: Record) -> Named:
    return Named(line=row["id"], side=Side(row["side"]), object=row["object"], payment=row["payment_id"])


def _pair(row: Record, about: Named | None) -> Pair:
    return Pair(
        line=Line(
            id=row["id"],
            line_id=row["line_id"],
            kind=LineKind(row["kind"]),
            gross=row["gross"],
            fee=row["fee"],
            tax=row["tax"],
            net=row["net"],
            currency=row["currency"],
            settle_currency=row["settle_currency"],
            rate=row["rate"],
            occurred_at=row["occurred_at"],
        ),
        ours=replace(ours(row), imported=row["imported"]) if row["our_currency"] else None,
        rival=row["side"] is None and about is not None and about.object is not None,
        payment=row["payment_id"] or (about.payment if about else None),
        total=row["total"],
        kept=row["kept"] or 0,
    )
