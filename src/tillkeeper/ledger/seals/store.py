"""All SQL of seals; what is hashed, and how, two functions of the database say for the sealer and for the proof."""

from datetime import date

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.ledger.values import Seal

findings_max = 20
blocks_at_once = 20
recent_blocks_max = 10
verify_timeout_seconds = 3_600

LAST = "SELECT number, hash, cardinality(journals) AS journals, sealed_at FROM seal"

# A gap in the numbers, a block that does not follow the one before it, a block that was changed.
CHAIN = f"""
SELECT number, gap, unlinked, changed
FROM (
    SELECT seal.number, before.number IS NULL AS gap, before.hash <> seal.previous AS unlinked,
           ledger_seal_hash(seal.number, seal.previous, seal.sealed_at, seal.journals, seal.digests) <> seal.hash
               AS changed
    FROM seal LEFT JOIN seal AS before ON before.number = seal.number - 1
    WHERE seal.number BETWEEN $1 AND $2
) AS block
WHERE (gap AND number > 0) OR unlinked OR changed
ORDER BY number LIMIT {findings_max}
"""

ENTRIES = f"""
SELECT seal.number, entry.n, entry.journal_id, journal.id IS NULL AS gone, journal.source, journal.source_id,
       journal.kind
FROM seal
CROSS JOIN LATERAL unnest(seal.journals, seal.digests) WITH ORDINALITY AS entry (journal_id, digest, n)
JOIN LATERAL ledger_digests(seal.journals) AS found USING (journal_id)
LEFT JOIN journal ON journal.id = entry.journal_id
WHERE seal.number BETWEEN $1 AND $2 AND (found.digest IS NULL OR found.digest IS DISTINCT FROM entry.digest)
ORDER BY seal.number, entry.n LIMIT {findings_max}
"""

# By itself and whole: PostgreSQL expects to find some at once, and where there are none it would compare each journal
# with each that is known.
OUTSIDE = f"""
WITH known AS MATERIALIZED (
    SELECT unnest(journals) AS id FROM seal UNION ALL SELECT unnest(journals) FROM unsealed
), outside AS MATERIALIZED (
    SELECT journal.id FROM journal LEFT JOIN known USING (id) WHERE known.id IS NULL
)
SELECT journal.id AS journal_id, source, source_id, kind FROM outside JOIN journal USING (id)
ORDER BY journal.id LIMIT {findings_max}
"""

LOST = f"""
SELECT waiting.journal_id FROM unsealed CROSS JOIN unnest(journals) AS waiting (journal_id)
WHERE NOT EXISTS (SELECT FROM journal WHERE journal.id = waiting.journal_id)
ORDER BY waiting.journal_id LIMIT {findings_max}
"""


async def seal(tx: Transaction, limit: int) -> Seal | None:
    """Put what was posted since the last seal into the next one, and add it to its days; None when nothing waits."""
    row = await tx.fetchrow("SELECT * FROM ledger_seal($1)", limit)
    if row is None:
        return None
    made = await tx.fetchrow(f"{LAST} WHERE number = $1", row["sealed_number"])
    assert made, "just written"
    return _seal(made)


async def recount(tx: Transaction, day: date) -> int:
    """Add up a day from its postings again; return under how many headings something moved."""
    rows: int = await tx.fetchval("SELECT ledger_recount($1)", day)
    return rows


async def last(tx: Transaction) -> Seal:
    """Read the head of the chain; the first seal holds nothing, and is always there."""
    row = await tx.fetchrow(f"{LAST} ORDER BY number DESC LIMIT 1")
    assert row, "the chain begins with the migration"
    return _seal(row)


async def newest(tx: Transaction, *, before: int | None, limit: int) -> list[Seal]:
    """List seals, the newest first."""
    rows = await tx.fetch(
        f"{LAST} WHERE $1::bigint IS NULL OR number < $1 ORDER BY number DESC LIMIT $2", before, limit
    )
    return [_seal(row) for row in rows]


async def count(tx: Transaction) -> tuple[int, int]:
    """Count the journals that are sealed and those that wait."""
    row = await tx.fetchrow(
        "SELECT (SELECT coalesce(sum(cardinality(journals)), 0) FROM seal)::bigint AS sealed, "
        "(SELECT coalesce(sum(cardinality(journals)), 0) FROM unsealed)::bigint AS waiting"
    )
    assert row, "sums are always there"
    return row["sealed"], row["waiting"]


async def verify(tx: Transaction, *, recent: bool = False) -> list[str]:
    """Prove the chain and every journal in it; return sentences, the first of them about the first bad entry.

    A recent proof looks at the newest blocks alone, however many there are.
    """
    head = (await last(tx)).number
    first = max(0, head - recent_blocks_max + 1) if recent else 0
    found: list[str] = []
    for start in range(first, head + 1, blocks_at_once):
        found += await _verify_blocks(tx, start, min(start + blocks_at_once - 1, head))
        if len(found) >= findings_max:
            return [*found[:findings_max], "… and whatever comes after it: the proof stopped here."]
    if not recent:
        found += await _verify_outside(tx)
    return found


async def _verify_blocks(tx: Transaction, first: int, last_: int) -> list[str]:
    found: list[tuple[int, int, str]] = []
    for row in await tx.fetch_long(CHAIN, first, last_, seconds_max=verify_timeout_seconds):
        found += [(row["number"], 0, sentence) for sentence in _chain(row)]
    for row in await tx.fetch_long(ENTRIES, first, last_, seconds_max=verify_timeout_seconds):
        what = "is gone" if row["gone"] else "is not what was sealed"
        sentence = f"Seal {row['number']}, entry {row['n']}: journal {_journal(row)} {what}."
        found.append((row["number"], row["n"], sentence))
    return [sentence for _, _, sentence in sorted(found)]


async def _verify_outside(tx: Transaction) -> list[str]:
    outside = await tx.fetch_long(OUTSIDE, seconds_max=verify_timeout_seconds)
    lost = await tx.fetch_long(LOST, seconds_max=verify_timeout_seconds)
    return [
        *(
            f"Journal {_journal(row)} stands in no seal and does not wait for one: it was not posted."
            for row in outside
        ),
        *(f"Journal {row['journal_id']} waits to be sealed and is gone." for row in lost),
    ]


def _chain(row: Record) -> list[str]:
    number = row["number"]
    if row["gap"] and number:
        return [f"Seal {number - 1} is gone."]
    broken = [f"Seal {number} does not follow seal {number - 1}: the chain is broken there."] if row["unlinked"] else []
    return broken + ([f"Seal {number} was changed: its hash is another."] if row["changed"] else [])


def _journal(row: Record) -> str:
    """Name a journal by its id and, where it is still there, by its fact."""
    fact = " ".join(row[name] for name in ("source", "source_id", "kind") if row[name])
    return f"{row['journal_id']} ({fact})" if fact else str(row["journal_id"])


def _seal(row: Record) -> Seal:
    return Seal(number=row["number"], hash=row["hash"], journals=row["journals"], sealed_at=row["sealed_at"])
