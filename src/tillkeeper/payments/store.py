"""All SQL of payments."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Sale
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.payments.values import Decision, NewPayment, Opening, Payment, Refund, RefundStatus, Status


async def find(tx: Transaction, gateways: Sequence[str], references: Sequence[str]) -> dict[tuple[str, str], UUID]:
    """Map the gateways' ids to payments."""
    rows = await tx.fetch(
        """
        SELECT known.gateway, known.reference, known.payment_id
        FROM unnest($1::text[], $2::text[]) AS asked (gateway, reference)
        JOIN payment_reference AS known USING (gateway, reference)
        """,
        gateways,
        references,
    )
    return {(row["gateway"], row["reference"]): row["payment_id"] for row in rows}


async def lock(tx: Transaction, payments: Sequence[UUID]) -> dict[UUID, Payment]:
    """Lock payments in the order of their ids."""
    rows = await tx.fetch(
        """
        SELECT payment.*
        FROM unnest($1::uuid[]) AS asked (id)
        JOIN payment USING (id)
        ORDER BY payment.id
        FOR NO KEY UPDATE OF payment
        """,
        sorted(set(payments)),
    )
    return {row["id"]: _payment(row) for row in rows}


async def lock_open(tx: Transaction, payments: Sequence[UUID], *, waiting: bool) -> dict[UUID, Payment]:
    """Lock those of these payments that have no end yet; those that somebody else works on only when `waiting`."""
    rows = await tx.fetch(
        f"""
        SELECT payment.* FROM payment
        WHERE id = ANY ($1::uuid[]) AND status NOT IN ('succeeded', 'failed', 'canceled', 'expired')
        ORDER BY id FOR NO KEY UPDATE {"" if waiting else "SKIP LOCKED"}
        """,
        list(payments),
    )
    return {row["id"]: _payment(row) for row in rows}


async def lock_refunds(tx: Transaction, payments: Sequence[UUID]) -> dict[UUID, Refund]:
    """Lock every refund of these payments."""
    rows = await tx.fetch(
        "SELECT * FROM refund WHERE payment_id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(payments)
    )
    return {row["id"]: _refund(row) for row in rows}


