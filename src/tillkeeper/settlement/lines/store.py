"""All SQL of settlement lines."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from tillkeeper.facts import LineKind
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.settlement.lines.values import Line, Link, Unread, Window

COLUMNS = (
    *("gateway", "line_id", "kind", "object_id", "parent_id", "our_reference", "our_payment", "our_refund"),
    *("gross", "fee", "tax", "net", "currency", "settle_currency", "rate", "occurred_at", "available_at"),
    *("payout_id", "raw", "day"),
)
TYPES = (
    *("text", "text", "text", "text", "text", "text", "uuid", "uuid"),
    *("bigint", "bigint", "bigint", "bigint", "text", "text", "text", "timestamptz", "timestamptz"),
    *("text", "bytea", "date"),
)
UNNEST = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(TYPES, 1))


async def insert(tx: Transaction, lines: Sequence[Line]) -> set[str]:
    """Write lines that are told for the first time; return which those were."""
    rows = await tx.fetch(
        f"""
        INSERT INTO settlement_line ({", ".join(COLUMNS)}) SELECT * FROM unnest({UNNEST})
        ON CONFLICT (gateway, line_id) DO NOTHING RETURNING line_id
        """,
        *([getattr(line, name) for line in lines] for name in COLUMNS),
    )
    return {row["line_id"] for row in rows}


async def lock(tx: Transaction, gateway: str, line_ids: Sequence[str]) -> dict[str, Line]:
    """Lock lines that are there."""
    rows = await tx.fetch(
        "SELECT * FROM settlement_line WHERE gateway = $1 AND line_id = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE",
        gateway,
        list(line_ids),
    )
    return {row["line_id"]: _line(row) for row in rows}


async def update(tx: Transaction, lines: Sequence[Line]) -> None:
    """Write what was told later; a line that names ours only now is looked up anew."""
    await tx.execute(
        """
        UPDATE settlement_line AS line
        SET parent_id = told.parent_id, our_reference = told.our_reference, our_payment = told.our_payment,
            our_refund = told.our_refund, gross = told.gross, currency = told.currency, fee = told.fee, tax = told.tax,
            net = told.net, rate = told.rate, settle_currency = told.settle_currency, available_at = told.available_at,
            payout_id = told.payout_id, told_at = clock_timestamp()
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::bigint[],
                    $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::timestamptz[], $13::text[],
                    $14::bigint[], $15::text[])
            AS told (gateway, line_id, parent_id, our_reference, our_payment, our_refund, fee, tax, net, rate,
                     settle_currency, available_at, payout_id, gross, currency)
        WHERE (line.gateway, line.line_id) = (told.gateway, told.line_id)
        """,
        [line.gateway for line in lines],
        [line.line_id for line in lines],
        [line.parent_id for line in lines],
        [line.our_reference for line in lines],
        [line.our_payment for line in lines],
        [line.our_refund for line in lines],
        [line.fee for line in lines],
        [line.tax for line in lines],
        [line.net for line in lines],
        [line.rate for line in lines],
        [line.settle_currency for line in lines],
        [line.available_at for line in lines],
        [line.payout_id for line in lines],
        [line.gross for line in lines],
        [line.currency for line in lines],
    )


async def insert_unread(tx: Transaction, lines: Sequence[Unread]) -> list[date]:
    """Write lines that nobody could read; return the days of the new ones."""
    rows = await tx.fetch(
        """
        INSERT INTO unread_line (gateway, line_id, reason, raw, day)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::date[])
        ON CONFLICT (gateway, line_id, reason) DO NOTHING RETURNING day
        """,
        [line.gateway for line in lines],
        [line.line_id for line in lines],
        [line.reason for line in lines],
        [line.raw for line in lines],
        [line.day for line in lines],
    )
    return [row["day"] for row in rows]


async def insert_links(tx: Transaction, links: Sequence[Link]) -> set[int]:
    """Write for what lines stand, unless another line stands for it; return the lines of all that was written."""
    rows = await tx.fetch(
        """
        INSERT INTO settlement_link (line_id, side, object)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::uuid[])
        ON CONFLICT DO NOTHING RETURNING line_id
        """,
        [link.line for link in links],
        [link.side for link in links],
        [link.object for link in links],
    )
    return {row["line_id"] for row in rows}


async def move_links(tx: Transaction, links: Sequence[Link]) -> None:
    """Let lines stand for something else than before."""
    await tx.execute(
        """
        UPDATE settlement_link AS link SET side = told.side, object = told.object
        FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS told (line_id, side, object)
        WHERE link.line_id = told.line_id
        """,
        [link.line for link in links],
        [link.side for link in links],
        [link.object for link in links],
    )


async def window(tx: Transaction, gateway: str) -> Window | None:
    """Lock how far a gateway's account was read, if it ever was."""
    row = await tx.fetchrow(
        "SELECT * FROM settlement_cursor WHERE gateway = $1 AND seen_until IS NOT NULL FOR NO KEY UPDATE", gateway
    )
    if row is None:
        return None
    return Window(gateway=gateway, seen_until=row["seen_until"], until=row["until"], after=row["after"])


