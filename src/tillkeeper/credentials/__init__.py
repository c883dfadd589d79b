"""Which secrets were seen when, by what cannot be turned back into them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tillkeeper.credentials import store
from tillkeeper.credentials.rules import fingerprint, is_placeholder, secret_of
from tillkeeper.credentials.values import OURS, PLACES, Place, Rotation, Sealed
from tillkeeper.kernel.db import Transaction

__all__ = [
    "OURS",
    "PLACES",
    "Place",
    "Rotation",
    "Sealed",
    "fingerprint",
    "is_placeholder",
    "page",
    "places",
    "replace",
    "sample",
    "secret_of",
    "seen",
    "sight",
]


async def sight(tx: Transaction, seen: Mapping[str, str], at: datetime) -> list[Rotation]:
    """Write down the fingerprints that are in use; return those that took the place of another."""
    known = await store.newest(tx, list(seen))
    fresh = await store.sight(tx, seen, at)
    return [
        Rotation(name=name, before=known[name], after=seen[name])
        for name in fresh
        if name in known and known[name] != seen[name]
    ]


async def page(tx: Transaction, place: Place, after: object, limit: int) -> list[Sealed]:
    """Lock a page of what is sealed in one place, in order."""
    return await store.page(tx, place, after, limit)


async def seen(tx: Transaction, name: str) -> list[str]:
    """List the fingerprints that a secret ever had, the newest first."""
    return await store.seen(tx, name)


async def places(tx: Transaction) -> list[Place]:
    """List the places that this database has: one of an older version lacks some."""
    there = await store.columns(tx)
    return [place for place in PLACES if (place.table, place.column) in there]


async def sample(tx: Transaction, place: Place, limit: int) -> list[bytes]:
    """Read so many of the oldest and as many of the newest that are sealed in one place."""
    return await store.sample(tx, place, limit)


async def replace(tx: Transaction, place: Place, renewed: Sequence[Sealed]) -> None:
    """Put what was sealed again in its place."""
    await store.replace(tx, place, renewed)
