"""Calls that leave this process: never inside a transaction, and counted for who has to know whether one was made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tillkeeper.kernel import failpoints
from tillkeeper.kernel.db import assert_no_transaction


@dataclass(slots=True)
class Tally:
    """Hold how many calls have left."""

    calls: int = 0


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


def leave() -> None:
    """Say that a call leaves now; whatever becomes of it, it was made."""
    assert_no_transaction()
    failpoints.reach("call")
    tally = _tally.get()
    if tally is not None:
        tally.calls += 1


@contextmanager
def counting() -> Iterator[Tally]:
    """Count the calls that leave within."""
    tally = Tally()
    before = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(before)
