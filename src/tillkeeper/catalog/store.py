"""All SQL of the catalogue."""

from collections.abc import Sequence
from datetime import datetime

from tillkeeper.catalog.values import Package
from tillkeeper.kernel.db import Transaction


async def select(tx: Transaction, package: str | None, *, active_only: bool = True) -> list[Package]:
    """Read one package, or all; only those that are for sale unless told otherwise."""
    rows = await tx.fetch(
        """
        SELECT package.id, package.kind, package.title, package.quantity, package.active,
               jsonb_object_agg(price.currency, price.amount) AS prices,
               coalesce(jsonb_object_agg(price.currency, price.tax_bps) FILTER (WHERE price.tax_bps > 0), '{}')
                   AS tax_bps
        FROM package JOIN package_price AS price ON price.package_id = package.id
        WHERE (package.active OR NOT $2) AND ($1::text IS NULL OR package.id = $1)
        GROUP BY package.id
        ORDER BY package.kind, package.quantity, package.id
        """,
        package,
        active_only,
    )
    return [Package(**dict(row) | {"prices": _in_order(row["prices"])}) for row in rows]


async def upsert(tx: Transaction, packages: Sequence[Package]) -> None:
    """Write packages and replace their prices."""
    await tx.execute(
        """
        INSERT INTO package (id, kind, title, quantity, active)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::boolean[])
        ON CONFLICT (id) DO UPDATE
        SET kind = excluded.kind, title = excluded.title, quantity = excluded.quantity, active = excluded.active
        """,
        [package.id for package in packages],
        [package.kind for package in packages],
        [package.title for package in packages],
        [package.quantity for package in packages],
        [package.active for package in packages],
    )
    await tx.execute("DELETE FROM package_price WHERE package_id = ANY($1::text[])", [item.id for item in packages])
    prices = [(package, currency) for package in packages for currency in package.prices]
    await tx.execute(
        """
        INSERT INTO package_price (package_id, currency, amount, tax_bps)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[])
        """,
        [package.id for package, _ in prices],
        [currency for _, currency in prices],
        [package.prices[currency] for package, currency in prices],
        [package.tax_bps.get(currency, 0) for package, currency in prices],
    )


async def insert_revisions(tx: Transaction, packages: Sequence[Package], by: str, at: datetime) -> None:
    """Append to the history of packages."""
    await tx.execute(
        """
        INSERT INTO package_revision (package_id, kind, title, quantity, prices, tax_bps, active, changed_by, at)
        SELECT *, $8, $9 FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::jsonb[], $6::jsonb[],
                                     $7::boolean[])
        """,
        [package.id for package in packages],
        [package.kind for package in packages],
        [package.title for package in packages],
        [package.quantity for package in packages],
        [package.prices for package in packages],
        [package.tax_bps for package in packages],
        [package.active for package in packages],
        by,
        at,
    )


async def lock(tx: Transaction) -> None:
    """Let one change of the catalogue come after the other."""
    await tx.execute("LOCK TABLE package IN SHARE ROW EXCLUSIVE MODE")


def _in_order(prices: dict[str, int]) -> dict[str, int]:
    return {currency: prices[currency] for currency in sorted(prices, key=lambda code: (code != "INR", code))}
