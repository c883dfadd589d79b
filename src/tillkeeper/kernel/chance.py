"""Randomness for ids, fetched from the system for many at once: to ask for each takes longer than to use it.

A machine that is resumed twice from one snapshot draws the same again. Ids bear that, since their other half is the
time; nonces and secrets would not, and are asked for each time.
"""

import os
from collections import deque

piece_bytes = 16
fetched_pieces = 256

_pieces: deque[bytes] = deque()
os.register_at_fork(after_in_child=_pieces.clear)
"""What a parent fetched is not for its child too: no piece is ever used twice."""


def draw() -> bytes:
    """Take 16 bytes that nobody else gets; any thread may."""
    try:
        return _pieces.pop()
    except IndexError:
        fetched = os.urandom(piece_bytes * fetched_pieces)
        _pieces.extend(fetched[start : start + piece_bytes] for start in range(piece_bytes, len(fetched), piece_bytes))
        return fetched[:piece_bytes]
