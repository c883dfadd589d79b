"""All SQL of payouts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.settlement.values import BankLine, Payout, PayoutStatus

early_days_max, late_days_max = 3, 10
"""How far a line of the bank may lie before or after the day on which a payout should arrive."""


async def lock(tx: Transaction, payouts: Sequence[UUID]) -> dict[UUID, Payout]:
    """Lock the payouts that are known."""
    rows = await tx.fetch(
        "SELECT * FROM payout WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(payouts)
    )
    return {row["id"]: _payout(row) for row in rows}


async def insert(tx: Transaction, payouts: Sequence[Payout]) -> set[UUID]:
    """Write payouts that nobody had heard of, and return which those were; whoever hears of one at once waits here."""
    rows = await tx.fetch(
        """
        INSERT INTO payout (id, gateway, gateway_reference, status, amount, currency, arrives_at, bank_reference,
                            automatic, error_code)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                             $7::timestamptz[], $8::text[], $9::boolean[], $10::text[])
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        [payout.id for payout in payouts],
        [payout.gateway for payout in payouts],
        [payout.reference for payout in payouts],
        [payout.status for payout in payouts],
        [payout.amount for payout in payouts],
        [payout.currency for payout in payouts],
        [payout.arrives_at for payout in payouts],
        [payout.bank_reference for payout in payouts],
        [payout.automatic for payout in payouts],
        [payout.error_code for payout in payouts],
    )
    return {row["id"] for row in rows}


async def save(tx: Transaction, payouts: Sequence[Payout]) -> None:
    """Write how far payouts are."""
    await tx.execute(
        """
        UPDATE payout
        SET status = told.status, arrives_at = told.arrives_at, bank_reference = told.bank_reference,
            automatic = told.automatic, error_code = told.error_code, changed_at = clock_timestamp()
        FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::boolean[], $6::text[])
            AS told (id, status, arrives_at, bank_reference, automatic, error_code)
        WHERE payout.id = told.id
        """,
        [payout.id for payout in payouts],
        [payout.status for payout in payouts],
        [payout.arrives_at for payout in payouts],
        [payout.bank_reference for payout in payouts],
        [payout.automatic for payout in payouts],
        [payout.error_code for payout in payouts],
    )


async def days_of(tx: Transaction, gateway: str, references: Sequence[str]) -> list[datetime]:
    """Tell when these payouts were first heard of."""
    rows = await tx.fetch(
        "SELECT created_at FROM payout WHERE gateway = $1 AND gateway_reference = ANY($2::text[])",
        gateway,
        list(references),
    )
    return [row["created_at"] for row in rows]


async def trace(tx: Transaction, gateway: str, told: Mapping[str, str]) -> list[datetime]:
    """Write by what the bank's lines of payouts are known, where that was not; tell when those were first heard of."""
    rows = await tx.fetch(
        """
        UPDATE payout SET bank_reference = told.trace, changed_at = clock_timestamp()
        FROM (SELECT payout.id, told.trace FROM payout
              JOIN unnest($2::text[], $3::text[]) AS told (reference, trace) ON told.reference = gateway_reference
              WHERE gateway = $1 AND nullif(bank_reference, '') IS NULL
              ORDER BY payout.id FOR NO KEY UPDATE OF payout) AS told
        WHERE payout.id = told.id RETURNING created_at
        """,
        gateway,
        list(told),
        list(told.values()),
    )
    return [row["created_at"] for row in rows]


async def arriving(tx: Transaction, first: date, last: date) -> list[tuple[str, datetime]]:
    """List payouts that should have arrived between two days: their gateways, and when they were heard of."""
    rows = await tx.fetch(
        """
        SELECT gateway, created_at FROM payout
        WHERE status <> 'failed' AND coalesce(arrives_at, created_at)::date BETWEEN $1 AND $2
        """,
        first,
        last,
    )
    return [(row["gateway"], row["created_at"]) for row in rows]


async def name_lines(tx: Transaction) -> list[tuple[Payout, date]]:
    """Find the bank's lines of payouts that had none, where no other could be meant; return these with the lines' days.

    A line names a payout by what the gateway says that the bank shows. Where the gateway says nothing, its own id of
    the payout counts, or its name about the day on which the money should arrive.
    """
    rows = await tx.fetch(
        """
        WITH waiting AS (
            SELECT id, gateway, gateway_reference, nullif(bank_reference, '') AS reference, currency, amount,
                   coalesce(arrives_at, created_at)::date AS due
            FROM payout WHERE bank_line IS NULL AND status <> 'failed' AND amount <> 0
        ), named AS (
            SELECT waiting.id, line.id AS line, line.day, count(*) OVER (PARTITION BY waiting.id) AS lines,
                   count(*) OVER (PARTITION BY line.id) AS payouts
            FROM waiting JOIN bank_line AS line ON (line.currency, line.amount) = (waiting.currency, waiting.amount)
            WHERE NOT EXISTS (SELECT FROM payout AS other WHERE other.bank_line = line.id)
              AND CASE WHEN waiting.reference IS NOT NULL THEN strpos(line.reference, waiting.reference) > 0
                       ELSE strpos(line.reference, gateway_reference) > 0
                            OR (strpos(lower(line.reference), gateway) > 0
                                AND line.day BETWEEN due - $1::integer AND due + $2::integer) END
        )
        UPDATE payout SET bank_line = named.line FROM named
        WHERE payout.id = named.id AND payout.bank_line IS NULL AND named.lines = 1 AND named.payouts = 1
        RETURNING payout.*, named.day
        """,
        early_days_max,
        late_days_max,
    )
    return [(_payout(row), row["day"]) for row in rows]


async def take_in_bank(tx: Transaction, told: Sequence[BankLine]) -> int:
    """Write lines of the bank's account, each once; return how many were new."""
    return await tx.execute(
        """
        INSERT INTO bank_line (day, amount, currency, reference, ordinal)
        SELECT * FROM unnest($1::date[], $2::bigint[], $3::text[], $4::text[], $5::integer[])
        ON CONFLICT DO NOTHING
        """,
        [line.day for line in told],
        [line.amount for line in told],
        [line.currency for line in told],
        [line.reference for line in told],
        [line.ordinal for line in told],
    )


def _payout(row: Record) -> Payout:
    return Payout(
        id=row["id"],
        gateway=row["gateway"],
        reference=row["gateway_reference"],
        status=PayoutStatus(row["status"]),
        amount=row["amount"],
        currency=row["currency"],
        arrives_at=row["arrives_at"],
        bank_reference=row["bank_reference"],
        automatic=row["automatic"],
        error_code=row["error_code"],
    )
