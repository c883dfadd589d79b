"""How often each caller may call: counted in PostgreSQL for all processes, and asked for only now and then."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import TillError

window_seconds = 60
windows_kept_minutes = 10
blocks_per_window = 20
"""A process takes a twentieth of a limit at once, so that twenty calls in a row cost one statement."""
callers_max = 50_000
refused_per_minute_max = 300
good_max = 10_000
"""How many keys, tokens and cookies a process remembers as good, by their digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Hold what a caller has left until the window ends, as far as this process knows."""

    limit: int
    remaining: int
    reset_seconds: int


class RateLimitedError(TillError):
    """Report somebody who calls more often than is allowed."""

    code = "rate_limited"
    status = 429
    title = "These are too many requests"
    category = "rate_limit_error"
    retryable = True
    next_step = "Wait as many seconds as `Retry-After` says, then send the same request with the same Idempotency-Key."

    def __init__(self, detail: str, *, seconds: int, standing: Standing | None = None) -> None:
        super().__init__(detail)
        self.retry_after_seconds = seconds
        self.standing = standing


@dataclass(slots=True)
class Window:
    """Hold what a process has taken for a caller and not used, and what all of them had taken by then."""

    unused: int = 0
    taken: int = 0
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Meter:
    """Count the calls of this process within one window; what it forgets is only what it had not used."""

    def __init__(self) -> None:
        self._start: datetime | None = None
        self._windows: dict[str, Window] = {}

    def window(self, who: str, start: datetime) -> Window:
        """Find what is known of a caller in this window; a new one begins with nothing."""
        if start != self._start or len(self._windows) >= callers_max:
            self._start, self._windows = start, {}
        return self._windows.setdefault(who, Window())

    def is_over(self, who: str, limit: int, now: datetime) -> bool:
        """Tell whether a caller is known to have nothing left in this minute, without asking anybody."""
        window = self._windows.get(who) if self._start == start_of(now) else None
        return window is not None and window.unused <= 0 and window.taken >= limit


class Refusals:
    """Count who is not let in, by address, in this process alone: it is asked before the database is.

    Whoever showed something that was good lately is not held up by others behind the same address.
    """

    def __init__(self) -> None:
        self._meter = Meter()
        self._good: dict[bytes, None] = {}

    def check(self, address: str, shown: str, now: datetime) -> None:
        """Raise RateLimitedError where too much was refused within the minute."""
        is_over = self._meter.is_over(address, refused_per_minute_max, now)
        if is_over and sha256(shown.encode(errors="replace")) not in self._good:
            message = f"{refused_per_minute_max} keys, tokens or cookies from {address} were not valid in this minute."
            raise _refuse(message, refused_per_minute_max, now)

    def count(self, address: str, now: datetime) -> None:
        """Count somebody who was refused."""
        self._meter.window(address, start_of(now)).taken += 1

    def remember(self, shown: str) -> None:
        """Remember what let somebody in."""
        digest = sha256(shown.encode(errors="replace"))
        if digest not in self._good and len(self._good) >= good_max:
            self._good.pop(next(iter(self._good)))
        self._good[digest] = None


def start_of(now: datetime) -> datetime:
    """Tell when the present window began: with the minute, for every process the same."""
    return now.replace(second=0, microsecond=0)


def block(limit: int) -> int:
    """Tell how much of a limit is taken at once."""
    return max(1, limit // blocks_per_window)


def spend(window: Window, limit: int, now: datetime) -> Standing:
    """Use one call of what was taken."""
    window.unused -= 1
    remaining = max(0, limit - window.taken) + window.unused
    return Standing(limit=limit, remaining=remaining, reset_seconds=_left_seconds(now))


def refuse(limit: int, now: datetime, who: str) -> RateLimitedError:
    """Say when to come back."""
    return _refuse(f"{who} may send {limit} requests a minute.", limit, now)


def _refuse(message: str, limit: int, now: datetime) -> RateLimitedError:
    standing = Standing(limit=limit, remaining=0, reset_seconds=_left_seconds(now))
    return RateLimitedError(message, seconds=standing.reset_seconds, standing=standing)


def _left_seconds(now: datetime) -> int:
    return int((start_of(now) + timedelta(seconds=window_seconds) - now).total_seconds()) + 1
