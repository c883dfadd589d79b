"""Mail by SMTP: encrypted, under one address of ours, with the outcome as a value."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Literal
from urllib.parse import unquote, urlsplit

from tillkeeper.kernel import outside

timeout_seconds = 15
"""For each step of the conversation."""
address_length_max = 254
local_length_max = 64
ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"
)
"""One mailbox as RFC 5321 writes it without quotes: nothing in it can end a line or begin another address."""
PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}
FINAL = range(500, 600)
"""Replies after which the same letter would be refused again."""

Encryption = Literal["tls", "starttls", "none"]
ENCRYPTIONS: dict[str, Encryption] = {"smtps": "tls", "smtp": "starttls", "smtp+plain": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Say what became of a letter: taken, or why not, and whether that is the last word on it.

    `refused` says which of several addresses a letter that was taken does not go to.
    """

    error: str | None = None
    final: bool = False
    refused: str | None = None

    @property
    def taken(self) -> bool:
        """Tell whether the server has it now."""
        return self.error is None


class Smtp:
    """Send letters through one server.

    `smtps://user:password@host` speaks TLS from the first byte, `smtp://` demands STARTTLS before anything else, and
    `smtp+plain://` encrypts nothing, for a relay beside this program. Raises ValueError for what is none of these.
    """

    def __init__(self, url: str, *, trust: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.query:
            message = "it is smtps://user:password@host, smtp://… with STARTTLS, or smtp+plain://… for a relay here"
            raise ValueError(message)
        self.host, self.port = parts.hostname, parts.port or PORTS[parts.scheme]
        self.encryption = ENCRYPTIONS[parts.scheme]
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        if self.encryption == "none" and self._login and not _is_here(self.host):
            message = "smtp+plain:// would send a password readable to everybody on the way; use smtp:// or smtps://"
            raise ValueError(message)
        self._trust = trust

    async def send(self, letter: EmailMessage, *, sender: str, to: list[str]) -> Receipt:
        """Send a letter; whatever goes wrong is said in what is returned, without the server's own words."""
        outside.leave()
        return await asyncio.to_thread(self._send, letter, sender, to)

    def _send(self, letter: EmailMessage, sender: str, to: list[str]) -> Receipt:
        try:
            with self._connect(sender.rpartition("@")[2]) as line:
                if self.encryption == "starttls":
                    line.starttls(context=self._trust or ssl.create_default_context())
                if self._login:
                    line.login(*self._login)
                refused = line.send_message(letter, from_addr=sender, to_addrs=to)
        except (smtplib.SMTPException, OSError) as error:
            return _explain(error)
        return Receipt(refused=_name(refused, to))

    def _connect(self, name: str) -> smtplib.SMTP:
        """Greet the server by the name of our address: asking the system for its own can take as long as a call."""
        if self.encryption == "tls":
            trust = self._trust or ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, local_hostname=name, timeout=timeout_seconds, context=trust)
        return smtplib.SMTP(self.host, self.port, local_hostname=name, timeout=timeout_seconds)


def _explain(error: smtplib.SMTPException | OSError) -> Receipt:
    """Say what went wrong, without repeating a server that may repeat us."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return Receipt(error=f"The address is refused ({codes[0]}).", final=all(code in FINAL for code in codes))
        case smtplib.SMTPDataError():
            return Receipt(error=f"The letter is refused ({error.smtp_code}).", final=error.smtp_code in FINAL)
        case smtplib.SMTPAuthenticationError():
            said = f"The mail server does not take the login ({error.smtp_code})."
        case smtplib.SMTPResponseException():
            said = f"The mail server refuses to serve us ({error.smtp_code})."
        case smtplib.SMTPNotSupportedError():
            said = "The mail server does not offer what TILL_SMTP_URL demands: STARTTLS or a login."
        case ssl.SSLError():
            said = "The mail server's certificate or encryption cannot be trusted."
        case _:
            said = f"The mail server cannot be reached ({type(error).__name__})."
    return Receipt(error=said)


def _name(refused: Mapping[str, tuple[int, bytes]], to: Sequence[str]) -> str | None:
    """Name the addresses that a server refused among others by their places: they are written nowhere."""
    places = [f"{place} of {len(to)} ({refused[each][0]})" for place, each in enumerate(to, 1) if each in refused]
    return f"It does not go to every address: refused is {', '.join(places)}." if places else None


def is_address(text: str) -> bool:
    """Tell whether a text is one address to which a letter can go."""
    local = text.partition("@")[0]
    return len(text) <= address_length_max and len(local) <= local_length_max and bool(ADDRESS.fullmatch(text))


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