async def insert(tx: Transaction, new: NewPayment) -> None:
    """Remember a payment."""
    await tx.execute(
        """
        INSERT INTO payment (id, mode, status, amount, currency, user_id, sale, description, gateway, checkout,
                             capture_method, return_url, metadata, created_at, expires_at, customer_id, review)
        VALUES ($1, $2, 'created', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        new.id,
        new.mode,
        new.amount,
        new.currency,
        new.user,
        asdict(new.sale) if new.sale else None,
        new.description,
        new.gateway,
        new.checkout,
        new.capture_method,
        new.return_url,
        new.metadata,
        new.created_at,
        new.expires_at,
        new.customer,
        new.review,
    )


async def insert_attempt(tx: Transaction, attempt: UUID, payment: UUID, gateway: str, key: str) -> None:
    """Remember a try before it is made."""
    await tx.execute(
        """
        INSERT INTO attempt (id, payment_id, ordinal, gateway, key)
        SELECT $1, $2, count(*) + 1, $3, $4 FROM attempt WHERE payment_id = $2
        """,
        attempt,
        payment,
        gateway,
        key,
    )


async def finish_attempt(tx: Transaction, key: str, opening: Opening, latency_ms: int) -> None:
    """Write down what the gateway answered."""
    await tx.execute(
        """
        UPDATE attempt
        SET outcome = $2, latency_ms = $3, error_code = $4, error_message = $5, finished_at = clock_timestamp()
        WHERE key = $1
        """,
        key,
        opening.move,
        latency_ms,
        opening.error_code,
        opening.error_message,
    )


async def tried(tx: Transaction, payment: UUID) -> set[str]:
    """List the gateways of a payment's attempts."""
    rows = await tx.fetch("SELECT DISTINCT gateway FROM attempt WHERE payment_id = $1", payment)
    return {row["gateway"] for row in rows}


async def reroute(tx: Transaction, payment: Payment, gateway: str) -> None:
    """Let a payment go through another gateway."""
    await tx.execute("UPDATE payment SET gateway = $2, customer_reference = NULL WHERE id = $1", payment.id, gateway)


async def insert_reroute(tx: Transaction, payment: Payment, reason: str, at: datetime) -> None:
    """Append a change of gateways to the history of a payment."""
    await tx.execute(
        """
        INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, at)
        VALUES ($1, $2, $2, 'none', $3, 'routing', $4)
        """,
        payment.id,
        payment.status,
        reason,
        at,
    )


async def update(tx: Transaction, payments: Sequence[Payment]) -> None:
    """Write the final state of every payment touched."""
    await tx.execute(
        """
        UPDATE payment
        SET status = new.status, amount_captured = new.captured, amount_refunding = new.refunding,
            amount_refunded = new.refunded, gateway_reference = new.reference, next_action = new.next_action,
            error_code = new.error_code, error_message = new.error_message, captured_at = new.captured_at,
            gateway = new.gateway, amount_disputed = new.disputed, fee = new.fee, fee_final = new.fee_final,
            authorized_at = new.authorized_at, amount_lost = new.lost, tax_refunded = new.tax_refunded,
            fee_tax = new.fee_tax, review = new.review, fee_told_at = new.fee_told_at
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::jsonb[],
                    $8::text[], $9::text[], $10::timestamptz[], $11::text[], $12::bigint[], $13::bigint[],
                    $14::boolean[], $15::timestamptz[], $16::bigint[], $17::bigint[], $18::bigint[], $19::boolean[],
                    $20::timestamptz[])
             AS new (id, status, captured, refunding, refunded, reference, next_action, error_code, error_message,
                     captured_at, gateway, disputed, fee, fee_final, authorized_at, lost, tax_refunded, fee_tax,
                     review, fee_told_at)
        WHERE payment.id = new.id
        """,
        [payment.id for payment in payments],
        [payment.status for payment in payments],
        [payment.captured for payment in payments],
        [payment.refunding for payment in payments],
        [payment.refunded for payment in payments],
        [payment.reference for payment in payments],
        [payment.next_action for payment in payments],
        [payment.error_code for payment in payments],
        [payment.error_message for payment in payments],
        [payment.captured_at for payment in payments],
        [payment.gateway for payment in payments],
        [payment.disputed for payment in payments],
        [payment.fee for payment in payments],
        [payment.fee_final for payment in payments],
        [payment.authorized_at for payment in payments],
        [payment.lost for payment in payments],
        [payment.tax_refunded for payment in payments],
        [payment.fee_tax for payment in payments],
        [payment.review for payment in payments],
        [payment.fee_told_at for payment in payments],
    )


async def insert_references(tx: Transaction, links: Sequence[tuple[str, str, UUID]]) -> None:
    """Remember what the gateways call these payments."""
    await tx.execute(
        """
        INSERT INTO payment_reference (gateway, reference, payment_id)
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[])
        ON CONFLICT DO NOTHING
        """,
        [gateway for gateway, _, _ in links],
        [reference for _, reference, _ in links],
        [payment for _, _, payment in links],
    )


async def insert_changes(tx: Transaction, decisions: Sequence[Decision], causes: Sequence[str]) -> None:
    """Append to the history of payments."""
    rows = [(decision.change, cause) for decision, cause in zip(decisions, causes, strict=True) if decision.change]
    await tx.execute(
        """
        INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, amount, at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                             $8::timestamptz[])
        """,
        [change.payment for change, _ in rows],
        [change.before for change, _ in rows],
        [change.after for change, _ in rows],
        [change.step for change, _ in rows],
        [change.reason for change, _ in rows],
        [cause for _, cause in rows],
        [change.amount for change, _ in rows],
        [change.at for change, _ in rows],
    )


async def insert_first_change(tx: Transaction, payment: UUID, cause: str, at: datetime) -> None:
    """Start the history of a payment."""
    await tx.execute(
        """
        INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, at)
        VALUES ($1, NULL, 'created', 'none', 'created', $2, $3)
        """,
        payment,
        cause,
        at,
    )


REFUND_FIELDS = (
    *("id", "payment", "amount", "currency", "status", "origin", "reason", "gateway", "reference", "error_code"),
    *("created_at", "settled_at", "surplus", "capture", "reversal", "tax", "fee", "imported"),
)


async def save_refunds(tx: Transaction, refunds: Sequence[Refund]) -> None:
    """Write refunds, new ones and known ones; only of one that was taken over a part may become known by itself."""
    await tx.execute(
        """
        INSERT INTO refund (id, payment_id, amount, currency, status, origin, reason, gateway, gateway_reference,
                            error_code, created_at, settled_at, surplus, capture_reference, reversal, tax, fee,
                            imported)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[],
                             $13::boolean[], $14::text[], $15::boolean[], $16::bigint[], $17::bigint[], $18::boolean[])
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status, gateway_reference = excluded.gateway_reference,
            error_code = excluded.error_code, settled_at = excluded.settled_at,
            amount = CASE WHEN refund.imported THEN excluded.amount ELSE refund.amount END
        WHERE refund.payment_id = excluded.payment_id
        """,
        *([getattr(refund, name) for refund in refunds] for name in REFUND_FIELDS),
    )


async def settle_fees(tx: Transaction, fees: Mapping[UUID, int]) -> set[UUID]:
    """Write what gateways kept of payments of which that was not known, and return these."""
    rows = await tx.fetch(
        """
        UPDATE payment SET fee = told.fee, fee_final = true
        FROM unnest($1::uuid[], $2::bigint[]) AS told (id, fee) WHERE payment.id = told.id AND NOT payment.fee_final
        RETURNING payment.id
        """,
        list(fees),
        list(fees.values()),
    )
    return {row["id"] for row in rows}


async def take_expired(tx: Transaction, limit: int, patience_seconds: int) -> list[tuple[UUID, str]]:
    """Mark unpaid payments whose time is over, by the database's clock, and return them with their gateways.

    One that was marked long ago and has not ended is taken again.
    """
    rows = await tx.fetch(
        """
        WITH over AS (
            SELECT id FROM payment
            WHERE status IN ('created', 'requires_action', 'processing', 'outcome_unknown')
              AND (ending_at IS NULL OR ending_at < clock_timestamp() - $2 * interval '1 second')
              AND expires_at < clock_timestamp()
            ORDER BY expires_at, id
            LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE payment SET ending_at = clock_timestamp() FROM over WHERE payment.id = over.id
        RETURNING payment.id, payment.gateway
        """,
        limit,
        patience_seconds,
    )
    return sorted((row["id"], row["gateway"]) for row in rows)


async def take_unreviewed(tx: Transaction, hours: int, limit: int, patience_seconds: int) -> list[tuple[UUID, str]]:
    """Mark payments on which nobody ruled in time, by the database's clock, and return them with their gateways."""
    rows = await tx.fetch(
        """
        WITH over AS (
            SELECT id FROM payment
            WHERE status = 'in_review' AND authorized_at < clock_timestamp() - $2 * interval '1 hour'
              AND (ending_at IS NULL OR ending_at < clock_timestamp() - $3 * interval '1 second')
            ORDER BY authorized_at, id
            LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE payment SET ending_at = clock_timestamp() FROM over WHERE payment.id = over.id
        RETURNING payment.id, payment.gateway
        """,
        limit,
        hours,
        patience_seconds,
    )
    return sorted((row["id"], row["gateway"]) for row in rows)


async def opening(tx: Transaction, payment: UUID) -> Record | None:
    """Read what a gateway must know to open a checkout."""
    return await tx.fetchrow(
        """
        SELECT id, status, amount, currency, sale, description, return_url, checkout, capture_method, created_at,
               expires_at, gateway, gateway_reference, customer_id, customer_reference,
               (SELECT key FROM attempt WHERE payment_id = $1 ORDER BY ordinal DESC LIMIT 1) AS attempt_key
        FROM payment WHERE id = $1
        """,
        payment,
    )


async def fix_customer(tx: Transaction, payment: UUID, reference: str) -> None:
    """Write by which name the gateway is told of the customer; empty for none."""
    await tx.execute("UPDATE payment SET customer_reference = $2 WHERE id = $1", payment, reference)


def _payment(row: Record) -> Payment:
    return Payment(
        id=row["id"],
        status=Status(row["status"]),
        amount=row["amount"],
        currency=row["currency"],
        captured=row["amount_captured"],
        refunding=row["amount_refunding"],
        refunded=row["amount_refunded"],
        user=row["user_id"],
        sale=Sale(**row["sale"]) if row["sale"] else None,
        gateway=row["gateway"],
        manual_capture=row["capture_method"] == "manual",
        reference=row["gateway_reference"],
        created_at=row["created_at"],
        disputed=row["amount_disputed"],
        lost=row["amount_lost"],
        fee=row["fee"],
        fee_final=row["fee_final"],
        expires_at=row["expires_at"],
        fee_tax=row["fee_tax"],
        fee_told_at=row["fee_told_at"],
        tax_refunded=row["tax_refunded"],
        imported=row["imported"],
        review=row["review"],
        authorized_at=row["authorized_at"],
        error_code=row["error_code"],
        error_message=row["error_message"],
        next_action=row["next_action"],
        captured_at=row["captured_at"],
    )


def _refund(row: Record) -> Refund:
    return Refund(
        id=row["id"],
        payment=row["payment_id"],
        amount=row["amount"],
        currency=row["currency"],
        status=RefundStatus(row["status"]),
        origin=row["origin"],
        gateway=row["gateway"],
        reference=row["gateway_reference"],
        reason=row["reason"],
        created_at=row["created_at"],
        error_code=row["error_code"],
        settled_at=row["settled_at"],
        surplus=row["surplus"],
        capture=row["capture_reference"],
        reversal=row["reversal"],
        tax=row["tax"],
        fee=row["fee"],
        imported=row["imported"],
    )
