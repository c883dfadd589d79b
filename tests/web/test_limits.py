"""Who calls too often is told when to come back; who signs rightly is never held up; browsers of strangers stay out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from starlette.datastructures import Headers
from tests.web.bad_requests import signed
from tests.web.conftest import Front, open_till, token

from tillkeeper.access import KeyKind
from tillkeeper.access.limits import refused_per_minute_max
from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import clock, ids
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web import address
from tillkeeper.web.app import build

HOOK = "/webhooks/stripe"
PACKAGES = "/api/v1/packages"


def client(app: Any, came_from: str = "192.0.2.1") -> httpx2.AsyncClient:
    """Call from an address."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=(came_from, 1234))
    return httpx2.AsyncClient(transport=transport, base_url="http://till.test")


Opener = Callable[..., Awaitable[Any]]


@pytest.fixture
async def opened(front: Front) -> AsyncIterator[Opener]:
    """Build other applications on the same database, whose clock stands still, and close them in the end."""
    tills: list[Till] = []
    moment = clock.now()

    async def another(**more: str) -> Any:
        till = await open_till(front.till.settings.database_url, **more)
        tills.append(replace(till, now=lambda: moment))
        return build(tills[-1])

    yield another
    for till in tills:
        await till.close()


def event() -> bytes:
    """Write a webhook that is new."""
    return json.dumps({"id": f"evt_{ids.new().hex}", "type": "balance.available", "data": {"object": {}}}).encode()


