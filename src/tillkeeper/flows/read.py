"""Read a consistent picture."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from tillkeeper import ledger
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.replica import POSITION, ReplicaUnusableError
from tillkeeper.ledger import BooksBusyError
from tillkeeper.till import Till

Answer = TypeVar("Answer")

writers_pause_seconds = 0.05
writers_looks_max = 400


async def read(till: Till, question: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    """Ask one question in one transaction of its own, so that all of the answer is of one moment."""
    async with till.db.transaction(read_only=True) as tx:
        return await question(tx)


async def survey(till: Till, question: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    """Ask a question about much: the replica answers it, where there is one that has all that happened until now.

    So whoever asks sees what they have just done, whichever process and machine did it.
    """
    if till.replica is None or till.replica.resting:
        return await read(till, question)
    position = await read(till, lambda tx: tx.fetchval(POSITION))
    try:
        async with till.replica.transaction(position) as tx:
            return await question(tx)
    except ReplicaUnusableError:
        return await read(till, question)


async def read_settled(
    till: Till,
    question: Callable[[Transaction, datetime], Awaitable[Answer]],
    *,
    recorded_before: datetime | None = None,
) -> Answer:
    """Ask about the books as they were before a moment (now), when nothing can be recorded before it any more.

    A journal takes its time when it is written and is seen when its transaction ends, so those that are under way are
    waited for. Raises InvalidFieldError for a moment that is still to come, and BooksBusyError after 20 seconds.
    """
    async with till.db.transaction(read_only=True) as tx:
        now = await ledger.latest_cut(tx)
    cut = recorded_before or now
    if cut > now:
        message = f"{cut.isoformat()} is still to come: what is recorded before it can still change."
        raise InvalidFieldError(message, param="recorded_before")
    await wait_for_writers(till, ledger.writers)
    return await survey(till, lambda tx: question(tx, cut))


async def wait_for_writers(till: Till, who: Callable[[Transaction], Awaitable[set[str]]]) -> None:
    """Wait until everybody who writes at this moment has ended; whoever comes later does not matter.

    Raises BooksBusyError after 20 seconds.
    """
    left: set[str] | None = None
    for _ in range(writers_looks_max):
        async with till.db.transaction(read_only=True) as tx:
            seen = await who(tx)
        left = seen if left is None else left & seen
        if not left:
            return
        await asyncio.sleep(writers_pause_seconds)
    raise BooksBusyError
