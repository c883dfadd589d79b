"""Webhooks cannot be aimed at our own network: a trap that hears every connection stays untouched."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from tests.certificates import certify
from tests.flows.receiver import Receiver, receiving

from tillkeeper.kernel import addresses, egress
from tillkeeper.kernel import names as lookups
from tillkeeper.kernel.egress import Egress
from tillkeeper.kernel.errors import InvalidFieldError

PUBLIC = "93.184.216.34"
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate: most tests need none, and reading those of the system takes a while."""

OURS = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 (this is what must not be called)
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a9fe:a9fe",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
)
ENCODED = (
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "00000177.0.0.1",
    "127.0.0.1.",
)
"""What the C library takes for 127.0.0.1 or 0.0.0.0."""
MISREAD = (
    "http://public.example@127.0.0.1:{port}/",
    "http://user:word@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@public.example/",
    "http://public.example\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@public.example/",
    "http://public.example:{port}#@127.0.0.1/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nHost: x",
    "http://127.0.0.1\t:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "http://①②⑦.0.0.1:{port}/",
    "http://ⓛocalhost:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[2606:2800:220:1::1%25lo]:{port}/",
    "http://[2606:2800:220:1::1%lo]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://127.0.0.1%2f:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "unix:///run/docker.sock",
    "http+unix://x/",
    "http://127.0.0.1:22/",
    "http://public.example:25/",
    "http://public.example:99999/",
    "http://public.example:-1/",
    "http://" + "a." * 130 + "example/",
    "http://-x.example/",
    "http://[v1.x]/",
    "http://[::1/",
    "http://",
    "",
)


class Names:
    """Answer for the name server: each name has a list of answers, of which the last is repeated."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        known = self.answers.get(host)
        if known:
            return known.pop(0) if len(known) > 1 else known[0]
        with contextlib.suppress(OSError):  # as the C library reads numbers
            return [socket.inet_ntoa(socket.inet_aton(host))]
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        raise socket.gaierror(socket.EAI_NONAME, "no such name")


@pytest.fixture
async def trap() -> AsyncIterator[Receiver]:
    """Listen on everything that this machine has, IPv4 and IPv6, on one port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "0.0.0.0", 0)  # noqa: S104 (the trap is to hear everything)
    receiver.port = server.sockets[0].getsockname()[1]
    other = await asyncio.start_server(receiver.serve, "::1", receiver.port)
    yield receiver
    for each in (server, other):
        each.close()
        await each.wait_closed()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a proxy in the environment, which nobody may use: its port is closed."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def away(names: Names | None = None, *, private: bool = False, secure: bool = False) -> Egress:
    return Egress(private=private, secure=secure, resolver=names or Names(), trust=NOBODY)


def netloc(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def send(out: Egress, url: str) -> egress.Reply:
    async with out:
        return await out.post(url, headers={}, body=b"{}")


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "localhost"])
async def test_the_trap_hears_who_may_call_private_addresses(trap: Receiver, address: str) -> None:
    reply = await send(away(Names(localhost=[["127.0.0.1"]]), private=True), f"http://{address}:{trap.port}/x?y=1")
    assert (reply.status, reply.body, reply.error) == (200, "ok", None)
    assert trap.connections == 1
    assert (trap.taken[0].path, trap.taken[0].headers["host"]) == ("/x?y=1", f"{address}:{trap.port}")


@pytest.mark.parametrize("address", OURS)
async def test_an_address_that_is_not_public_is_not_called(trap: Receiver, address: str) -> None:
    reply = await send(away(), f"http://{netloc(address)}:{trap.port}/")
    assert reply.status is None
    assert trap.connections == 0
    with pytest.raises(InvalidFieldError):
        away().check(f"http://{netloc(address)}:{trap.port}/")


@pytest.mark.parametrize("address", OURS)
async def test_a_name_that_leads_to_our_own_network_is_not_called(trap: Receiver, address: str) -> None:
    names = Names(shop_example=[[address]])
    reply = await send(away(names), f"http://shop.example:{trap.port}/")
    assert names.asked == ["shop.example"]
    assert "not public" in (reply.error or "")
    assert address not in (reply.error or "")
    assert trap.connections == 0


