"""All SQL of payments that were taken over."""

from collections.abc import Sequence
from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.payments.past.values import Past
from tillkeeper.payments.values import Refund


async def insert(tx: Transaction, past: Sequence[Past]) -> None:
    """Write payments as they ended; what a gateway kept of them was booked where they came from."""
    await tx.execute(
        """
        INSERT INTO payment (id, mode, status, amount, currency, amount_captured, amount_refunded, user_id, description,
                             gateway, gateway_reference, checkout, capture_method, metadata, created_at, expires_at,
                             captured_at, fee_final, imported)
        SELECT id, $2, status, amount, currency, captured, refunded, user_id, description, gateway, reference, 'hosted',
               'automatic', metadata, created_at, created_at, captured_at, true, true
        FROM unnest($1::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::uuid[],
                    $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::timestamptz[], $14::timestamptz[])
             AS new (id, status, amount, currency, captured, refunded, user_id, description, gateway, reference,
                     metadata, created_at, captured_at)
        """,
        [each.id for each in past],
        past[0].mode,
        [each.status for each in past],
        [each.amount for each in past],
        [each.currency for each in past],
        [each.captured for each in past],
        [sum(refund.amount for refund in each.refunds) for each in past],
        [each.user for each in past],
        [each.description for each in past],
        [each.gateway for each in past],
        [each.reference for each in past],
        [each.metadata for each in past],
        [each.created_at for each in past],
        [each.captured_at for each in past],
    )


async def known(tx: Transaction, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Tell which of these gateways' names belong to payments or refunds already."""
    rows = await tx.fetch(
        """
        WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[]) AS name (gateway, reference))
        SELECT gateway, reference FROM asked JOIN payment_reference USING (gateway, reference)
        UNION
        SELECT gateway, reference
        FROM asked JOIN (SELECT gateway, gateway_reference AS reference FROM refund) AS known USING (gateway, reference)
        """,
        [gateway for gateway, _ in names],
        [reference for _, reference in names],
    )
    return {(row["gateway"], row["reference"]) for row in rows}


async def insert_references(tx: Transaction, past: Sequence[Past]) -> None:
    """Remember what their gateways call payments; a name that another payment has by now ends the transaction."""
    await tx.execute(
        """
        INSERT INTO payment_reference (gateway, reference, payment_id)
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[])
        """,
        [each.gateway for each in past],
        [each.reference for each in past],
        [each.id for each in past],
    )


async def insert_refunds(tx: Transaction, refunds: Sequence[Refund]) -> None:
    """Write refunds as they ended."""
    await tx.execute(
        """
        INSERT INTO refund (id, payment_id, amount, currency, status, origin, reason, gateway, gateway_reference,
                            created_at, settled_at, imported)
        SELECT told.*, true FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                             $7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[]) AS told
        """,
        [refund.id for refund in refunds],
        [refund.payment for refund in refunds],
        [refund.amount for refund in refunds],
        [refund.currency for refund in refunds],
        [refund.status for refund in refunds],
        [refund.origin for refund in refunds],
        [refund.reason for refund in refunds],
        [refund.gateway for refund in refunds],
        [refund.reference for refund in refunds],
        [refund.created_at for refund in refunds],
        [refund.settled_at for refund in refunds],
    )


async def insert_changes(tx: Transaction, past: Sequence[Past], at: datetime) -> None:
    """Start the history of each with the moment in which it came here."""
    await tx.execute(
        """
        INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, amount, at)
        SELECT id, NULL, status, 'none', 'taken over from an earlier system', 'import', captured, $4
        FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS new (id, status, captured)
        """,
        [each.id for each in past],
        [each.status for each in past],
        [each.captured for each in past],
        at,
    )
