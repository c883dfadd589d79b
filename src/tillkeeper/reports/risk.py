"""Rules and lists as people see them, and what a rule would have done to payments of the past."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tillkeeper import risk
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
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


HELD = """
SELECT payment.id, payment.amount, payment.currency, payment.gateway, payment.sale, payment.description,
       payment.authorized_at, payment.authorized_at + $1 * interval '1 hour' AS let_go_at, end_user.name AS user_name,
       risk_assessment.score, risk_assessment.reasons, risk_assessment.facts
FROM payment
LEFT JOIN end_user ON end_user.id = payment.user_id
LEFT JOIN risk_assessment ON risk_assessment.payment_id = payment.id
WHERE payment.status = 'in_review'
  AND ($2::timestamptz IS NULL OR (payment.authorized_at, payment.id) > ($2, $3::uuid))
ORDER BY payment.authorized_at, payment.id LIMIT $4
"""


async def held(
    tx: Transaction, *, hours: int, limit: int = paging.limit_default, cursor: str | None = None
) -> dict[str, object]:
    """List payments that wait for a person, those first whose money is let go first: `hours` after it was set aside."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(HELD, hours, at, id_, limit + 1)
    return paging.page(rows, limit, "authorized_at", _held)


async def entry(tx: Transaction, id_: UUID) -> dict[str, object]:
    """Show one entry of a list; raises NotFoundError."""
    row = await tx.fetchrow("SELECT * FROM risk_list WHERE id = $1", id_)
    if row is None:
        message = "No entry of a list has this id."
        raise NotFoundError(message)
    return _entry(row)


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


def _held(row: Record) -> dict[str, object]:
    return {
        "payment": ids.text("payment", row["id"]),
        "amount": row["amount"],
        "currency": row["currency"],
        "gateway": row["gateway"],
        "package": row["sale"]["package"] if row["sale"] else row["description"],
        "user": row["user_name"],
        "score": row["score"],
        "reasons": row["reasons"] or [],
        "facts": row["facts"] or {},
        "held_at": time(row["authorized_at"]),
        "let_go_at": time(row["let_go_at"]),
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