@pytest.mark.parametrize("host", ENCODED)
async def test_a_number_that_stands_for_an_address_is_not_called(trap: Receiver, host: str) -> None:
    reply = await send(away(), f"http://{host}:{trap.port}/")
    assert reply.status is None
    assert trap.connections == 0
    with pytest.raises(InvalidFieldError):
        away().check(f"http://{host}:{trap.port}/")


@pytest.mark.parametrize("host", ENCODED)
async def test_what_a_name_server_makes_of_a_number_is_checked_like_everything_else(trap: Receiver, host: str) -> None:
    names = Names(shop_example=[await Names()(host.removesuffix("."), trap.port)])
    assert (await send(away(names), f"http://shop.example:{trap.port}/")).status is None
    assert trap.connections == 0


@pytest.mark.parametrize("url", MISREAD)
async def test_a_url_that_could_be_read_in_two_ways_is_refused(trap: Receiver, url: str) -> None:
    names = Names(public_example=[["127.0.0.1"]])
    reply = await send(away(names, private=False), url.format(port=trap.port))
    assert reply.status is None
    assert trap.connections == 0
    with pytest.raises(InvalidFieldError):
        away().check(url.format(port=trap.port))


@pytest.mark.parametrize("answer", [["127.0.0.1", PUBLIC], [PUBLIC, "127.0.0.1"], [PUBLIC, "::1"], []])
async def test_a_name_with_a_single_address_of_ours_is_not_called_at_all(trap: Receiver, answer: list[str]) -> None:
    reply = await send(away(Names(shop_example=[answer])), f"http://shop.example:{trap.port}/")
    assert reply.status is None
    assert reply.error is not None
    assert trap.connections == 0


async def test_the_address_that_was_checked_is_the_one_that_is_called(trap: Receiver) -> None:
    """Rebinding: the first answer is public and every later one leads to us."""
    names = Names(shop_example=[[PUBLIC], ["127.0.0.1"]])
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (what keeps tests on this machine fails in its own way)
        await send(away(names), f"http://shop.example:{trap.port}/")
    assert PUBLIC in str(caught.getrepr())
    assert names.asked == ["shop.example"]
    assert trap.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(trap: Receiver, status: int) -> None:
    async with receiving(status=status, head=f"Location: http://127.0.0.1:{trap.port}/\r\n") as door:
        reply = await send(away(private=True), door.url)
    assert reply.status == status
    assert not reply.delivered
    assert (door.connections, trap.connections) == (1, 0)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fe80::1", "224.0.0.1", "::"]
)
async def test_where_clouds_keep_their_secrets_is_closed_even_when_private_addresses_are_open(address: str) -> None:
    with pytest.raises(InvalidFieldError):
        away(private=True).check(f"http://{netloc(address)}/")


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001::1"])
def test_public_addresses_may_be_called(address: str) -> None:
    assert addresses.is_allowed(address, private=False)
    assert away().check(f"https://{netloc(address)}/").host == address


@given(st.ip_addresses())
def test_whatever_python_knows_to_be_special_is_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if addresses.is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


def test_in_live_mode_only_https_is_called() -> None:
    with pytest.raises(InvalidFieldError, match="https"):
        away(secure=True).check("http://shop.example/")
    assert away(secure=True).check("https://shop.example/hooks").at(PUBLIC) == f"https://{PUBLIC}:443/hooks"


@pytest.mark.parametrize("port", [80, 443, 1024, 8443, 65535])
def test_the_ports_of_the_web_and_those_above_the_machines_own_are_open(port: int) -> None:
    assert away().check(f"https://shop.example:{port}/").port == port


async def test_of_an_answer_only_the_beginning_is_read_and_its_secrets_are_masked() -> None:
    async with receiving(body=b"token sk_live_abcdefgh\x00 " + b"x" * 5000) as door:
        reply = await send(away(private=True), door.url)
    assert reply.body is not None
    assert len(reply.body) <= egress.body_bytes_max
    assert "sk_live" not in reply.body
    assert "\x00" not in reply.body


async def test_an_answer_that_never_ends_is_not_waited_for() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"400\r\n" + b"y" * 1024 + b"\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    reply = await send(away(private=True), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    server.close()
    assert (reply.status, reply.body) == (200, "y" * egress.body_bytes_max)


