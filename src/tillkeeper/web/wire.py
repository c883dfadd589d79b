"""HTTP as uvicorn speaks it, with every answer in one packet."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Gathering:
    """Stand in front of a transport and send what one turn of the loop writes in one piece."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> None:
        """Take a part of an answer."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(part)

    def close(self) -> None:
        """Send what is left, then close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, and send nothing more."""
        self._parts.clear()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the transport."""
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()


class OnePacket(HttpToolsProtocol):
    """Answer with head and body together: uvicorn writes them one after the other, which is a system call more."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]
