"""Events out: written with the change that they tell of, numbered afterwards without gaps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Change, Goods
from tillkeeper.kernel.db import Transaction
from tillkeeper.outbox import rules, store
from tillkeeper.outbox.values import TYPES, Event, Numbered

__all__ = [
    "TYPES",
    "Event",
    "Numbered",
    "add",
    "announce",
    "erase",
    "following",
    "hold",
    "last_before",
    "move",
    "newest",
    "place",
    "sequence",
]


async def add(tx: Transaction, changes: Iterable[Change], goods: Sequence[Goods]) -> None:
    """Write the events that changes and goods owe to the merchant."""
    moved = {id(item.change): item for item in goods}
    owed = [event for change in changes for event in rules.events(change, moved.get(id(change)))]
    if owed:
        await store.insert(tx, owed)


async def announce(tx: Transaction, events: Sequence[Event]) -> None:
    """Write events that no change of a payment brought."""
    if events:
        await store.insert(tx, events)


async def sequence(tx: Transaction, limit: int | None) -> int:
    """Give committed events their place in the one order that readers follow; return how many."""
    return await store.sequence(tx, limit)


async def newest(tx: Transaction) -> int:
    """Tell the number of the newest event."""
    return await store.newest(tx)


async def last_before(tx: Transaction, since: datetime) -> int:
    """Tell the number after which the events since a moment stand."""
    return await store.last_before(tx, since)


async def following(tx: Transaction, seq: int, limit: int) -> list[Numbered]:
    """List the events after a number, in their order."""
    return await store.following(tx, seq, limit)


async def place(tx: Transaction, name: str) -> int | None:
    """Tell the number up to which a named listener has heard; None for one that is new."""
    return await store.place(tx, name)


async def hold(tx: Transaction, name: str) -> int | None:
    """Tell a listener's place as `place` does, and keep others from moving it until this transaction ends."""
    return await store.hold(tx, name)


async def move(tx: Transaction, name: str, seq: int) -> None:
    """Note the number up to which a named listener has heard."""
    await store.move(tx, name, seq)


async def erase(tx: Transaction, payments: Sequence[UUID], words: Sequence[str]) -> None:
    """Forget the words in events about payments, these among them, and what endpoints answered to them."""
    await store.erase(tx, payments, words)
