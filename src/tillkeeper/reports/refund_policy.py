"""The rules for giving money back, as the API shows them."""

from dataclasses import asdict

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.refund_requests import Policy
from tillkeeper.reports import time

versions_max = 100
SELECT = """
SELECT *, CASE WHEN version = (SELECT max(version) FROM refund_policy WHERE NOT proposed) THEN 'in_force'
               WHEN proposed AND version = (SELECT max(version) FROM refund_policy) THEN 'proposed'
               ELSE 'past' END AS status
FROM refund_policy
"""


async def show(tx: Transaction, version: int | None = None) -> dict[str, object]:
    """Show one version of the policy, or the one in force; version 0 is the one that the program comes with."""
    row = await tx.fetchrow(
        f"{SELECT} WHERE CASE WHEN $1::bigint IS NULL THEN NOT proposed ELSE version = $1 END "
        "ORDER BY version DESC LIMIT 1",
        version,
    )
    return _show(row) if row else _shown(Policy(), status="in_force")


async def find(tx: Transaction) -> dict[str, object]:
    """List the policies that were in force or proposed, the newest first, as far as a person wants to read back."""
    rows = await tx.fetch(f"{SELECT} ORDER BY version DESC LIMIT {versions_max}")
    data = [_show(row) for row in rows]
    if len(rows) < versions_max:
        data.append(_shown(Policy(), status="past" if rows else "in_force"))
    return {"data": data, "has_more": len(rows) == versions_max, "next_cursor": None}


def _show(row: Record) -> dict[str, object]:
    shown = _shown(Policy(version=row["version"], **row["terms"]), status=row["status"])
    return shown | {
        "note": row["note"],
        "set_by": row["set_by_name"],
        "set_at": time(row["set_at"]),
        "agreed_by": row["agreed_by_name"],
    }


def _shown(policy: Policy, *, status: str) -> dict[str, object]:
    nobody = dict.fromkeys(("note", "set_by", "set_at", "agreed_by"))
    return {"object": "refund_policy", **asdict(policy), "status": status, **nobody}
