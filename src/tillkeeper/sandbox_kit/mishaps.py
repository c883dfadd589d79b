"""What happens to a call on purpose: it takes longer, fails, or its answer never arrives."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tillkeeper.sandbox_kit import faults, luck, outages
from tillkeeper.sandbox_kit.books import Books


@dataclass(frozen=True, slots=True)
class Fate:
    """Hold what the dial has in store for one call; `subject` names the call in the tally."""

    books: Books
    gateway: str
    subject: str
    latency_ms: int = 0
    mishap: str | None = None

    async def delay(self) -> None:
        """Make the call take longer."""
        if self.latency_ms:
            self.count("latency_ms")
            await asyncio.sleep(self.latency_ms / 1000)

    def meets(self, mishap: str) -> bool:
        """Say whether this mishap is in store."""
        return self.mishap == mishap

    def count(self, fault: str) -> None:
        """Count a fault as it happens."""
        luck.count(self.books.connection, self.gateway, fault, self.subject)

    async def hand_over(self, request: Request, answer: Response) -> Response:
        """Give the answer of an executed call to the caller, unless it gets lost or stuck on the way."""
        if self.mishap == faults.LOST_REPLY:
            self.count(faults.LOST_REPLY)
            return Cut()
        if self.mishap == faults.STALL:
            self.count(faults.STALL)
            await _wait(request, self.books.dial.stall_ms)
        return answer


def draw(books: Books, gateway: str, *, method: str, path: str, subject: str) -> Fate:
    """Throw the dice for a call, when it is one that the dial concerns."""
    dial = books.dial
    if outages.reigns(books.connection, gateway):
        return Fate(books, gateway, subject, mishap=faults.ERROR_BEFORE)
    if outages.loses(books.connection, gateway, path):
        return Fate(books, gateway, subject, mishap=faults.LOST_REPLY)
    if not faults.concerns(dial, method, path):
        return Fate(books, gateway, subject)
    return Fate(books, gateway, subject, dial.latency_ms, luck.mishap(books.connection, gateway, dial=dial))


class Cut(Response):
    """Cut the connection instead of answering."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        """Close the socket of the request, so that not one byte of an answer leaves."""
        # ASGI has no way to close a connection; the server's own `receive` belongs to what holds the socket.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            message = "A lost reply needs the uvicorn server: only there can the sandbox cut a connection."
            raise RuntimeError(message)
        transport.abort()
        await receive()  # the server's word that the connection is gone


async def _wait(request: Request, wait_ms: int) -> None:
    """Wait, but no longer than the caller does."""
    try:
        async with asyncio.timeout(wait_ms / 1000):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
