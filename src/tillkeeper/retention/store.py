"""All SQL of how far retention has come."""

from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.retention.values import Kind, Mark


async def hold(tx: Transaction, kind: Kind) -> Mark:
    """Lock the row of a kind, which is made when it is not there yet."""
    mark = Mark()
    await tx.execute(
        "INSERT INTO retention_mark (kind, at, id, number) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING",
        kind,
        mark.at,
        mark.id,
    )
    row = await tx.fetchrow("SELECT at, id, number FROM retention_mark WHERE kind = $1 FOR UPDATE", kind)
    assert row, "it is there by now"
    return Mark(**row)


async def look(tx: Transaction, kind: Kind) -> Mark:
    """Read the row of a kind, if there is one."""
    row = await tx.fetchrow("SELECT at, id, number FROM retention_mark WHERE kind = $1", kind)
    return Mark(**row) if row else Mark()


async def move(tx: Transaction, kind: Kind, mark: Mark) -> None:
    """Write how far it is done."""
    await tx.execute(
        "UPDATE retention_mark SET at = $2, id = $3, number = $4 WHERE kind = $1", kind, mark.at, mark.id, mark.number
    )


async def retire_audit(tx: Transaction, mark: Mark, before: datetime, limit: int) -> tuple[dict[str, str], Mark]:
    """Take words out of a stretch of the log, which this role can change in no other way."""
    rows = await tx.fetch("SELECT * FROM retire_audit($1, $2, $3)", mark.number, before, limit)
    vouched = {str(row["number"]): row["digest"].hex() for row in rows if row["digest"] is not None}
    last = max((row["number"] for row in rows), default=mark.number)
    return vouched, Mark(at=before, number=last)
