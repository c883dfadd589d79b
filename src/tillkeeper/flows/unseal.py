"""Try whether TILL_SECRET_KEY opens what is sealed in a copy: without that one cannot go on with it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tillkeeper import credentials
from tillkeeper.kernel.crypto import Box
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets

KEY = "TILL_SECRET_KEY"
sampled_max = 100
"""How many of the oldest and as many of the newest: whoever changes keys seals from one end to the other."""


class KeyMissingError(TillError):
    """Report that what is sealed in a copy was sealed with a key that is not here."""

    code = "key_missing"
    title = "What is sealed in the copy cannot be opened"
    next_step = f"Set {KEY}_PREVIOUS to the key of that time; afterwards `till secrets reseal` makes do without it."


@dataclass(frozen=True, slots=True)
class Keys:
    """Hold the keys of this process that open what is sealed, as it would have them if it began now."""

    present: str = field(repr=False)
    previous: str = field(repr=False)

    @classmethod
    def read(cls, present: str, secrets: Secrets) -> "Keys":
        """Read the previous key beside the present one."""
        return cls(present, secrets.get(f"{KEY}_PREVIOUS"))


async def unseal(tx: Transaction, keys: Keys) -> str:
    """Open the oldest and the newest of everything that is sealed; raises KeyMissingError."""
    box, opened, closed = Box(keys.present, keys.previous), 0, []
    for place in await credentials.places(tx):
        found = await credentials.sample(tx, place, sampled_max)
        locked = sum(not box.opens(each) for each in found)
        opened += len(found) - locked
        if locked:
            closed.append(f"{locked} of {len(found)} of {place.table}.{place.column}")
    if closed:
        raise KeyMissingError(await _missing(tx, keys, closed))
    return f"the oldest and the newest were opened, {opened:,} in all"


async def _missing(tx: Transaction, keys: Keys, closed: Sequence[str]) -> str:
    """Say what cannot be opened, and by which fingerprint the key that would open it was known."""
    held = [key for key in (keys.present, keys.previous) if key]
    prints = [await asyncio.to_thread(credentials.fingerprint, KEY, key) for key in held]
    before = [each for each in await credentials.seen(tx, KEY) if each not in prints]
    known = f"the copy knows {' and '.join(before)}" if before else "no worker noted which one it was"
    return (
        f"{', '.join(closed)} cannot be opened. The key is missing with which it was sealed: by fingerprint, here is"
        f" {' and '.join(prints)}, {known}. Set {KEY}_PREVIOUS to that key."
    )
