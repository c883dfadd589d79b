"""How far each kind of record has lost its words, so that nothing is gone through twice."""

from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.retention import store
from tillkeeper.retention.values import NOBODY, Kind, Mark

__all__ = ["NOBODY", "Kind", "Mark", "bring_back", "hold", "look", "move", "retire_audit"]


async def hold(tx: Transaction, kind: Kind) -> Mark:
    """Tell how far a kind is done, and keep others from going on with it until this transaction ends."""
    return await store.hold(tx, kind)


async def look(tx: Transaction, kind: Kind) -> Mark:
    """Tell how far a kind is done."""
    return await store.look(tx, kind)


async def move(tx: Transaction, kind: Kind, mark: Mark) -> None:
    """Note how far it is done now."""
    await store.move(tx, kind, mark)


async def bring_back(tx: Transaction, kind: Kind, oldest: datetime) -> None:
    """Go through a kind again from a moment on, because there are new records of that time."""
    if (await hold(tx, kind)).at >= oldest:
        await move(tx, kind, Mark(at=oldest, id=NOBODY))


async def retire_audit(tx: Transaction, mark: Mark, before: datetime, limit: int) -> tuple[dict[str, str], Mark]:
    """Take the words out of old entries of the audit log; return what vouches for the rest, and how far that went.

    It is kept with an entry of its own, `Action.RECORDS_RETAINED`; without that the chain is broken there.
    """
    return await store.retire_audit(tx, mark, before, limit)
