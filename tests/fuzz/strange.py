"""What JSON and files can hold and nobody expects there, for tests that try much of it."""

import copy
import json
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.fuzz import events

FULL = bool(os.environ.get("TILL_TEST_FULL"))
EXAMPLES = int(os.environ.get("TILL_FUZZ_EXAMPLES") or (5_000 if FULL else 150))
fuzzed = settings(
    max_examples=EXAMPLES,
    derandomize=not FULL,  # a change is judged by the same inputs as the one before it
    deadline=None,  # how long it takes is a test of its own, in time of the processor
    database=None,
    suppress_health_check=list(HealthCheck),
)
LEAVES = st.sampled_from(
    (
        *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, -(2**63), 10**30, 1.5, -0.0, 1e15, 1e300),
        *("", "x", "\x00", "\u202e", "1.5", "-1", "1e3", "0x10", "٣", "9" * 5_000, "x" * 3_000, "EUR", "jpy", "KWD"),
        *("2026-13-01", "0001-01-01T00:00:00+14:00", "20261120", "payment_", events.PAYMENT, events.REFUND),
        *("COMPLETED", "PENDING", "won", "lost", "succeeded", "paid", "failed", "expired", "OPEN"),
    )
)
ANYTHING = st.recursive(
    LEAVES | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=6,
)


def spots(thing: Any) -> Iterator[tuple[Any, Any]]:
    """List every place in a thing where something stands."""
    if isinstance(thing, dict | list):
        for name, inside in thing.items() if isinstance(thing, dict) else enumerate(thing):
            yield thing, name
            yield from spots(inside)


@st.composite
def spoilt(draw: st.DrawFn, events: tuple[events.Json, ...]) -> bytes:
    """Take an event and put something else in a few places of it."""
    event = copy.deepcopy(draw(st.sampled_from(events)))
    for _ in range(draw(st.integers(0, 3))):
        inside, name = draw(st.sampled_from(list(spots(event))))
        if isinstance(inside, dict) and draw(st.integers(0, 4)) == 0:
            del inside[name]
        else:
            inside[name] = draw(ANYTHING)
    return json.dumps(event).encode()


JSON = ANYTHING.map(lambda thing: json.dumps(thing).encode())
