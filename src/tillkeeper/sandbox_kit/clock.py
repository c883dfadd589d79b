"""The sandbox's own clock: wall time, plus however far somebody has turned it ahead."""

import time

MS_PER_SECOND = 1000


def now_ms() -> int:
    """Read the wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def now() -> int:
    """Read the wall clock in Unix seconds."""
    return time.time_ns() // 1_000_000_000


def timer_ms() -> int:
    """Read a clock that never steps back, in milliseconds, for measuring how long something took."""
    return time.monotonic_ns() // 1_000_000