async def save_window(tx: Transaction, window: Window) -> None:
    """Write how far a gateway's account was read."""
    await tx.execute(
        """
        INSERT INTO settlement_cursor (gateway, seen_until, until, after) VALUES ($1, $2, $3, $4)
        ON CONFLICT (gateway) DO UPDATE
        SET seen_until = excluded.seen_until, until = excluded.until, after = excluded.after,
            ran_at = clock_timestamp()
        """,
        window.gateway,
        window.seen_until,
        window.until,
        window.after,
    )


async def save_told_until(tx: Transaction, gateway: str, moment: datetime) -> None:
    """Note up to when lines of a gateway are here, wherever they came from."""
    await tx.execute(
        """
        INSERT INTO settlement_cursor (gateway, told_until) VALUES ($1, $2)
        ON CONFLICT (gateway) DO UPDATE SET told_until = excluded.told_until
        WHERE settlement_cursor.told_until IS NULL OR settlement_cursor.told_until < excluded.told_until
        """,
        gateway,
        moment,
    )


async def covered_until(tx: Transaction, gateway: str) -> datetime | None:
    """Tell up to when the account of a gateway is here, by its own list or by the last line of a file."""
    found: datetime | None = await tx.fetchval(
        "SELECT greatest(seen_until, told_until) FROM settlement_cursor WHERE gateway = $1", gateway
    )
    return found


async def paid_out_until(tx: Transaction, gateway: str) -> datetime | None:
    """Tell when a gateway paid out last, by its own line."""
    found: datetime | None = await tx.fetchval(
        """
        SELECT occurred_at FROM settlement_line WHERE gateway = $1 AND kind = 'payout'
        ORDER BY gateway, day DESC, id DESC LIMIT 1
        """,
        gateway,
    )
    return found


def _line(row: Record) -> Line:
    return Line(**{name: row[name] for name in COLUMNS} | {"kind": LineKind(row["kind"])})


async def erase(tx: Transaction, objects: Sequence[UUID]) -> None:
    """Drop what lines said beside their numbers, and what was told of them in contradiction.

    What is linked is read first: with a query among the alternatives no index would be used, while payments are locked.
    """
    linked = await tx.fetch(
        """
        SELECT line_id FROM settlement_link WHERE object = ANY ($1::uuid[]) AND side <> 'dispute'
        UNION ALL
        SELECT line_id FROM settlement_link WHERE object = ANY ($1::uuid[]) AND side = 'dispute'
        """,
        list(objects),
    )
    emptied = await tx.fetch(
        """
        UPDATE settlement_line SET raw = ''
        WHERE our_payment = ANY ($1::uuid[]) OR our_refund = ANY ($1::uuid[]) OR id = ANY ($2::bigint[])
        RETURNING gateway, line_id
        """,
        list(objects),
        [row["line_id"] for row in linked],
    )
    await tx.execute(
        """
        UPDATE unread_line AS told SET raw = ''
        FROM unnest($1::text[], $2::text[]) AS emptied (gateway, line_id)
        WHERE (told.gateway, told.line_id) = (emptied.gateway, emptied.line_id)
        """,
        [row["gateway"] for row in emptied],
        [row["line_id"] for row in emptied],
    )


async def empty(tx: Transaction, lines: Sequence[int], unread: Sequence[int]) -> None:
    """Drop what these lines said, and these that nobody could read."""
    await tx.execute("UPDATE settlement_line SET raw = '' WHERE id = ANY ($1::bigint[])", list(lines))
    await tx.execute("UPDATE unread_line SET raw = '' WHERE id = ANY ($1::bigint[])", list(unread))
