"""Where gateways bring their webhooks while the history is written, at the address that the API has later."""

import asyncio
from dataclasses import dataclass, field

from tillkeeper.flows.receive import Intake, receive
from tillkeeper.kernel.errors import TillError

HOST = "127.0.0.1"
idle_seconds = 60


@dataclass(slots=True)
class Letterbox:
    """Take webhooks in as the API does: verified, stored, and only then acknowledged."""

    intake: Intake
    server: asyncio.Server | None = None
    callers: set[asyncio.StreamWriter] = field(default_factory=set)
    refused: int = 0

    async def open(self, port: int) -> None:
        """Listen."""
        self.server = await asyncio.start_server(self._serve, HOST, port)

    async def close(self) -> None:
        """Stop listening."""
        if self.server:
            self.server.close()
            for caller in self.callers:
                caller.close()
            await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.add(writer)
        try:
            while True:
                async with asyncio.timeout(idle_seconds):
                    status = await self._take(reader)
                writer.write(f"HTTP/1.1 {status} Taken\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            return  # the gateway has hung up
        finally:
            self.callers.discard(writer)
            writer.close()

    async def _take(self, reader: asyncio.StreamReader) -> int:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        gateway = request.split(" ")[1].rpartition("/")[2]
        try:
            await receive(self.intake, gateway, headers, body)
        except TillError as error:
            self.refused += 1
            return error.status
        return 200
