"""The numbers that prove that nothing is lost and nothing happens twice, each with the statement that gave it.

They are about the newest payments, however many there are, so that a page never waits for a table that grows; about all
of them the invariants speak, which the worker proves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import store as ledger
from tillkeeper.reports import books, invariants, outgoing

newest_max = 1_000
"""How many of the newest payments the figures are about."""

PLACES = re.compile(r"\{[^{}]*\}( \{[^{}]*\})*")
"""Where a sentence names what was found."""

NEWEST = f"WITH newest AS (\n    SELECT * FROM payment ORDER BY created_at DESC, id DESC LIMIT {newest_max}\n)"

CAPTURED = f"""
{NEWEST}
SELECT currency AS unit, count(*) AS found, sum(amount_captured)::bigint AS amount
FROM newest WHERE captured_at IS NOT NULL GROUP BY currency ORDER BY found DESC, currency
"""
DELIVERED = f"""
{NEWEST}
SELECT entitlement.kind AS unit, count(*) AS found, sum(entitlement.granted)::bigint AS amount
FROM newest JOIN entitlement ON entitlement.payment_id = newest.id
GROUP BY entitlement.kind ORDER BY found DESC, entitlement.kind
"""
NOT_ONCE = f"""
{NEWEST}
SELECT count(*) AS found
FROM newest
WHERE sale IS NOT NULL
  AND (SELECT count(*) FROM entitlement WHERE payment_id = newest.id) <> CASE WHEN amount_captured > 0 THEN 1 ELSE 0 END
  AND NOT EXISTS (SELECT FROM undelivered WHERE payment_id = newest.id)
  AND NOT EXISTS (SELECT FROM late_delivery WHERE payment_id = newest.id AND status <> 'delivered')
"""
ABSORBED = f"""
{NEWEST}
SELECT count(*) AS found
FROM newest
JOIN inbox_message AS message ON message.payment_id = newest.id
JOIN inbox_duplicate AS duplicate ON duplicate.message_id = message.id
"""
REVOKED = f"""
{NEWEST}
SELECT entitlement.kind AS unit, count(*) AS found, sum(entitlement.revoked)::bigint AS amount
FROM newest JOIN entitlement ON entitlement.payment_id = newest.id
WHERE entitlement.revoked > 0 GROUP BY entitlement.kind ORDER BY found DESC, entitlement.kind
"""
BOTH_SIDES = """
SELECT currency AS unit, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits
FROM (
    SELECT currency, debits, credits FROM balance_daily
    UNION ALL
    SELECT posting.currency, posting.amount, posting.amount
    FROM unsealed CROSS JOIN unnest(journals) AS waiting (journal_id) JOIN posting USING (journal_id)
) AS turnover
GROUP BY currency ORDER BY currency
"""

STANDING = """
SELECT
    (SELECT 1 + count(*) FROM inbox_duplicate WHERE message_id = $1) AS arrivals,
    (SELECT count(*) FROM payment_change WHERE payment_id = $2 AND step = 'captured') AS captures,
    (SELECT amount_captured FROM payment WHERE id = $2) AS amount,
    (SELECT count(*) FROM entitlement WHERE payment_id = $2) AS deliveries,
    (SELECT coalesce(sum(granted - revoked - frozen), 0)::bigint FROM entitlement WHERE payment_id = $2) AS units,
    (SELECT count(*) FROM journal WHERE source = 'payment' AND source_id = ($2::uuid)::text) AS entries,
    (SELECT count(*) FROM outbox_event WHERE payment_id = $2) AS events
"""
"""How often a webhook has arrived, and what its payment has brought about: one line of numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Hold what was counted, by unit where there are several, and the very statement that ran."""

    name: str
    rows: Sequence[dict[str, Any]]
    sql: str

    @property
    def found(self) -> int:
        """Add up what was found of all units."""
        return sum(row["found"] for row in self.rows if "found" in row)


STATEMENTS = {
    "captured": CAPTURED,
    "delivered": DELIVERED,
    "not_once": NOT_ONCE,
    "absorbed": ABSORBED,
    "revoked": REVOKED,
    "both_sides": BOTH_SIDES,
}


async def figures(tx: Transaction) -> dict[str, Figure]:
    """Count what the page says, with a statement each."""
    return {
        name: Figure(name=name, rows=[dict(row) for row in await tx.fetch(sql)], sql=sql.strip())
        for name, sql in STATEMENTS.items()
    }


async def standing(tx: Transaction, message: UUID, payment: UUID) -> dict[str, int]:
    """Tell how often a webhook has arrived, and what its payment has brought about."""
    row = await tx.fetchrow(STANDING, message, payment)
    assert row, "numbers are always there"
    return dict(row)


def proofs(invariant: str) -> list[tuple[str, str]]:
    """List what breaks an invariant, in words, and the statements with which the worker looks for it every night."""
    found = []
    if invariant == "I1":
        found += [(sentence, ledger.counted(sql)) for sentence, sql in ledger.PROOFS]
    if invariant == "I7":
        found.append((invariants.UNFINISHED, books.counted(invariants.WEBHOOKS)))
    if invariant == "I10":
        found += [(sentence, books.counted(sql)) for sentence, sql in outgoing.PROMISES.items()]
    found += [
        (sentence, books.counted(sql))
        for sentence, sql in books.PROMISES.items()
        if invariants.OF_PROMISES.get(sentence, "other") == invariant
    ]
    return [(PLACES.sub("…", sentence), cleandoc(sql)) for sentence, sql in found]
