"""Payments of which something can still go back, for whoever wants to give many back at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import paging


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Hold which payments are meant; None means any. A cursor that is none raises InvalidFieldError at once."""

    user: str | None = None
    package: str | None = None
    gateway: str | None = None
    captured_after: datetime | None = None
    captured_before: datetime | None = None
    cursor: str | None = None

    def __post_init__(self) -> None:
        """Look at the cursor before anything is kept because of it."""
        paging.place(self.cursor)


async def find(tx: Transaction, wanted: Selection, *, limit: int) -> tuple[list[UUID], str | None]:
    """List payments that fit, oldest capture first, without those that somebody has asked for already.

    The second answer is where the next ones begin, if there are more.
    """
    at, id_ = paging.place(wanted.cursor)
    rows = await tx.fetch(
        """
        SELECT payment.id, payment.captured_at
        FROM payment LEFT JOIN end_user ON end_user.id = payment.user_id
        WHERE payment.status = 'succeeded' AND payment.captured_at IS NOT NULL
          AND payment.amount_captured > payment.amount_refunded + payment.amount_refunding
          AND ($1::text IS NULL OR end_user.name = $1)
          AND ($2::text IS NULL OR payment.sale ->> 'package' = $2)
          AND ($3::text IS NULL OR payment.gateway = $3)
          AND ($4::timestamptz IS NULL OR payment.captured_at >= $4)
          AND ($5::timestamptz IS NULL OR payment.captured_at < $5)
          AND ($6::timestamptz IS NULL OR (payment.captured_at, payment.id) > ($6, $7::uuid))
          AND NOT EXISTS (SELECT FROM refund_request WHERE payment_id = payment.id AND state = 'open')
        ORDER BY payment.captured_at, payment.id LIMIT $8
        """,
        wanted.user,
        wanted.package,
        wanted.gateway,
        wanted.captured_after,
        wanted.captured_before,
        at,
        id_,
        limit + 1,
    )
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = paging.cursor(last["captured_at"], last["id"]) if last else None
    return [row["id"] for row in rows[:limit]], cursor


async def after(tx: Transaction, wanted: Selection, payments: Sequence[UUID]) -> str | None:
    """Tell where the payments that fit begin after these; None when there are no more."""
    last = await tx.fetchrow(
        "SELECT captured_at, id FROM payment WHERE id = ANY($1::uuid[]) ORDER BY captured_at DESC, id DESC LIMIT 1",
        list(payments),
    )
    assert last, "asked only after some payments"
    cursor = paging.cursor(last["captured_at"], last["id"])
    more, _ = await find(tx, replace(wanted, cursor=cursor), limit=1)
    return cursor if more else None
