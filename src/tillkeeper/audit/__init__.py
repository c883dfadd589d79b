"""The audit log: who changed what, when, why and from what to what; entries are only ever added."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tillkeeper.audit import store
from tillkeeper.audit.values import END_USER, SYSTEM, Action, Actor
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction

__all__ = ["END_USER", "SYSTEM", "Action", "Actor", "erase", "record", "verify"]

recent_entries = 1_000
stretch_entries = 20_000
"""How many entries are proved by one statement: that takes less than a second, however long the log is."""
Picture = Mapping[str, object]


async def record(
    tx: Transaction,
    by: Actor,
    action: Action,
    subject: str,
    *,
    at: datetime,
    before: Picture | None = None,
    after: Picture | None = None,
    reason: str | None = None,
) -> None:
    """Write down a change in its own transaction, without secrets; last in it, because entries wait for each other."""
    changed = (logs.clean(before), logs.clean(after))
    await store.insert(tx, ids.new(), by, action, subject, changed, logs.mask(reason) if reason else None, at)


async def erase(tx: Transaction, subjects: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Take words out of entries about somebody; return what vouches for the rest, by the number of each.

    It is kept with an entry of its own, `Action.USER_ERASED`; without that the chain is broken there.
    """
    return await store.erase(tx, subjects, names)


async def verify(tx: Transaction, *, recent: bool) -> list[str]:
    """Name the entries that somebody rewrote or removed; only among the last thousand when `recent`."""
    newest = await store.newest(tx)
    found: list[int] = []
    for after in range(max(0, newest - recent_entries) if recent else 0, newest, stretch_entries):
        found += await store.broken(tx, after=after, until=min(after + stretch_entries, newest))
    return [
        f"entry {number} of the audit log is not what was written, or the one before it is gone" for number in found
    ]
