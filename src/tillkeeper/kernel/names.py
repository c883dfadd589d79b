"""Look names of hosts up beside everything else: a name server that does not answer holds up only who asks for it."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

threads_max = 32
"""More than there are endpoints: each host is looked up by one thread at a time, however many wait for it."""

Ask = Callable[[str, int], Sequence[str]]


def ask(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host, for as long as that takes."""
    return [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Names:
    """Look names up in threads of its own: those of the event loop are few, and gateways are looked up in them."""

    def __init__(self, ask: Ask = ask) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="names")
        self._asked: dict[str, Future[Sequence[str]]] = {}

    async def find(self, host: str, port: int) -> Sequence[str]:
        """Find the addresses of a host; raises OSError. Whoever waits no longer leaves the look-up to the others."""
        asked = self._asked.get(host)
        if asked is None:
            asked = self._asked[host] = self._threads.submit(self._ask, host, port)
            asked.add_done_callback(lambda _: self._asked.pop(host, None))
        return await asyncio.shield(asyncio.wrap_future(asked))

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)
