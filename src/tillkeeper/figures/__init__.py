"""Figures by hour and by day, added up in the background so that no page ever has to."""

from collections.abc import Sequence

from tillkeeper.figures import store
from tillkeeper.figures.values import SPANS, Figure, Mark, Span
from tillkeeper.kernel.db import Transaction

__all__ = ["SPANS", "Figure", "Mark", "Span", "add", "hold", "move"]


async def hold(tx: Transaction) -> Mark:
    """Tell up to where everything is added up, and keep others from adding until this transaction ends."""
    return await store.hold(tx)


async def add(tx: Transaction, found: Sequence[Figure]) -> None:
    """Add to what is there, under the hours and under the days."""
    if found:
        await store.add(tx, found)


async def move(tx: Transaction, mark: Mark) -> None:
    """Note up to where everything is added up now."""
    await store.move(tx, mark)
