"""All SQL of figures."""

from collections.abc import Sequence

from tillkeeper.figures.values import SPANS, Figure, Mark
from tillkeeper.kernel.db import Transaction


async def hold(tx: Transaction) -> Mark:
    """Lock the one row that says how far the figures go."""
    row = await tx.fetchrow("SELECT seal, change FROM figure_mark FOR UPDATE")
    assert row, "the migration writes it"
    return Mark(**row)


async def add(tx: Transaction, found: Sequence[Figure]) -> None:
    """Add figures of hours, under each length of time; what is written twice in one statement is one row here."""
    await tx.execute(
        """
        INSERT INTO figure AS known (span, at, gateway, currency, name, count, amount)
        SELECT span, date_trunc(span, told.at, 'UTC') AS moment, gateway, currency, name, sum(count), sum(amount)
        FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
             AS told (at, gateway, currency, name, count, amount)
        CROSS JOIN unnest($7::text[]) AS spans (span)
        GROUP BY span, moment, gateway, currency, name
        ORDER BY span, moment, gateway, currency, name
        ON CONFLICT (span, at, gateway, currency, name) DO UPDATE
        SET count = known.count + excluded.count, amount = known.amount + excluded.amount
        """,
        [each.at for each in found],
        [each.gateway for each in found],
        [each.currency for each in found],
        [each.name for each in found],
        [each.count for each in found],
        [each.amount for each in found],
        list(SPANS),
    )


async def move(tx: Transaction, mark: Mark) -> None:
    """Write how far the figures go."""
    await tx.execute(
        "UPDATE figure_mark SET seal = $1, change = $2, moved_at = clock_timestamp()", mark.seal, mark.change
    )
