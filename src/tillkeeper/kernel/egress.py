"""Calls to addresses that somebody else chose: only to the public internet, and to no address that was not checked."""

import asyncio
import contextlib
import re
import socket
import ssl
import string
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import Self
from urllib.parse import SplitResult, urlsplit

import httpx2

from tillkeeper.kernel import addresses, clock, logs, outside, trust
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.names import Names

connect_timeout_seconds = 5
total_timeout_seconds = 15
body_timeout_seconds = 2
"""How long the body of an answer is waited for once its status is there."""
body_bytes_max = 1024
"""How much of an answer is kept."""
border_bytes = 512
"""How much more is read, and left out where the answer goes on: what was cut in two is not known for what it is."""
SEVERED = string.digits + string.whitespace + "._/+-"
url_length_max = 2000
addresses_max = 4
"""How many of a host's addresses are tried."""
PORTS = {"http": 80, "https": 443}
seconds_digits_max = 9
port_min = 1024
"""Below it stand the services of machines; only those of the web are called."""
NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
host_length_max = 253

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class ForbiddenAddressError(Exception):
    """Report a host with an address that must not be called; the message names no address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Hold a URL that was checked, in the parts that a call is made of."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Write the host as the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: str) -> str:
        """Write the URL with an address for its host."""
        return f"{self.scheme}://{f'[{address}]' if ':' in address else address}:{self.port}{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold what came of a call: a status and the beginning of the body, or the error that stood in the way."""

    latency_ms: int
    status: int | None = None
    body: str | None = None
    error: str | None = None
    retry_after_seconds: int | None = None
    """When the receiver wants to be asked again, if it says so."""

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver has taken it."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class Egress:
    """Post to the URLs of others; `private` also lets private addresses be called, and `secure` only https."""

    def __init__(
        self, *, private: bool, secure: bool, resolver: Resolve | None = None, trust: ssl.SSLContext | None = None
    ) -> None:
        self._private = private
        self._secure = secure
        self._names = Names()
        self._resolve = resolver or self._names.find
        self._trust = trust
        self._opened: httpx2.AsyncHTTPTransport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close what is open."""
        self._names.close()
        if self._opened:
            await self._opened.aclose()

    def check(self, url: str) -> Destination:
        """Take a URL apart; raises InvalidFieldError for one that will never be called."""
        destination = _parse(url)
        if self._secure and destination.scheme != "https":
            message = "In live mode a URL starts with https://."
            raise InvalidFieldError(message, param="url")
        if _is_address(destination.host) and not addresses.is_allowed(destination.host, private=self._private):
            message = "The URL names an address that is not public, and only public ones are called."
            raise InvalidFieldError(message, param="url")
        return destination

    async def post(self, url: str, *, headers: dict[str, str], body: bytes) -> Reply:
        """Post a body, and read the beginning of the answer; whatever goes wrong is said in the reply."""
        outside.leave()
        read_ms = clock.timer_ms()
        try:
            async with asyncio.timeout(total_timeout_seconds):
                destination = self.check(url)
                response = await self._send(destination, headers, body)
        except InvalidFieldError as error:
            return Reply(latency_ms=read_ms(), error=error.detail)
        except ForbiddenAddressError as error:
            return Reply(latency_ms=read_ms(), error=str(error))
        except (httpx2.HTTPError, TimeoutError, OSError, UnicodeError) as error:
            return Reply(latency_ms=read_ms(), error=_explain(error))
        # The status is what counts: from here on nothing takes it away again, whatever becomes of the body.
        return replace(await _read(response), latency_ms=read_ms())

    async def _send(self, destination: Destination, headers: dict[str, str], body: bytes) -> httpx2.Response:
        """Send to the first of the checked addresses that takes a connection."""
        checked = await self._addresses(destination)
        for address in checked[:-1]:
            try:
                return await self._send_to(address, destination, headers, body)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send_to(checked[-1], destination, headers, body)

    async def _addresses(self, destination: Destination) -> Sequence[str]:
        """Resolve a host once, and refuse it when a single one of its addresses must not be called."""
        found = list(dict.fromkeys(await self._resolve(destination.host, destination.port)))
        if not found:
            message = "The host has no address."
            raise ForbiddenAddressError(message)
        if not all(addresses.is_allowed(address, private=self._private) for address in found):
            message = "The host has an address that is not public, and only public ones are called."
            raise ForbiddenAddressError(message)
        return found[:addresses_max]

    def _transport(self) -> httpx2.AsyncHTTPTransport:
        """Open the way out when it is first needed: most commands never call anybody, and certificates take a while.

        A transport without its client follows no redirects, keeps no cookies, and knows of no proxies.
        """
        if self._opened is None:
            self._opened = httpx2.AsyncHTTPTransport(
                verify=self._trust or trust.authorities(),
                trust_env=False,
                limits=httpx2.Limits(max_keepalive_connections=0),
            )
        return self._opened

    async def _send_to(
        self, address: str, destination: Destination, headers: dict[str, str], body: bytes
    ) -> httpx2.Response:
        """Send to one address, under the name of the host: that is whose certificate must be shown."""
        request = httpx2.Request(
            "POST",
            destination.at(address),
            headers={"Host": destination.authority, "Accept-Encoding": "identity", **headers},
            content=body,
            extensions={
                "sni_hostname": destination.host.removesuffix("."),
                "timeout": {
                    "connect": connect_timeout_seconds,
                    **dict.fromkeys(("read", "write", "pool"), total_timeout_seconds),
                },
            },
        )
        return await self._transport().handle_async_request(request)


async def _read(response: httpx2.Response) -> Reply:
    """Read what an answer says, and as much of its body as comes in time."""
    read = bytearray()
    with contextlib.suppress(httpx2.HTTPError, TimeoutError, OSError):
        async with asyncio.timeout(body_timeout_seconds):
            try:
                await _fill(read, response)
            finally:
                await response.aclose()
    return Reply(
        latency_ms=0,
        status=response.status_code,
        body=_beginning(bytes(read)),
        retry_after_seconds=_asked_seconds(response.headers.get("Retry-After", "")),
    )


async def _fill(read: bytearray, response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream), "an asynchronous transport answers with such a stream"
    async for chunk in response.stream:
        read += chunk
        if len(read) > body_bytes_max + border_bytes:
            break


def _asked_seconds(text: str) -> int | None:
    """Read a Retry-After, in seconds or as a date; None for what is neither, or over."""
    if text.isascii() and text.isdigit():
        return int(text[:seconds_digits_max])
    try:
        return max(0, int((parsedate_to_datetime(text) - clock.now()).total_seconds())) or None
    except (ValueError, TypeError, OverflowError):  # no date, or one without an offset
        return None


def _beginning(read: bytes) -> str:
    """Show as much of a body as is kept, masked before it is cut, so that no half of a secret is left."""
    text = read.decode(errors="replace")
    if len(read) > body_bytes_max:
        whole, border = text[:-border_bytes], text[-border_bytes:]
        words = border.rstrip(SEVERED).rsplit(maxsplit=1)
        text = whole + (words[0] if len(words) > 1 else "")
    return logs.mask(text)[:body_bytes_max]


def _parse(url: str) -> Destination:
    parts = _split(url)
    if parts.scheme not in PORTS or not parts.hostname:
        message = "A URL starts with https:// or http:// and names a host."
        raise InvalidFieldError(message, param="url")
    if "@" in parts.netloc or parts.fragment:
        message = "A URL here has no user, no password and no #fragment."
        raise InvalidFieldError(message, param="url")
    if "[" in parts.netloc and not _is_address(parts.hostname):
        message = "What stands in [brackets] is an IPv6 address."
        raise InvalidFieldError(message, param="url")
    _check_host(parts.hostname)
    port = parts.port or PORTS[parts.scheme]
    if port not in PORTS.values() and port < port_min:
        message = f"The port is 80, 443, or {port_min} and above."
        raise InvalidFieldError(message, param="url")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(scheme=parts.scheme, host=parts.hostname, port=port, target=target)


def _split(url: str) -> SplitResult:
    """Split a URL that everybody would split in the same way."""
    odd = set(url) & set('\\<>"{}|^`')
    if len(url) > url_length_max or not url.isascii() or not url.isprintable() or " " in url or odd:
        message = f"A URL is up to {url_length_max} printable ASCII characters; write a name in other letters as xn--…."
        raise InvalidFieldError(message, param="url")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        message = "The URL cannot be read."
        raise InvalidFieldError(message, param="url") from error
    return parts


def _check_host(host: str) -> None:
    """Refuse what is neither a name nor an address as everybody writes it, such as 0x7f.1 or 2130706433."""
    if _is_address(host) and "%" not in host:  # an address with a zone is one of our own network
        return
    last = host.removesuffix(".").rpartition(".")[2]
    if len(host) > host_length_max or not HOST.fullmatch(host) or NUMBER.fullmatch(last):
        message = "The URL's host is neither a name nor an address."
        raise InvalidFieldError(message, param="url")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _explain(error: Exception) -> str:
    """Say what went wrong in words of our own: what a library says may hold addresses of this network."""
    match error:
        case httpx2.ConnectTimeout():
            return f"No connection within {connect_timeout_seconds} s."
        case TimeoutError() | httpx2.TimeoutException():
            return f"No answer within {total_timeout_seconds} s."
        case socket.gaierror() | UnicodeError():
            return "The host's name has no address."
        case httpx2.ConnectError() if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
            return "The host's certificate could not be verified."
        case httpx2.ConnectError():
            return "The host refused the connection."
        case _:
            return f"The connection broke off ({type(error).__name__})."
