"""A wire between a client and the server that loses answers, or puts others in their place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Wire:
    """Hand requests on; lose the first `lost` answers, and say the `instead` ones before any request is handed on."""

    to_port: int
    lost: int = 0
    instead: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            told = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n"))
            }
            body = await reader.readexactly(int(told.get("content-length", 0)))
            self.keys.append(told.get("idempotency-key", ""))
            answer = self.instead.pop(0) if self.instead else await self._handed_on(head, body)
            if self.lost:
                self.lost -= 1
            else:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _handed_on(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        try:
            writer.write(
                head.replace(b"\r\nConnection: keep-alive", b"").replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
                + body
            )
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """Stretch a wire to a server."""
    wire = Wire(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        await server.wait_closed()


def answer(status: int, body: str = "", **headers: str) -> bytes:
    """Write an answer of somebody in between."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *lines]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()
