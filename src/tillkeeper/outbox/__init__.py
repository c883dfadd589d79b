"""Events out: written with the change that they tell of, numbered afterwards without gaps."""

from collections.abc import Iterable, Sequence

from tillkeeper.facts import Change, Goods
from tillkeeper.kernel.db import Transaction
from tillkeeper.outbox import rules, store
from tillkeeper.outbox.values import Event

__all__ = ["Event", "add", "announce", "sequence"]


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


async def sequence(tx: Transaction, limit: int) -> int:
    """Give committed events their place in the one order that readers follow; return how many."""
    return await store.sequence(tx, limit)
