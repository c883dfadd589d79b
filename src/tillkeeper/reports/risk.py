"""Rules and lists as people see them, and what a rule would have done to payments of the past."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tillkeeper import risk
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import paging, time
from tillkeeper.risk import Decision, Limits, Rule

payments_max = 20_000
"""How many of the newest payments a rule is tried on: with a hundred rules, a few seconds of one processor."""
examples_max = 10
seconds_max = 60
PAST = """
SELECT risk_assessment.facts, payment.id, payment.status, payment.amount_captured > 0 AS paid,
       payment.amount_disputed > 0 AS disputed, payment.amount_refunded > 0 AS refunded
FROM risk_assessment JOIN payment ON payment.id = risk_assessment.payment_id
WHERE risk_assessment.at > now() - $1 * interval '1 day' AND risk_assessment.facts <> '{}'
ORDER BY risk_assessment.at DESC LIMIT $2
"""


async def rules(tx: Transaction) -> dict[str, object]:
    """List the rules, by name."""
    return {"object": "list", "data": [describe(rule) for rule in await risk.rules_in_force(tx)]}


async def lists(
    tx: Transaction, side: str | None, *, limit: int = paging.limit_default, cursor: str | None = None
) -> dict[str, object]:
    """List who is never held up and who never pays, newest first."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        """
        SELECT * FROM risk_list
        WHERE ($1::text IS NULL OR side = $1) AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::uuid))
        ORDER BY at DESC, id DESC LIMIT $4
        """,
        side,
        at,
        id_,
        limit + 1,
    )
    return {"object": "list", **paging.page(rows, limit, "at", _entry)}


async def try_rule(tx: Transaction, rule: Rule, *, days: int, limits: Limits) -> dict[str, object]:
    """Tell what a rule would have done to payments of the past, beside the rules that are in force now.

    Lists are left out of it. The newest payments are looked at, so many at most.
    """
    now = [each for each in await risk.rules_in_force(tx) if each.id != rule.id]
    before = [*now, *(each for each in await risk.rules_in_force(tx) if each.id == rule.id)]
    after = [replace(rule, enabled=True), *now]
    rows = await tx.fetch_long(PAST, days, payments_max, seconds_max=seconds_max)
    # Beside the event loop: it takes seconds, and webhooks and leases do not wait for it.
    moves, stopped, hits = await asyncio.to_thread(_replay, rows, before, after, limits)
    return {
        "object": "risk_trial",
        "rule": describe(rule),
        "days": days,
        "payments": len(rows),
        "complete": len(rows) < payments_max,
        "applies_to": hits,
        "decisions": [
            {"before": was, "after": would, "payments": number} for (was, would), number in sorted(moves.items())
        ],
        "stopped": {
            "payments": len(stopped),
            "paid": sum(row["paid"] for row in stopped),
            "refunded": sum(row["refunded"] for row in stopped),
            "disputed": sum(row["disputed"] for row in stopped),
            "examples": [ids.text("payment", row["id"]) for row in stopped[:examples_max]],
        },
    }


def _replay(
    rows: Sequence[Record], before: Sequence[Rule], after: Sequence[Rule], limits: Limits
) -> tuple[Counter[tuple[Decision, Decision]], list[Record], int]:
    """Judge payments by two sets of rules, of which the second begins with the one that is tried."""
    moves: Counter[tuple[Decision, Decision]] = Counter()
    stopped: list[Record] = []
    hits = 0
    for row in rows:
        facts = risk.known(row["facts"])
        was, would = risk.judge(before, facts, limits).decision, risk.judge(after, facts, limits).decision
        moves[was, would] += 1
        hits += risk.applies(after[0], facts)
        if would is not was and would is not Decision.ALLOW:
            stopped.append(row)
    return moves, stopped, hits


def describe(rule: Rule) -> dict[str, object]:
    """Show a rule as it is written."""
    return {
        "id": rule.id,
        "fact": rule.fact,
        "operator": rule.operator,
        "value": list(rule.value) if isinstance(rule.value, tuple) else rule.value,
        "currency": rule.currency,
        "score": rule.score,
        "reason": rule.reason,
        "enabled": rule.enabled,
    }


def _entry(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("entry", row["id"]),
        "object": "risk_entry",
        "side": row["side"],
        "trait": row["trait"],
        "value": row["shown"],
        "note": row["note"],
        "added_by": row["added_by"],
        "added_at": time(row["at"]),
        "expires_at": time(row["expires_at"]),
    }
