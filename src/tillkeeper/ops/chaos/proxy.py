"""A proxy on one link: it carries every byte, until it is told to be late, deaf, rude or forgetful."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"
chunk_bytes = 65_536
ABORT = struct.pack("ii", 1, 0)
"""With it a socket is reset when it is closed, as by a peer that died, and not closed in good order."""

Target = int | Path
"""A port of this machine, or a socket in its file system."""


class Proxy:
    """Stand between whoever calls and one or several who answer in turn.

    What is held back comes later, as in a network that heals: a question may arrive after whoever asked has gone.
    """

    def __init__(self, targets: Sequence[Target], port: int) -> None:
        self.port = port
        self.let_in = 0
        """How many connections went through since it was opened for the first time."""
        self.cut = 0
        """How many connections were reset, those whose answer was lost among them."""
        self.lost = 0
        """How many answers were lost: their questions had arrived."""
        self.latency_ms = 0
        self.losing = False
        self._targets = targets
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._asking, self._answering = asyncio.Event(), asyncio.Event()
        self._inside: dict[asyncio.Task[None], StreamWriter] = {}

    async def open(self) -> None:
        """Let everything through again, also what was held back."""
        self.latency_ms, self.losing = 0, False
        self._asking.set()
        self._answering.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._enter, HOST, self.port)

    async def shut(self) -> None:
        """Refuse connections, and end those that there are."""
        if self._server:
            self._server.close()
            self._server = None
        await self.reset()

    async def reset(self) -> None:
        """Cut every connection that there is; new ones go through."""
        inside = dict(self._inside)
        for task, writer in inside.items():
            task.cancel()
            _cut(writer)
        self.cut += len(inside)
        await asyncio.gather(*inside, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes what was aborted

    def hang(self) -> None:
        """Let questions through and no answer."""
        self._answering.clear()

    def part(self) -> None:
        """Let nothing through in either direction, and say so to nobody."""
        self._asking.clear()
        self._answering.clear()

    def lose(self) -> None:
        """Let questions through, and cut the connection as soon as the answer comes."""
        self.losing = True

    def _enter(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.let_in += 1
        task = asyncio.create_task(self._lead(reader, writer))
        self._inside[task] = writer
        task.add_done_callback(self._inside.pop)

    async def _lead(self, reader: StreamReader, writer: StreamWriter) -> None:
        back: StreamWriter | None = None
        try:
            there, back = await self._reach()
            await self._exchange(reader, writer, there, back)
        except OSError:
            pass  # nobody answers: whoever knocks is sent away
        finally:
            for each in filter(None, (writer, back)):
                each.transport.abort()

    async def _exchange(
        self, reader: StreamReader, writer: StreamWriter, there: StreamReader, back: StreamWriter
    ) -> None:
        ways = [
            asyncio.create_task(self._carry(reader, back, self._asking, answers=False)),
            asyncio.create_task(self._carry(there, writer, self._answering, answers=True)),
        ]
        try:
            await asyncio.gather(*ways)
        except ConnectionResetError:
            self.cut += 1
            _cut(writer)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _reach(self) -> tuple[StreamReader, StreamWriter]:
        """Connect to whoever's turn it is, or to the next who answers; raises OSError when nobody does."""
        self._turn += 1
        for place in range(len(self._targets)):
            target = self._targets[(self._turn + place) % len(self._targets)]
            with suppress(OSError):
                if isinstance(target, Path):
                    return await asyncio.open_unix_connection(target)
                return await asyncio.open_connection(HOST, target)
        raise ConnectionRefusedError

    async def _carry(
        self, source: StreamReader, target: StreamWriter, allowed: asyncio.Event, *, answers: bool
    ) -> None:
        """Pass bytes on as they come; when one side hangs up, the other hears of it."""
        with suppress(BrokenPipeError):
            while data := await _read(source):
                await allowed.wait()
                if self.latency_ms:
                    await asyncio.sleep(self.latency_ms / 1000)
                if answers and self.losing:
                    self.lost += 1
                    raise ConnectionResetError
                target.write(data)
                await target.drain()
            await allowed.wait()
        target.close()


async def _read(source: StreamReader) -> bytes:
    """Read what comes; a peer that cut the connection has said no more than one that closed it."""
    try:
        return await source.read(chunk_bytes)
    except ConnectionResetError:
        return b""


def _cut(writer: StreamWriter) -> None:
    wire = writer.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    writer.transport.abort()
