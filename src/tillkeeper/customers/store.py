"""All SQL of customers."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.customers.values import Customer
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction


async def ensure_users(tx: Transaction, names: Sequence[str]) -> dict[str, UUID]:
    """Find users by their names, creating those that are new."""
    rows = await tx.fetch(
        """
        WITH new AS (
            INSERT INTO end_user (id, name) SELECT * FROM unnest($1::uuid[], $2::text[])
            ON CONFLICT DO NOTHING
            RETURNING name, id
        )
        SELECT name, id FROM new UNION ALL SELECT name, id FROM end_user WHERE name = ANY($2::text[])
        """,
        [ids.new() for _ in names],
        names,
    )
    if len(rows) < len(names):  # somebody else was just creating one, which that statement could not see
        rows = await tx.fetch("SELECT name, id FROM end_user WHERE name = ANY($1::text[])", names)
    return {row["name"]: row["id"] for row in rows}


async def serialise(tx: Transaction, names: Sequence[str]) -> None:
    """Let requests about the same customer wait for each other until this transaction ends."""
    for name in sorted(names):
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('customer ' || $1, 0))", name)


async def find(tx: Transaction, *, external_id: str | None, email_key: str | None) -> list[Customer]:
    """List whoever has this id or is found by this address: none, one or two."""
    rows = await tx.fetch("SELECT * FROM customer WHERE external_id = $1 OR email_key = $2", external_id, email_key)
    return [_customer(row) for row in rows]


async def lock(tx: Transaction, external_id: str, id_: UUID | None) -> Customer | None:
    """Lock whoever has this name, or else this id."""
    row = await tx.fetchrow(
        """
        SELECT * FROM customer WHERE external_id = $1 OR id = $2
        ORDER BY external_id IS DISTINCT FROM $1 LIMIT 1 FOR NO KEY UPDATE
        """,
        external_id,
        id_,
    )
    return _customer(row) if row else None


async def get(tx: Transaction, customer: UUID) -> Customer | None:
    """Read one customer."""
    row = await tx.fetchrow("SELECT * FROM customer WHERE id = $1", customer)
    return _customer(row) if row else None


async def save(tx: Transaction, customer: Customer) -> None:
    """Write a customer, new or known."""
    await tx.execute(
        """
        INSERT INTO customer (id, external_id, email, email_key, name) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE
        SET external_id = excluded.external_id, email = excluded.email, email_key = excluded.email_key,
            name = excluded.name
        """,
        customer.id,
        customer.external_id,
        customer.email,
        customer.email_key,
        customer.name,
    )


async def reference(tx: Transaction, customer: UUID, gateway: str) -> str | None:
    """Read what a gateway calls a customer."""
    found: str | None = await tx.fetchval(
        "SELECT reference FROM customer_link WHERE customer_id = $1 AND gateway = $2", customer, gateway
    )
    return found


async def insert_link(tx: Transaction, customer: UUID, gateway: str, called: str) -> None:
    """Remember what a gateway calls a customer; the first name stays."""
    await tx.execute(
        "INSERT INTO customer_link (customer_id, gateway, reference) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        customer,
        gateway,
        called,
    )


async def lock_user(tx: Transaction, name: str) -> UUID | None:
    """Lock a user by the merchant's own name."""
    found: UUID | None = await tx.fetchval("SELECT id FROM end_user WHERE name = $1 FOR NO KEY UPDATE", name)
    return found


async def names(tx: Transaction, user: UUID | None, customers: Sequence[UUID]) -> list[str]:
    """List every name and address by which somebody is known."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT known FROM (
            SELECT name AS known FROM end_user WHERE id = $1
            UNION SELECT unnest(ARRAY[external_id, email, email_key, name]) FROM customer WHERE id = ANY ($2::uuid[])
        ) AS names WHERE known IS NOT NULL
        """,
        user,
        customers,
    )
    return [row["known"] for row in rows]


async def erase(tx: Transaction, user: UUID | None, left: str, customers: Sequence[UUID]) -> None:
    """Forget names and addresses, also those that gateways have."""
    await tx.execute("UPDATE end_user SET name = $2 WHERE id = $1", user, left)
    await tx.execute(
        """
        UPDATE customer SET external_id = NULL, email = NULL, email_key = NULL, name = NULL WHERE id = ANY ($1::uuid[])
        """,
        customers,
    )
    await tx.execute("DELETE FROM customer_link WHERE customer_id = ANY ($1::uuid[])", customers)


def _customer(row: Record) -> Customer:
    return Customer(
        id=row["id"],
        external_id=row["external_id"],
        email=row["email"],
        email_key=row["email_key"],
        name=row["name"],
    )
