"""What an earlier system leaves behind: read strictly, and taken over once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.adoption import store
from tillkeeper.adoption.rules import UnreadableError, flaw, read
from tillkeeper.adoption.values import (
    Key,
    PastLot,
    PastPayment,
    PastRefund,
    PastUser,
    Reading,
    Record,
    digest_of,
    key_of,
)
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction

__all__ = [
    "FORGOTTEN",
    "Key",
    "PastLot",
    "PastPayment",
    "PastRefund",
    "PastUser",
    "Reading",
    "Record",
    "UnreadableError",
    "claim",
    "digest_of",
    "digests",
    "erase",
    "flaw",
    "forget",
    "key_of",
    "read",
]

FORGOTTEN = b""
"""The digest of what was taken over long ago: that it was is known, and what it said is not."""


async def digests(tx: Transaction, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Tell what was taken over under these names before; of what is forgotten, an empty digest."""
    return await store.digests(tx, keys)


async def claim(tx: Transaction, records: Sequence[Record], at: datetime) -> dict[Key, UUID]:
    """Take records over for ever, each once; return what they are called here, leaving out what somebody else took."""
    new = {key_of(each): (ids.new(), digest_of(each)) for each in records}
    taken = await store.insert(tx, new, at)
    return {key: id_ for key, (id_, _) in new.items() if key in taken}


async def forget(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Forget what an earlier system called payments and said of them; brought again, they are known all the same."""
    await store.forget(tx, payments)


async def erase(tx: Transaction, *, user: str, payments: Sequence[UUID]) -> None:
    """Forget what an earlier system called a user and their payments; brought again, they would be somebody new."""
    await store.erase(tx, user, payments)
