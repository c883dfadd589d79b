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
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from tests.flows.conftest import Shop, shopped, tilled

from tillkeeper.kernel import failpoints
from tillkeeper.kernel.errors import TillError

Act = Callable[[Any], Awaitable[Any]]
life_seconds_max = 60
told_bytes_max = 10_000


class NotKilledError(AssertionError):
    """Report an act that failed by itself, or never ended."""


async def die_in(shop: Shop, act: Act, place: int, owner_url: str) -> str | None:
    """Let an act be killed at the nth place that it comes to; return its name, or None when there are fewer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_killed(shop, act, place, writing, owner_url)
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


def _be_killed(shop: Shop, act: Act, place: int, writing: int, owner_url: str) -> NoReturn:
    """Act as another process would: with a loop and connections of its own, and with none of those that came along."""
    left = place

    def reach(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.write(writing, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    async def live() -> None:
        settings = shop.till.settings
        async with tilled(shop.line, settings.database_url) as till, shopped(till, shop.line, owner_url) as own:
            failpoints.reach = reach
            with suppress(TillError):  # what an act is refused, it is refused in peace
                await act(replace(own, heard=shop.heard, numbers=shop.numbers))

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
