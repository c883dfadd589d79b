"""Which secrets were seen when, by what cannot be turned back into them."""

from collections.abc import Mapping
from datetime import datetime

from tillkeeper.credentials import store
from tillkeeper.credentials.rules import fingerprint, is_placeholder, secret_of
from tillkeeper.credentials.values import OURS, Rotation
from tillkeeper.kernel.db import Transaction

__all__ = ["OURS", "Rotation", "fingerprint", "is_placeholder", "secret_of", "sight"]


async def sight(tx: Transaction, seen: Mapping[str, str], at: datetime) -> list[Rotation]:
    """Write down the fingerprints that are in use; return those that took the place of another."""
    known = await store.newest(tx, list(seen))
    fresh = await store.sight(tx, seen, at)
    return [
        Rotation(name=name, before=known[name], after=seen[name])
        for name in fresh
        if name in known and known[name] != seen[name]
    ]
