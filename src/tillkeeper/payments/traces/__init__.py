"""What payments keep of the person who paid: found by the user, and erased with all numbers left as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.payments.traces import store

__all__ = ["Old", "Traces", "erase", "of_payments", "of_person", "old", "references"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Hold what somebody's purchases left; `customers` are theirs alone, `shared` others buy as well.

    `for_others` is what those customers paid for other users: the payments stay as they are, and gateways told of the
    customer in webhooks about them. `unfinished` says of what money may still move; `words` is what gateways said when
    they refused.
    """

    payments: Sequence[UUID]
    refunds: Sequence[UUID]
    disputes: Sequence[UUID]
    customers: Sequence[UUID]
    shared: Sequence[UUID]
    for_others: Sequence[UUID]
    unfinished: Sequence[str]
    words: Sequence[str]

    @property
    def objects(self) -> list[UUID]:
        """List everything that can have lines, keys or requests of its own."""
        return [*self.payments, *self.refunds, *self.disputes]

    @property
    def shown(self) -> list[str]:
        """Write the ids as they are shown."""
        named = {"payment": self.payments, "refund": self.refunds, "dispute": self.disputes}
        return [ids.text(prefix, each) for prefix, found in named.items() for each in found]


@dataclass(frozen=True, slots=True)
class Old:
    """Hold a payment of long ago."""

    id: UUID
    created_at: datetime


async def old(
    tx: Transaction, *, unpaid: bool, before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[Old]:
    """Lock payments from before a moment, behind one of them, the oldest first: those never paid, or the others."""
    return [Old(*row) for row in await store.old(tx, unpaid=unpaid, before=before, after=after, limit=limit)]


async def of_payments(tx: Transaction, payments: Sequence[UUID]) -> Traces:
    """List what hangs on payments, whoever paid them; those of which money may still move are left out."""
    open_ = set(await store.unfinished(tx, payments))
    payments = [each for each in payments if each not in open_]
    refunds, disputes = await store.refunds(tx, payments), await store.disputes(tx, payments)
    return Traces(
        payments=payments,
        refunds=[row["id"] for row in refunds],
        disputes=[row["id"] for row in disputes],
        customers=[],
        shared=[],
        for_others=[],
        unfinished=[],
        words=await store.words(tx, payments),
    )


async def of_person(tx: Transaction, user: UUID | None, own: Sequence[UUID]) -> Traces:
    """Lock somebody's payments, and list all that hangs on them; `own` are customers known to be the same person."""
    customers = await store.customers(tx, user, own)
    going = [row["customer_id"] for row in customers if not row["shared"]]
    paid = await store.payments(tx, user, going)
    payments = [row["id"] for row in paid]
    refunds, disputes = await store.refunds(tx, payments), await store.disputes(tx, payments)
    open_ = {"payment": paid, "refund": refunds, "dispute": disputes}
    return Traces(
        payments=payments,
        refunds=[row["id"] for row in refunds],
        disputes=[row["id"] for row in disputes],
        customers=going,
        shared=[row["customer_id"] for row in customers if row["shared"]],
        for_others=await store.for_others(tx, user, going),
        unfinished=[ids.text(kind, row["id"]) for kind, rows in open_.items() for row in rows if row["unfinished"]],
        words=await store.words(tx, payments),
    )


async def references(tx: Transaction, user: UUID | None, traces: Traces) -> tuple[list[str], datetime | None]:
    """List what gateways call somebody's purchases and the person, and when the first of them began."""
    rows = await store.references(tx, user, traces.customers)
    begun = await store.begun_at(tx, user, traces.customers)
    return sorted({row["reference"] for row in rows}), begun


async def erase(tx: Transaction, user: UUID | None, traces: Traces) -> None:
    """Take out every word that a person wrote or that tells who it is; histories first, which repeat what is said."""
    await store.erase_history(tx, user, list(traces.payments))
    await store.erase(tx, list(traces.payments), list(traces.customers))