@pytest.mark.parametrize("secret", ["4242 4242 4242 4242", "4242424242424242", "ana.maria.lopez@shop.example"])
async def test_what_lies_across_the_end_of_what_is_kept_is_not_kept_in_part(secret: str) -> None:
    async with receiving() as door, away(private=True) as out:
        for place in (*range(995, 1025, 2), *range(1510, 1540, 2)):
            door.body = (("word " * 400)[:place] + " " + secret + " " + "more " * 400).encode()
            reply = await out.post(door.url, headers={}, body=b"{}")
            assert reply.body is not None
            assert len(reply.body) <= egress.body_bytes_max
            assert set(reply.body) <= set("word more***")
            assert len(reply.body) > egress.body_bytes_max - 10


@asynccontextmanager
async def saying(*parts: bytes) -> AsyncIterator[str]:
    """Answer with some bytes, and then with nothing more, but never end."""
    ended = asyncio.Event()

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    ended.set()
    server.close()


@pytest.mark.parametrize(
    ("status", "head", "body"),
    [
        (200, "", b"thanks"),
        (410, "Transfer-Encoding: chunked\r\n", b"6\r\nthanks\r\n"),
        (204, "Content-Length: 7\r\n", b""),
        (503, "Retry-After: 7\r\nTransfer-Encoding: chunked\r\n", b"no chunk at all"),
    ],
)
async def test_a_status_that_came_counts_whatever_becomes_of_the_body(status: int, head: str, body: bytes) -> None:
    async with saying(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode(), body) as url:
        reply = await send(away(private=True), url)
    assert (reply.status, reply.error) == (status, None)
    assert reply.body in {"", "thanks"}
    assert reply.retry_after_seconds == (7 if status == 503 else None)


async def test_a_name_server_that_does_not_answer_holds_up_nobody_but_its_own_host() -> None:
    held, asked = threading.Event(), []

    def ask(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        if host.startswith("dead"):
            held.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return ["127.0.0.1"]

    names = lookups.Names(ask)
    out = Egress(private=True, secure=False, resolver=names.find, trust=NOBODY)
    async with receiving() as door, out:
        waiting = [
            asyncio.create_task(out.post(f"http://dead{number % 8}.example/", headers={}, body=b""))
            for number in range(200)
        ]
        while len(asked) < 8:  # noqa: ASYNC110 (threads offer no event)
            await asyncio.sleep(0.01)
        for given_up in waiting[:100]:
            given_up.cancel()
        reply = await out.post(f"http://shop.example:{door.port}/", headers={}, body=b"{}")
        assert reply.status == 200
        assert not any(each.done() for each in waiting[100:])
        held.set()
        told = {each.error for each in await asyncio.gather(*waiting[100:])}
    names.close()
    assert told == {"The host's name has no address."}
    assert sorted(asked) == [*(f"dead{number}.example" for number in range(8)), "shop.example"]


async def test_a_name_is_looked_up_anew_for_whoever_asks_later() -> None:
    answers = [["127.0.0.1"], ["::1"]]
    names = lookups.Names(lambda *_: answers.pop(0))
    assert [await names.find("shop.example", 80) for _ in range(2)] == [["127.0.0.1"], ["::1"]]
    names.close()


async def test_nobody_listening_is_said_without_an_address() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    reply = await send(away(private=True), f"http://127.0.0.1:{port}/")
    assert reply.error == "The host refused the connection."


async def test_a_name_without_an_address_is_said_so() -> None:
    assert (await send(away(), "https://nowhere.example/")).error == "The host's name has no address."


async def test_an_address_that_takes_no_connection_is_followed_by_the_next() -> None:
    async with receiving() as door:
        names = Names(shop_example=[["::1", "127.0.0.1"]])
        reply = await send(away(names, private=True), f"http://shop.example:{door.port}/")
    assert (reply.status, door.connections) == (200, 1)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return certify(x509.DNSName("shop.example"), tmp_path / "shop.pem")


@pytest.mark.parametrize(
    ("host", "error"), [("shop.example", None), ("other.example", "The host's certificate could not be verified.")]
)
async def test_the_certificate_must_be_that_of_the_name_and_not_of_the_address(
    certificate: Path, host: str, error: str | None
) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: asked.append(name)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    names = Names(shop_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    trust = ssl.create_default_context(cafile=certificate)
    out = Egress(private=True, secure=True, resolver=names, trust=trust)
    reply = await send(out, f"https://{host}:{server.sockets[0].getsockname()[1]}/")
    server.close()
    assert asked == [host]
    assert reply.error == error
    assert len(receiver.taken) == (0 if error else 1)
