"""A merchant's program that takes webhooks over a real socket, and answers as a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Taken:
    """Hold one request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str) -> Any:
        """Verify it as the standard's own library does; raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Answer `status` and `body` to everybody; `statuses` are used up first, and a shut `gate` keeps all waiting."""

    status: int = 200
    body: bytes = b"ok"
    head: str = ""
    statuses: list[int] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    gate: asyncio.Event | None = None
    waiting: int = 0
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?for=till"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.taken]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.taken.append(Taken(request.split(" ")[1], headers, body))
            if self.gate:
                self.waiting += 1
                await self.gate.wait()
            status = self.statuses.pop(0) if self.statuses else self.status
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n{self.head}\r\n"
            writer.write(head.encode() + self.body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has gone, or was cut off on purpose
        finally:
            writer.close()


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", **settings: Any) -> AsyncIterator[Receiver]:
    """Listen on a free port."""
    receiver = Receiver(**settings)
    server = await asyncio.start_server(receiver.serve, host, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        if receiver.gate:
            receiver.gate.set()
        server.close()
        await server.wait_closed()
