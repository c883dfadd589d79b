"""What is for sale, and what it was before."""

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import time


async def find(tx: Transaction) -> dict[str, object]:
    """List what is for sale, smallest first."""
    return {
        "data": [describe(package) for package in await catalog.packages(tx)],
        "has_more": False,
        "next_cursor": None,
    }


async def everything(tx: Transaction) -> list[dict[str, object]]:
    """List every package, also those that are not for sale any more."""
    return [describe(package) for package in await catalog.everything(tx)]


async def show(tx: Transaction, package: str) -> dict[str, object]:
    """Show one package, also one that is not for sale any more; raises NotFoundError."""
    found = next((each for each in await catalog.everything(tx) if each.id == package), None)
    if found is None:
        message = "No package has this id."
        raise NotFoundError(message)
    return describe(found)


async def history(tx: Transaction, package: str, limit: int, *, before: int | None = None) -> dict[str, object]:
    """List what a package was, newest first, from one revision on; raises NotFoundError."""
    await show(tx, package)
    rows = await tx.fetch(
        """
        SELECT * FROM package_revision WHERE package_id = $1 AND ($3::bigint IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $2
        """,
        package,
        limit + 1,
        before,
    )
    has_more = len(rows) > limit
    data = [
        {
            "kind": row["kind"],
            "title": row["title"],
            "quantity": row["quantity"],
            "prices": row["prices"],
            "tax_bps": row["tax_bps"],
            "active": row["active"],
            "changed_by": row["changed_by"],
            "changed_at": time(row["at"]),
        }
        for row in rows[:limit]
    ]
    return {"data": data, "has_more": has_more, "next_cursor": str(rows[limit - 1]["id"]) if has_more else None}


def describe(package: Package) -> dict[str, object]:
    """Show a package."""
    return {
        "id": package.id,
        "object": "package",
        "kind": package.kind,
        "title": package.title,
        "quantity": package.quantity,
        "prices": package.prices,
        "tax_bps": package.tax_bps,
        "active": package.active,
    }
