"""Where time is read: everybody else is handed `now`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]


def now() -> datetime:
    """Read the wall clock in UTC."""
    return datetime.now(UTC)


def timer_ms() -> Callable[[], int]:
    """Start a stopwatch; calling what it returns reads whole milliseconds."""
    start = time.monotonic_ns()
    return lambda: (time.monotonic_ns() - start) // 1_000_000


def wall_ns() -> int:
    """Read the wall clock as spans of a trace are dated: in nanoseconds since 1970."""
    return time.time_ns()


def pause_ms(duration: int) -> None:
    """Wait in a command that has nothing else to do; whatever serves requests uses asyncio.sleep."""
    time.sleep(duration / 1000)
