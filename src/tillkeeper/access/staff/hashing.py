"""Where passwords are hashed: beside the loop, and few at once, because each takes 64 MiB and a while on purpose."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tillkeeper.access.limits import RateLimitedError
from tillkeeper.access.staff import rules

hashes_at_once_max = 2
hashes_waiting_max = 100
"""Those who come after that would wait for seconds, and are told to come back."""
come_back_seconds = 5
Made = TypeVar("Made")


class Hasher:
    """Hash in threads of its own, so that nothing else waits for whoever signs in."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(hashes_at_once_max, thread_name_prefix="password")
        self._under_way = 0

    async def run(self, work: Callable[..., Made], *given: object) -> Made:
        """Hash as soon as it is this one's turn; raises RateLimitedError when too many wait."""
        if self._under_way >= hashes_at_once_max + hashes_waiting_max:
            message = "More people want to sign in than can be looked at right now."
            raise RateLimitedError(message, seconds=come_back_seconds)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        finally:
            self._under_way -= 1


HASHER = Hasher()
"""One for the process, however many applications it runs: the memory and the processors are the same."""


async def hashed(password: str) -> str:
    """Hash a password; raises RateLimitedError when too many wait."""
    return await HASHER.run(rules.hashed, password)


async def fits(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one that was hashed; takes as long when there is none."""
    return await HASHER.run(rules.fits, password, kept)
