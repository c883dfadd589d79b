"""The line between an adapter and its gateway, and what can go wrong on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

line_timeout_seconds = 20
nesting_deep = 100_000


def reply(status: int, body: bytes | str, *, header: str = "") -> bytes:
    """Write an answer."""
    content = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{header}\r\n".encode() + content


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Say what comes instead of the answer: nothing cuts the connection, unless it comes without its last byte.

    Unless it is not `executed`, the gateway does what it was asked, and only the answer suffers.
    """

    answer: bytes = b""
    short: bool = False
    silent: bool = False
    executed: bool = True


FAULTS = {
    "cut before it arrived": Fault(executed=False),
    "cut after it was done": Fault(),
    "cut in the head": Fault(answer=b"HTTP/1.1 200 X\r\nContent-"),
    "cut in the body": Fault(short=True),
    "silence": Fault(silent=True),
    "not HTTP": Fault(answer=b"go away\r\n\r\n"),
    "500": Fault(answer=reply(500, "{}")),
    "502 with HTML": Fault(answer=reply(502, "<html>Bad gateway</html>")),
    "503 that came too early": Fault(answer=reply(503, ""), executed=False),
    "504 with nothing": Fault(answer=reply(504, "")),
    "200 with HTML": Fault(answer=reply(200, "<html>Welcome</html>")),
    "200 with truncated JSON": Fault(answer=reply(200, '{"id": "x", "sta')),
    "200 with nothing": Fault(answer=reply(200, "")),
    "200 with a list": Fault(answer=reply(200, "[]")),
    "200 with null": Fault(answer=reply(200, "null")),
    "200 with a number": Fault(answer=reply(200, "5")),
    "200 with an empty object": Fault(answer=reply(200, "{}")),
    "200 with null fields": Fault(answer=reply(200, '{"id": null, "status": null, "state": null, "data": null}')),
    "200 with bad UTF-8": Fault(answer=reply(200, b'{"id": "\xff"}')),
    "200 with deep nesting": Fault(answer=reply(200, "[" * nesting_deep + "]" * nesting_deep)),
    "200 in a bad encoding": Fault(answer=reply(200, "xx", header="Content-Encoding: gzip\r\n")),
    "redirect": Fault(answer=reply(302, "", header="Location: http://127.0.0.1:9/\r\n")),
    "redirect that keeps the method": Fault(answer=reply(307, "{}", header="Location: http://127.0.0.1:9/\r\n")),
}
"""After each of these nobody can tell from the answer whether it was done."""


@dataclass
class Wire:
    """Carry calls to a gateway, one fault for all of them; `spares` names those that are carried well all the same."""

    gateway: str
    spares: Callable[[str], bool]
    fault: Fault | None = None
    calls: list[str] = field(default_factory=list)
    port: int = 0
    server: asyncio.Server | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen, at the same address as before if there was one."""
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections from now on."""
        if self.server:
            self.server.close()
            await self.server.wait_closed()
        self.server = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self._answer(reader))
            await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        method, path, _ = request.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        fault = None if self.spares(path) else self.fault
        self.calls.append(f"{method} {path}")
        if fault and not fault.executed:
            return fault.answer
        answer = await self._pass_on(method, path, headers, content)
        if fault and fault.silent:
            await reader.read()  # until the caller gives up
        if fault and fault.short:
            return answer[:-1]
        return fault.answer if fault else answer

    async def _pass_on(self, method: str, path: str, headers: dict[str, str], content: bytes) -> bytes:
        passed = {
            name: value for name, value in headers.items() if name not in {"host", "content-length", "connection"}
        }
        async with httpx2.AsyncClient(trust_env=False, timeout=line_timeout_seconds) as http:
            answer = await http.request(method, f"{self.gateway}{path}", headers=passed, content=content)
        return reply(
            answer.status_code, answer.content, header="Content-Type: application/json\r\nConnection: close\r\n"
        )
