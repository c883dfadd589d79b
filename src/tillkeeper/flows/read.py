"""Read a consistent picture."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tillkeeper.kernel.db import Transaction
from tillkeeper.till import Till

Answer = TypeVar("Answer")


async def read(till: Till, question: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    """Ask one question in one transaction of its own, so that all of the answer is of one moment."""
    async with till.db.transaction(read_only=True) as tx:
        return await question(tx)
