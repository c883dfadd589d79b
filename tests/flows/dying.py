"""Sudden death: an act in a process of its own that is killed at one of the places where that may make a difference.

These are every moment before a call leaves, before a commit and after it, and whatever places flows name themselves.
The process is a fork of this one, so that it takes milliseconds to be where the act begins.
"""

import asyncio
import os
import signal
import sys
import traceback
from asyncio import events
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, NoReturn

from tillkeeper.kernel import failpoints
from tillkeeper.kernel.errors import TillError

Act = Callable[[Any], Awaitable[Any]]
Opened = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens what an act needs, with connections of its own."""
life_seconds_max = 60
places_max = 60
"""Who still dies after so many places does not get further."""
told_bytes_max = 10_000


class NotKilledError(AssertionError):
    """Report an act that failed by itself, or never ended."""


async def die_in(opened: Opened, act: Act, place: int) -> str | None:
    """Let an act be killed at the nth place that it comes to; return its name, or None when there are fewer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_killed(opened, act, place, writing)
    os.close(writing)
    try:
        async with asyncio.timeout(life_seconds_max):
            _, ended = await asyncio.to_thread(os.waitpid, child, 0)
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        raise
    told = os.read(reading, told_bytes_max).decode()
    os.close(reading)
    code = os.waitstatus_to_exitcode(ended)
    if code == -signal.SIGKILL:
        return told
    if code:
        raise NotKilledError(told)
    return None


def account_of(died: Sequence[str]) -> str:
    """Say how often somebody died, and where."""
    assert died, "an act that comes to no place cannot be killed"
    return f"died {len(died)} times: " + ", ".join(f"{at} {times}" for at, times in sorted(Counter(died).items()))


def _be_killed(opened: Opened, act: Act, place: int, writing: int) -> NoReturn:
    """Act as another process would: with a loop and connections of its own, and with none of those that came along."""
    left = place

    def reach(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.write(writing, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    async def live() -> None:
        async with opened() as own:
            failpoints.reach = reach
            with suppress(TillError):  # what an act is refused, it is refused in peace
                await act(own)

    code = 1
    try:
        events._set_running_loop(None)  # the fork stands in the middle of its parent's loop
        asyncio.run(live())
        code = 0
    except BaseException:  # noqa: BLE001 (nothing of this process may go on as its parent)
        os.write(writing, traceback.format_exc()[-told_bytes_max:].encode())
    finally:
        sys.stdout.flush()
        os._exit(code)
