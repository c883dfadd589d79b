"""What may be kept of a secret, and what is none."""

import hashlib
import re
from urllib.parse import unquote, urlsplit

fingerprint_bytes = 6
COST = {"n": 2**14, "r": 8, "p": 1}
"""Tens of milliseconds a guess: a password in an address may be short."""
different_letters_min = 8
PLACEHOLDER = re.compile(
    r"change.?me|placeholder|example|replace|your[-_ ]|dummy|default|^(?:secret|password|test|todo|none|null|xxx+)\b"
    r"|<[^>]*>|\.\.\.|…",
    re.IGNORECASE,
)


def fingerprint(name: str, value: str) -> str:
    """Make the twelve letters by which a secret is known again, and from which nobody can make it."""
    made = hashlib.scrypt(
        secret_of(value).encode(), salt=f"tillkeeper {name}".encode(), dklen=fingerprint_bytes, **COST
    )
    return made.hex()


def is_placeholder(value: str) -> bool:
    """Tell whether this is what examples and templates hold where a secret belongs."""
    secret = secret_of(value)
    return bool(PLACEHOLDER.search(secret)) or len(set(secret)) < different_letters_min


def secret_of(value: str) -> str:
    """Take the password out of an address, if it holds one; anything else is a secret as a whole."""
    if "://" not in value:
        return value
    try:
        return unquote(urlsplit(value).password or "")
    except ValueError:
        return value
