"""TypeIDs: a full-word prefix and a uuid of version 7, so an id says what it is and sorts by age."""

import os
import time
from hashlib import sha256
from uuid import UUID

from tillkeeper.kernel.errors import NotFoundError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, as the TypeID specification takes it
SUFFIX_LENGTH = 26
VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def new() -> UUID:
    """Make a uuid of version 7: 48 bits of Unix milliseconds, then randomness."""
    return _version_7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))


def derive(base: UUID, *parts: str) -> UUID:
    """Make the one id that belongs to a thing of `base`: the same parts give the same id, for ever."""
    digest = sha256(b"\0".join((base.bytes, *(part.encode() for part in parts)))).digest()
    return _version_7(base.int >> 80, int.from_bytes(digest[:10]))


def text(prefix: str, value: UUID) -> str:
    """Write a uuid as it is shown outside, such as `payment_01h…`."""
    number = value.int
    letters = [ALPHABET[number >> shift & 31] for shift in range((SUFFIX_LENGTH - 1) * 5, -1, -5)]
    return f"{prefix}_{''.join(letters)}"


def parse(prefix: str, shown: str) -> UUID:
    """Read an id of this kind; anything else is an id that does not exist."""
    head, _, suffix = shown.rpartition("_")
    if head != prefix or len(suffix) != SUFFIX_LENGTH or suffix[0] > "7" or not VALUES.keys() >= set(suffix):
        message = f"No {prefix} has this id."
        raise NotFoundError(message)
    number = 0
    for letter in suffix:
        number = number << 5 | VALUES[letter]
    return UUID(int=number)


def _version_7(milliseconds: int, rest: int) -> UUID:
    value = milliseconds << 80 | rest
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
