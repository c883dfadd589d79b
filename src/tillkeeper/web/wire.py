"""HTTP as uvicorn speaks it, with every answer in one packet."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from starlette.types import ASGIApp, Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


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


Fields = Sequence[tuple[bytes, bytes]]
Reply = Callable[[Fields, bytes], None]
HandOver = Callable[[ASGIApp], None]
Lane = Callable[[Scope, bytes, Reply, HandOver], bool]
"""Takes a whole request and later replies to it with 200, or hands it over to what does; false when it does not take
it. It must not wait for anything."""


def protocol(lane: Lane | None) -> type[asyncio.Protocol]:
    """Make the protocol of a server, whose application may have a lane for what comes most."""
    return type("Protocol", (OnePacket,), {"lane": staticmethod(lane) if lane else None})


class OnePacket(HttpToolsProtocol):
    """Answer with head and body together: uvicorn writes them one after the other, which is a system call more.

    A request that arrives as a whole is offered to the lane first: a task, and messages to and from an application,
    would take longer than all that is done for most of them.
    """

    lane: Lane | None = None
    _reading = False
    _held: tuple[RequestResponseCycle, ASGI3Application] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Read on; what begins with this is started when all of it is read."""
        self._reading = True
        super().data_received(data)
        self._reading = False
        if self._held:
            held, self._held = self._held, None
            self._begin(*held)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._reading and self.lane:
            self._held = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        scope, reply = cast("Scope", cycle.scope), partial(self._reply, cycle)
        hand_over = cast("HandOver", partial(super()._start_asgi_task, cycle))
        whole = cycle.keep_alive and not cycle.more_body
        if not (whole and self.lane and self.lane(scope, bytes(cycle.body), reply, hand_over)):
            super()._start_asgi_task(cycle, app)

    def _reply(self, cycle: RequestResponseCycle, fields: Fields, body: bytes) -> None:
        if cycle.disconnected:
            return
        every = [*self.server_state.default_headers, *fields, (b"content-length", b"%d" % len(body))]
        every += [] if cycle.keep_alive else [(b"connection", b"close")]
        head = b"".join([b"%b: %b\r\n" % field for field in every])
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (head, body))
        if not cycle.keep_alive:  # the server is about to end
            self.transport.close()
        self.on_response_complete()
