"""A gateway that opens every checkout after a while and does nothing else: what creations wait for while measured.

The sandbox is a gateway with books, on the same two cores; here only its slowness is wanted.
"""

import asyncio
import json
import sys
from itertools import count

from tillkeeper.ops.bench.ground import HOST

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
numbers = count(1)


class Counterparty(asyncio.Protocol):
    """Answer each request of a connection after `latency_ms`."""

    def __init__(self, latency_ms: int) -> None:
        self._latency_ms = latency_ms
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the line."""
        assert isinstance(transport, asyncio.Transport), "TCP has both directions"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when a request is there as a whole; nobody sends the next one before its answer."""
        self._heard += data
        head, found, body = self._heard.partition(END_OF_HEAD)
        if found and len(body) >= _length(head):
            self._heard = b""
            asyncio.get_running_loop().call_later(self._latency_ms / 1000, self._transport.write, _opened())


def _length(head: bytes) -> int:
    lines = head.lower().splitlines()
    return next((int(line.removeprefix(LENGTH)) for line in lines if line.startswith(LENGTH)), 0)


def _opened() -> bytes:
    """Write a checkout session as it is right after it was opened."""
    name = f"cs_test_bench{next(numbers)}"
    session: dict[str, object] = {
        "id": name,
        "object": "checkout.session",
        "ui_mode": "hosted_page",
        "url": f"http://{HOST}/pay/{name}",
        "status": "open",
        "payment_status": "unpaid",
        "payment_intent": None,
        "metadata": {},
    }
    content = json.dumps(session).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content) + content


async def main(latency_ms: int) -> None:
    """Listen, say at which port, and serve until standard input closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Counterparty(latency_ms), HOST, 0, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