def left(answer: httpx2.Response) -> tuple[str, ...]:
    """Read what an answer says of a limit."""
    return tuple(answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset"))


async def test_the_31st_unproved_webhook_of_a_minute_gets_429_and_a_proved_one_still_200(opened: Opener) -> None:
    async with client(await opened()) as http:
        answers = [await http.post(HOOK, content=event(), headers={"Stripe-Signature": "t=1,v1=0"}) for _ in range(70)]
        codes = [answer.json()["code"] for answer in answers]
        assert codes == ["signature_invalid"] * 30 + ["rate_limited"] * 40
        limited = answers[30]
        assert limited.status_code == 429
        assert 1 <= int(limited.headers["retry-after"]) <= 61
        assert left(limited) == ("30", "0", limited.headers["retry-after"])
        body = event()
        assert (await http.post(HOOK, content=body, headers={"Stripe-Signature": signed(body)})).status_code == 200


async def test_unproved_webhooks_of_one_address_do_not_count_for_another(opened: Opener) -> None:
    app = await opened()
    async with client(app, "192.0.2.50") as http:
        for _ in range(70):
            await http.post(HOOK, content=event(), headers={"Stripe-Signature": "t=1,v1=0"})
    async with client(app, "192.0.2.51") as http:
        answer = await http.post(HOOK, content=event(), headers={"Stripe-Signature": "t=1,v1=0"})
        assert answer.json()["code"] == "signature_invalid"


@pytest.fixture
async def asked() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Stand where PayPal stands, know nothing, and remember who asked."""
    paths: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        paths.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1])
        writer.write(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", paths
    server.close()


async def test_unproved_webhooks_beyond_the_limit_make_us_ask_no_gateway(
    opened: Opener, asked: tuple[str, list[bytes]]
) -> None:
    base, paths = asked
    paypal = {"CLIENT_ID": "c", "CLIENT_SECRET": "s", "WEBHOOK_ID": "w", "API_BASE": f"{base}/paypal"}
    app = await opened(**{f"PAYPAL_{name}": value for name, value in paypal.items()})
    held(app)
    at = app._intake.till.now()
    async with client(app, "192.0.2.60") as http:
        codes = []
        for number in range(80):
            headers = {
                "paypal-auth-algo": "SHA256withRSA",
                "paypal-cert-url": f"{base}/paypal/v1/notifications/certs/MADE-UP-{number}",
                "paypal-transmission-id": "1",
                "paypal-transmission-sig": "AAAA",
                "paypal-transmission-time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            codes.append((await http.post("/webhooks/paypal", content=event(), headers=headers)).json()["code"])
    assert codes == ["signature_invalid"] * 30 + ["rate_limited"] * 50
    assert len(paths) == 30


def held(app: Any) -> None:
    """Hold the clock of an application, so that no minute ends."""
    till = app._intake.till
    at = till.now()
    object.__setattr__(till, "now", lambda: at)


async def get(http: httpx2.AsyncClient, bearer: str) -> str:
    answer = await http.get(PACKAGES, headers={"Authorization": f"Bearer {bearer}"})
    return "" if answer.is_success else str(answer.json()["code"])


async def test_who_shows_a_wrong_key_too_often_is_not_looked_up_any_more(front: Front, opened: Opener) -> None:
    _, key = await issue(front.till, "known", scopes=["read"])
    _, other = await issue(front.till, "new", scopes=["read"])
    app = await opened()
    held(app)
    async with client(app, "192.0.2.70") as http, client(app, "192.0.2.71") as neighbour:
        assert await get(http, key) == ""
        wrong = [await get(http, f"till_sk_sandbox_{number:032}") for number in range(refused_per_minute_max + 5)]
        assert wrong == ["unauthenticated"] * refused_per_minute_max + ["rate_limited"] * 5
        assert await get(http, other) == "rate_limited"
        assert await get(http, key) == "", "what was good before is held up by nobody"
        assert await get(neighbour, other) == ""
        answer = await http.get(PACKAGES, headers={"Authorization": "Bearer x"})
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        assert (await http.get(PACKAGES)).status_code == 401, "who shows nothing is told to show something"


async def test_sessions_that_are_none_are_counted_like_keys(opened: Opener) -> None:
    app = await opened()
    held(app)
    async with client(app, "192.0.2.72") as http:
        answers = [
            await http.get(PACKAGES, headers={"Cookie": f"till_session={number}"})
            for number in range(refused_per_minute_max + 1)
        ]
    codes = [answer.json()["code"] for answer in answers]
    assert codes == ["session_over"] * refused_per_minute_max + ["rate_limited"]


async def test_a_key_that_calls_too_often_gets_429_with_when_to_come_back(front: Front, opened: Opener) -> None:
    _, key = await issue(front.till, "busy", scopes=["read"])
    async with client(await opened(TILL_KEY_REQUESTS_PER_MINUTE_MAX="5")) as http:
        answers = [await http.get(PACKAGES, headers={"Authorization": f"Bearer {key}"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 6
    reset = answers[0].headers["ratelimit-reset"]
    assert [left(answer) for answer in answers[:6]] == [("5", str(count), reset) for count in (4, 3, 2, 1, 0, 0)]
    assert 1 <= int(reset) <= 61
    refused = answers[5]
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert "“busy”" in refused.json()["detail"]


async def test_end_users_have_limits_of_their_own(opened: Opener) -> None:
    async with client(await opened(TILL_USER_REQUESTS_PER_MINUTE_MAX="3")) as http:
        for user in ("limited-1", "limited-2"):
            asked = [await http.get(PACKAGES, headers={"Authorization": f"Bearer {token(user)}"}) for _ in range(7)]
            assert [answer.status_code for answer in asked] == [200] * 3 + [429] * 4


async def test_a_publishable_key_is_limited_by_address_because_everybody_has_it(front: Front, opened: Opener) -> None:
    _, key = await issue(front.till, "web page", kind=KeyKind.PUBLISHABLE)
    app = await opened(TILL_USER_REQUESTS_PER_MINUTE_MAX="3")
    for came_from in ("192.0.2.1", "192.0.2.2"):
        async with client(app, came_from) as http:
            asked = [await http.get(PACKAGES, headers={"Authorization": f"Bearer {key}"}) for _ in range(7)]
            assert [answer.status_code for answer in asked] == [200] * 3 + [429] * 4


@pytest.mark.parametrize(
    ("peer", "told", "trusted", "client_"),
    [
        ("192.0.2.1", "198.51.100.7", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "10.0.0.0/8", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "10.0.0.0/8", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "10.0.0.0/8", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "10.0.0.0/8", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.0/8", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.0/8", "10.0.0.1"),
        ("::1", "2001:db8::7", "::1, 127.0.0.1", "2001:db8::7"),
    ],
)
def test_a_forwarded_address_counts_only_when_a_proxy_of_ours_wrote_it(
    peer: str, told: str, trusted: str, client_: str
) -> None:
    scope = {"type": "http", "client": (peer, 1), "headers": Headers({"x-forwarded-for": told}).raw}
    assert address.client_of(scope, address.networks(trusted)) == client_


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("unknown", "testclient", True),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(one: str, other: str, *, same: bool) -> None:
    assert (address.counted_as(one) == address.counted_as(other)) is same


@pytest.mark.parametrize("setting", [{"TILL_TRUSTED_PROXIES": "proxy.test"}, {"TILL_CORS_ORIGINS": "*"},
                                     {"TILL_CORS_ORIGINS": "https://a.test/"}, {"TILL_CORS_ORIGINS": "a.test"},
                                     {"TILL_TRUSTED_PROXIES": "10.0.0.0/33"}])  # fmt: skip
def test_a_list_that_makes_no_sense_refuses_to_start(setting: dict[str, str]) -> None:
    base = {"DATABASE_URL": "postgresql:///x", "TILL_SECRET_KEY": "limits " * 4}
    with pytest.raises(ValueError, match=r"TILL_|origin|network"):
        Settings.model_validate(base | setting)


async def preflight(app: Any, origin: str) -> httpx2.Response:
    """Ask what a browser asks before it sends a key."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type,idempotency-key"}  # fmt: skip
    async with client(app) as http:
        return await http.options("/api/v1/payments", headers=asked)


async def test_no_page_of_any_origin_may_call_unless_it_is_listed(opened: Opener) -> None:
    closed, shop = await opened(), await opened(TILL_CORS_ORIGINS="https://shop.test, https://b.test:8443")
    assert "access-control-allow-origin" not in (await preflight(closed, "https://shop.test")).headers
    for origin in ("https://shop.test", "https://b.test:8443"):
        answer = await preflight(shop, origin)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["request-id"]
    for origin in ("https://evil.test", "http://shop.test", "https://shop.test.evil.test", "null"):
        assert "access-control-allow-origin" not in (await preflight(shop, origin)).headers
