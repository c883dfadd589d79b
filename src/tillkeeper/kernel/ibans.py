"""Numbers of bank accounts in texts: told from everything else by their own check digits."""

import re
import string
from collections.abc import Iterator

START = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?=[ -]?[A-Z0-9])")
LETTERS = frozenset(string.ascii_uppercase + string.digits)
SEPARATORS = " -"
length_min = 15
length_max = 34
text_length_max = 2 * length_max
modulus = 97


def find(text: str) -> Iterator[tuple[int, int]]:
    """Find the account numbers in a text, each with where it begins and ends."""
    over = 0
    for start in START.finditer(text):
        if start.start() >= over:
            over = _end(text, start.start())
            if over:
                yield start.start(), over


def mask(text: str, mark: str) -> str:
    """Put a mark in the place of each account number; one of the same length keeps all places."""
    parts, shown = [], 0
    for start, end in find(text):
        parts += [text[shown:start], mark if len(mark) > 1 else mark * (end - start)]
        shown = end
    return "".join((*parts, text[shown:])) if parts else text


def _end(text: str, start: int) -> int:
    """Tell where the account number that begins here ends by its check digits; 0 when none does."""
    head = "".join(str(int(letter, 36)) for letter in text[start : start + 4])
    told, length, found = 0, 4, 0
    for place in range(start + 4, min(len(text), start + text_length_max)):
        letter = text[place]
        if letter in SEPARATORS:
            continue
        if letter not in LETTERS or length == length_max:
            break
        told, length = int(f"{told}{int(letter, 36)}") % modulus, length + 1
        ends = not text[place + 1 : place + 2].isalnum()
        if ends and length >= length_min and int(f"{told}{head}") % modulus == 1:
            found = place + 1
    return found
