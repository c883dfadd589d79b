"""The line to the gateways, on which somebody says what no gateway should say."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

call_seconds_max = 30


@dataclass
class Mouth:
    """Pass calls on to the sandboxes; what is asked below a path in `answers` gets that and is not passed on."""

    sandbox: str
    answers: Mapping[str, bytes | None] = field(default_factory=dict)
    """By how a path begins, of which the longest counts; None passes on."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each gateway was asked, what is passed on in spite of answers left out."""
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        method, path, _ = request.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        known = [start for start in self.answers if path.startswith(start)]
        answer = self.answers[max(known, key=len)] if known else None
        self.asked[path.split("/")[1]] += 0 if known and answer is None else 1
        writer.write(answer or await self._carry(method, path, headers, content))
        await writer.drain()
        writer.close()

    async def _carry(self, method: str, path: str, headers: dict[str, str], content: bytes) -> bytes:
        kept = {name: value for name, value in headers.items() if name not in {"host", "content-length", "connection"}}
        async with httpx2.AsyncClient(trust_env=False, timeout=call_seconds_max) as http:
            try:
                told = await http.request(method, f"{self.sandbox}{path}", headers=kept, content=content)
            except httpx2.HTTPError:
                return b""  # the sandbox is still starting
        return said(told.status_code, told.content)


def said(status: int, body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    """Write an answer."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def mouth(sandbox: str, port: int) -> AsyncIterator[Mouth]:
    """Listen on a port."""
    playing = Mouth(sandbox, url=f"http://127.0.0.1:{port}")
    server = await asyncio.start_server(playing.serve, "127.0.0.1", port)
    try:
        yield playing
    finally:
        server.close()
