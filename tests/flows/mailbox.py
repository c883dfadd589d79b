"""A mail server over a real socket that keeps what it takes, and refuses what a test wants refused."""

import asyncio
import base64
import email
import email.policy
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from tests.certificates import certify

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Taken:
    """Hold one letter as it came."""

    sender: str
    to: tuple[str, ...]
    raw: bytes
    encrypted: bool
    login: str

    @property
    def message(self) -> EmailMessage:
        """Read the letter."""
        read = email.message_from_bytes(self.raw, policy=email.policy.SMTP)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        """Read what it says in plain text."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        """Read what it says in HTML."""
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class Mailbox:
    """Take letters; `answers` replaces the reply to a command by its first word, and a `password` is asked for.

    `refused` are the replies to addresses that get nothing.
    """

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, bytes] = field(default_factory=dict)
    password: str = ""
    identity: ssl.SSLContext | None = None
    letters: list[Taken] = field(default_factory=list)
    calls: int = 0

    def url(self, scheme: str = "smtp+plain", login: str = "") -> str:
        """Say how it is reached."""
        return f"{scheme}://{f'{login}@' if login else ''}{HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        self.calls += 1
        talk = _Talk(self, reader, writer)
        try:
            await talk.hold()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # whoever called has hung up
        finally:
            writer.close()


@dataclass
class _Talk:
    box: Mailbox
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sender: str = ""
    to: list[str] = field(default_factory=list)
    encrypted: bool = False
    login: str = ""

    async def hold(self) -> None:
        await self._say(self.box.answers.get("CONNECT", b"220 here"))
        while line := (await self.reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            given = self.box.answers.get(word.upper())
            if given is not None:
                await self._say(given)
            elif word.upper() == "QUIT":
                await self._say(b"221 bye")
                return
            else:
                await self._do(word.upper(), rest)

    async def _do(self, word: str, rest: str) -> None:  # noqa: C901 (a case for each command)
        match word:
            case "EHLO" | "HELO":
                offers = [b"here", *([b"STARTTLS"] if self.box.identity and not self.encrypted else [])]
                offers += [b"AUTH PLAIN"] if self.box.password else []
                await self._say(b"\r\n".join([*(b"250-" + each for each in offers[:-1]), b"250 " + offers[-1]]))
            case "STARTTLS":
                assert self.box.identity
                await self._say(b"220 go on")
                await self.writer.start_tls(self.box.identity)
                self.encrypted = True
            case "AUTH":
                _, self.login, password = base64.b64decode(rest.split(" ")[1]).decode().split("\0")
                await self._say(b"235 yes" if password == self.box.password else b"535 no: " + password.encode())
            case "MAIL":
                self.sender, self.to = _address(rest), []
                await self._say(b"250 ok")
            case "RCPT":
                address = _address(rest)
                if address not in self.box.refused:
                    self.to.append(address)
                await self._say(self.box.refused.get(address, b"250 ok"))
            case "DATA":
                await self._say(b"354 go on")
                raw = (await self.reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                taken = Taken(self.sender, tuple(self.to), raw, self.encrypted, self.login)
                await self._say(self.box.answers.get("END", b"250 taken"))
                if "END" not in self.box.answers:
                    self.box.letters.append(taken)
            case _:
                await self._say(b"250 ok")

    async def _say(self, reply: bytes) -> None:
        self.writer.write(reply + b"\r\n")
        await self.writer.drain()


def _address(rest: str) -> str:
    return rest[rest.index("<") + 1 : rest.index(">")]


@asynccontextmanager
async def mailbox(**settings: object) -> AsyncIterator[Mailbox]:
    """Listen on a free port."""
    box = Mailbox(**settings)  # type: ignore[arg-type]  # what a test names
    server = await asyncio.start_server(box.serve, HOST, 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


def identity(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for this machine: what a server shows, and what trusts it."""
    file = certify(x509.IPAddress(ipaddress.ip_address(HOST)), folder / "mail.pem")
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    return shown, ssl.create_default_context(cafile=str(file))
