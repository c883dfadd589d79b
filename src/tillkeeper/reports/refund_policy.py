"""The rules for giving money back, as the API shows them."""

from dataclasses import asdict

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.refund_requests import Policy
from tillkeeper.reports import time

versions_max = 100
SELECT = "SELECT * FROM refund_policy ORDER BY version DESC"


async def show(tx: Transaction) -> dict[str, object]:
    """Show the policy that is in force; version 0 is the one that the program comes with."""
    row = await tx.fetchrow(f"{SELECT} LIMIT 1")
    return _show(row) if row else _shown(Policy())


async def find(tx: Transaction) -> dict[str, object]:
    """List the policies that were ever in force, the present one first, as far as a person wants to read back."""
    rows = await tx.fetch(f"{SELECT} LIMIT {versions_max}")
    data = [_show(row) for row in rows]
    if len(rows) < versions_max:
        data.append(_shown(Policy()))
    return {"data": data, "has_more": len(rows) == versions_max, "next_cursor": None}


def _show(row: Record) -> dict[str, object]:
    shown = _shown(Policy(version=row["version"], **row["terms"]))
    return shown | {"note": row["note"], "set_by": row["set_by_name"], "set_at": time(row["set_at"])}


def _shown(policy: Policy) -> dict[str, object]:
    return {"object": "refund_policy", **asdict(policy), "note": None, "set_by": None, "set_at": None}
