"""Passwords that so many people have that whoever guesses begins with them."""

from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("well_known.txt")
NOTE = "#"
"""How lines begin that say where the list is from."""


def holds(password: str) -> bool:
    """Tell whether a password is on the list, in whichever case its letters are."""
    return password.casefold() in known()


@cache
def known() -> frozenset[str]:
    """Read the list."""
    return frozenset(line for line in FILE.read_text("ascii").splitlines() if not line.startswith(NOTE))
