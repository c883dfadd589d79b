"""A door before a gateway: open, shut to everybody, or open with nobody behind it who answers."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

chunk_bytes = 65_536


class Door:
    """Carry every byte between our side and one gateway, until it is told otherwise.

    Behind a door that hangs the gateway still acts: what it was told arrives, and its answers do not.
    """

    def __init__(self, gateway_port: int, port: int) -> None:
        self.port = port
        self.let_in = 0
        """How many connections went through since it was opened for the first time."""
        self._gateway_port = gateway_port
        self._server: asyncio.Server | None = None
        self._answering = asyncio.Event()
        self._inside: dict[asyncio.Task[None], StreamWriter] = {}

    async def open(self) -> None:
        """Let everything through again, also the answers that were held back."""
        self._answering.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Refuse connections, and end those that there are."""
        if self._server:
            self._server.close()
            self._server = None
        inside = dict(self._inside)
        for task, writer in inside.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*inside, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes what was aborted

    def hang(self) -> None:
        """Let questions through and no answer."""
        self._answering.clear()

    def _enter(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.let_in += 1
        task = asyncio.create_task(self._lead(reader, writer))
        self._inside[task] = writer
        task.add_done_callback(self._inside.pop)

    async def _lead(self, reader: StreamReader, writer: StreamWriter) -> None:
        always, back = asyncio.Event(), None
        always.set()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._gateway_port)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_carry(reader, back, always))
                tasks.create_task(_carry(there, writer, self._answering))
        except OSError:
            pass  # the gateway does not run: whoever knocks is sent away
        finally:
            for each in filter(None, (writer, back)):
                each.transport.abort()


async def _carry(source: StreamReader, target: StreamWriter, allowed: asyncio.Event) -> None:
    """Pass bytes on as they come; when one side hangs up, the other hears of it."""
    with suppress(OSError):
        while data := await source.read(chunk_bytes):
            await allowed.wait()
            target.write(data)
            await target.drain()
    target.close()
