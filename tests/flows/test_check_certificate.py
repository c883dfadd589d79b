"""Operators hear in time of a certificate that ends, or that nobody trusts."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from tests.certificates import certify
from tests.flows.mailbox import mailbox
from tests.flows.test_notify import posted

from tillkeeper.flows.check_certificate import check_certificate
from tillkeeper.flows.correspond import correspond
from tillkeeper.till import Till

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SOON = datetime(2125, 11, 28, tzinfo=UTC)
"""A few days before the certificates of tests end."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Serve HTTPS on this machine; lend its address, and who trusts it."""
    file = certify(x509.IPAddress(ipaddress.ip_address("127.0.0.1")), tmp_path / "till.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    server.socket = shown.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", ssl.create_default_context(cafile=file)
    server.shutdown()
    server.server_close()


def at(till: Till, url: str, now: datetime) -> Till:
    return replace(till, settings=till.settings.model_copy(update={"public_url": url}), now=lambda: now)


async def test_one_that_is_good_for_long_is_no_news(shop: Any, served: tuple[str, ssl.SSLContext]) -> None:
    url, trusting = served
    assert await check_certificate(at(shop.till, url, NOW), trusting) == 0


async def test_one_that_ends_soon_is_told_once_a_week_with_its_day(
    shop: Any, served: tuple[str, ssl.SSLContext]
) -> None:
    url, trusting = served
    async with mailbox() as box:
        till = posted(shop.till, box, public_url=url)
        for _ in range(2):
            assert await check_certificate(at(till, url, SOON), trusting) == 1
        while await correspond(till):
            pass
    assert len(box.letters) == 1
    assert "2125-12-08" in box.letters[0].text


async def test_one_that_nobody_trusts_is_told(shop: Any, served: tuple[str, ssl.SSLContext]) -> None:
    url, _ = served
    assert await check_certificate(at(shop.till, url, NOW)) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
async def test_without_tls_or_an_answer_there_is_nothing_to_tell(shop: Any, url: str) -> None:
    assert await check_certificate(at(shop.till, url, NOW)) == 0
