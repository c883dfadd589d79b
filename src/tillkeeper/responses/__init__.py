"""Answers to disputes: what speaks for us, written from our own records, or that we give the dispute up."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.responses import store
from tillkeeper.responses.rules import assemble
from tillkeeper.responses.values import CardHeld, Delivery, Response, ResponseKind, Returned, Spent, Words

__all__ = [
    "CardHeld",
    "Delivery",
    "Response",
    "ResponseKind",
    "Returned",
    "Spent",
    "Words",
    "agreed_by_another",
    "assemble",
    "erase",
    "get",
    "remember",
]


async def remember(tx: Transaction, response: Response) -> None:
    """Keep an answer before the gateway hears it."""
    await store.insert(tx, response)


async def get(tx: Transaction, response: UUID) -> Response | None:
    """Read an answer."""
    return await store.get(tx, response)


async def agreed_by_another(tx: Transaction, dispute: UUID, by_id: str) -> bool:
    """Tell whether another person has said before that a dispute is given up."""
    return await store.agreed_by_another(tx, dispute, by_id)


async def erase(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Forget what was said to disputes of payments, and leave that it was said."""
    await store.erase(tx, payments)
