"""A server that answers as no gateway should: cut off, late, or in strange words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SILENCE = b"silence"


@dataclass
class RudeServer:
    """Answer every request with the same bytes, or not at all."""

    answer: bytes = b""
    requests: list[bytes] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        if self.answer == SILENCE:
            await reader.read()
        writer.write(b"" if self.answer == SILENCE else self.answer)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def rude_server() -> AsyncIterator[RudeServer]:
    """Serve on a free port of this machine."""
    played = RudeServer()
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield played
    server.close()
    await server.wait_closed()


def reply(status: int, body: bytes | str, *, length: int | None = None, header: str = "") -> bytes:
    """Write an answer, with a wrong length if one is given."""
    content = body.encode() if isinstance(body, str) else body
    size = len(content) if length is None else length
    return f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\n{header}\r\n".encode() + content
