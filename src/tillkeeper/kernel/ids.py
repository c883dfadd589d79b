"""TypeIDs: a full-word prefix and a uuid of version 7, so an id says what it is and sorts by age."""

import time
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from tillkeeper.kernel import chance
from tillkeeper.kernel.errors import NotFoundError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, as the TypeID specification takes it
SUFFIX_LENGTH = 26
PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
PAIR_BITS = 10
PAIR_MASK = 2**PAIR_BITS - 1
PLACES = range((SUFFIX_LENGTH // 2 - 1) * PAIR_BITS, -1, -PAIR_BITS)
DIGIT_OF = dict(zip(ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv", strict=True))
DIGITS = bytes(DIGIT_OF.get(code, ord("!")) for code in range(256))
"""Turns every letter of the alphabet into the digit that `int` reads, and everything else into what it refuses."""
RANDOM_BITS = 0xFFF_3FFFFFFFFFFFFFFF
VERSION_7 = 0x7000_8000000000000000


def new() -> UUID:
    """Make a uuid of version 7: 48 bits of Unix milliseconds, then randomness."""
    return _version_7(time.time_ns() // 1_000_000, int.from_bytes(chance.draw()))


def first_at(moment: datetime) -> UUID:
    """Tell the lowest uuid that can have been made at a moment: what is older sorts before it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def derive(base: UUID, *parts: str) -> UUID:
    """Make the one id that belongs to a thing of `base`: the same parts give the same id, for ever."""
    digest = sha256(b"\0".join((base.bytes, *(part.encode() for part in parts)))).digest()
    return _version_7(base.int >> 80, int.from_bytes(digest[:10]))


def text(prefix: str, value: UUID) -> str:
    """Write a uuid as it is shown outside, such as `payment_01h…`."""
    number = value.int
    return f"{prefix}_{''.join([PAIRS[number >> place & PAIR_MASK] for place in PLACES])}"


def parse(prefix: str, shown: str) -> UUID:
    """Read an id of this kind; anything else is an id that does not exist."""
    head, _, suffix = shown.rpartition("_")
    try:
        if head == prefix and len(suffix) == SUFFIX_LENGTH and suffix[0] <= "7":
            return UUID(int=int(suffix.encode().translate(DIGITS), 32))
    except ValueError:
        pass
    message = f"No {prefix} has this id."
    raise NotFoundError(message)


def _version_7(milliseconds: int, rest: int) -> UUID:
    return UUID(int=milliseconds << 80 | rest & RANDOM_BITS | VERSION_7)
