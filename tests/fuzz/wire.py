"""HTTP as bytes: nothing on this side of the wire forbids what a stranger may send."""

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from zlib import crc32

answer_seconds_max = 60
"""No call takes longer, whatever it says: a gateway is given up after 30 s."""
answer_bytes_max = 32 * 1_048_576
connections = 8
CONTINUE = 100
PLAIN = re.compile(rb"[A-Za-z0-9_./:;=,{}\[\]\"&?@ +*()|<>%~$#^-]")

MARK = re.compile(r"z[qwp]\d+[qwp]\d+[qwp][0-9a-f]{8}z")
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Input:
    """Hold one request exactly as it is sent."""

    name: str
    method: str
    target: bytes
    headers: Headers
    body: bytes = b""
    mark: str = ""
    """A word that nobody else says: where it is found later, something of this input was kept."""

    def wire(self) -> bytes:
        """Write the request."""
        lines = [b"%s %s HTTP/1.1" % (self.method.encode(), self.target), b"Host: till.test"]
        lines += [name.encode() + b": " + value for name, value in self.headers]
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(self.body), b"", b""]) + self.body

    def curl(self, url: str) -> str:
        """Write the request as a command for a shell."""
        words = ["curl -i --path-as-is -X", self.method]
        words += ["-H " + quoted(name.encode() + b": " + value) for name, value in self.headers]
        words += ["--data-binary " + quoted(self.body)] if self.body else []
        return " ".join([*words, quoted(url.encode() + self.target)])


def marked(kind: str, seed: int, number: int) -> str:
    """Make the mark of an input; its check digits keep one that lost a digit from being another's."""
    return f"z{kind}{seed}{kind}{number}{kind}{crc32(f'{kind} {seed} {number}'.encode()):08x}z"


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """Keep one connection to a server, and open another when it was closed."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._ends: tuple[StreamReader, StreamWriter] | None = None

    async def ask(self, wanted: Input) -> Answer:
        """Send a request and read its answer."""
        async with asyncio.timeout(answer_seconds_max):
            if self._ends is None:
                self._ends = await asyncio.open_connection(self._host, self._port, limit=answer_bytes_max)
            reader, writer = self._ends
            # A server may answer and hang up before it has read everything; its answer is there all the same.
            with suppress(ConnectionError):
                writer.write(wanted.wire())
                await writer.drain()
            answer = await _read(reader)
        if answer.headers.get("connection") == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        """Hang up."""
        if self._ends:
            self._ends[1].close()
            with suppress(ConnectionError):
                await self._ends[1].wait_closed()
        self._ends = None


async def _read(reader: StreamReader) -> Answer:
    status = CONTINUE
    while status == CONTINUE:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        status = int(start.split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = b"" if status in {204, 304} else await reader.read()
    return Answer(status, headers, body)


async def shoot(url: str, inputs: Iterator[Input], heard: Callable[[Input, Answer | str], Awaitable[None]]) -> None:
    """Send inputs over several connections, and pass on each answer, or in words that there was none."""

    async def feed() -> None:
        line = Line(url)
        for wanted in inputs:
            try:
                answer: Answer | str = await line.ask(wanted)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, TimeoutError) as error:
                await line.close()
                answer = f"{type(error).__name__}: {error}"
            await heard(wanted, answer)
        await line.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(feed())


def quoted(content: bytes) -> str:
    """Write bytes so that bash reads the same ones."""
    return "$'" + "".join(_letter(byte) for byte in content) + "'"


def _letter(byte: int) -> str:
    letter = bytes([byte])
    return letter.decode() if PLAIN.fullmatch(letter) else f"\\x{byte:02x}"
