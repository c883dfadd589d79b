"""What a rude wire makes of every call to PayPal: sorted by what it proves, and made once."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tillkeeper.gateway import (
    Accepted,
    Declined,
    GatewayUnavailableError,
    Order,
    Outcome,
    RefundOrder,
    Refused,
    Unknown,
)
from tillkeeper.gateways.paypal import GATEWAY, calls
from tillkeeper.gateways.paypal.adapter import PayPal
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.secrets import Secrets

SILENCE = b"silence"
CLIENT, SECRET = "A_client", "E_secret_never_shown"
nesting_deep = 100_000
short_timeout_ms = 500


def reply(status: int, body: bytes | str, *, length: int | None = None, header: str = "") -> bytes:
    content = body.encode() if isinstance(body, str) else body
    size = len(content) if length is None else length
    return f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\n{header}\r\n".encode() + content


def error(status: int, issue: str, name: str = "UNPROCESSABLE_ENTITY") -> bytes:
    details = [{"issue": issue, "description": "Told so."}]
    return reply(status, json.dumps({"name": name, "message": "No.", "details": details, "debug_id": "d"}))


TOKEN = reply(200, json.dumps({"access_token": "A21AA_never_shown", "expires_in": 32_400, "token_type": "Bearer"}))


@dataclass
class RudeServer:
    """Grant tokens as `token` says, and answer every other request with the same bytes, or not at all."""

    answer: bytes = b""
    token: bytes = TOKEN
    requests: list[bytes] = field(default_factory=list)
    grants: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        body = await reader.readexactly(length)
        answer = self.answer
        if b"/v1/oauth2/token" in head:
            self.grants += 1
            answer = self.token
        else:
            self.requests.append(head + body)
        if answer == SILENCE:
            await reader.read()
        writer.write(b"" if answer == SILENCE else answer)
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def rude() -> AsyncIterator[RudeServer]:
    played = RudeServer()
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield played
    server.close()
    await server.wait_closed()


def connect(base: str) -> PayPal:
    environment = {
        "PAYPAL_CLIENT_ID": CLIENT,
        "PAYPAL_CLIENT_SECRET": SECRET,
        "PAYPAL_WEBHOOK_ID": "W1",
        "PAYPAL_API_BASE": base,
    }
    opened = GATEWAY.connect(Secrets(environment), mode="sandbox")
    assert isinstance(opened, PayPal)
    return opened


@pytest.fixture
async def shaken(rude: RudeServer) -> AsyncIterator[PayPal]:
    """Connect to the rude server."""
    opened = connect(rude.url)
    yield opened
    await opened.close()


def an_order(**change: Any) -> Order:
    wanted: dict[str, Any] = {
        "payment": ids.new(),
        "key": "attempt_1",
        "amount": 199,
        "currency": "EUR",
        "title": "120 credits",
        "return_url": "https://shop.example/done",
        "manual_capture": False,
        "embedded": False,
        "created_at": clock.now(),
        "expires_at": clock.now(),
    }
    return Order(**wanted | change)


def a_refund() -> RefundOrder:
    made = {"payment": ids.new(), "refund": ids.new(), "key": "refund_1", "reference": "C1"}
    return RefundOrder(**made, amount=50, currency="EUR")  # type: ignore[arg-type]  # the names are right


RUDE = {
    "cut before an answer": (b"", Unknown),
    "cut in the head": (b"HTTP/1.1 200 X\r\nContent-", Unknown),
    "cut in the body": (reply(200, '{"id": "O1"', length=500), Unknown),
    "not HTTP": (b"go away\r\n\r\n", Unknown),
    "silence": (SILENCE, Unknown),
    "500": (error(500, "INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR"), Unknown),
    "502 with HTML": (reply(502, "<html>Bad gateway</html>"), Unknown),
    "503": (error(503, "SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE"), Unknown),
    "504 with nothing": (reply(504, ""), Unknown),
    "200 with HTML": (reply(200, "<html>Welcome</html>"), Unknown),
    "200 with truncated JSON": (reply(200, '{"id": "O1", "stat'), Unknown),
    "200 with nothing": (reply(200, ""), Unknown),
    "200 with a list": (reply(200, "[]"), Unknown),
    "200 with null": (reply(200, "null"), Unknown),
    "200 with a number": (reply(200, "5"), Unknown),
    "200 with an empty object": (reply(200, "{}"), Unknown),
    "200 with another object": (reply(200, '{"scope": "x", "access_token": "y"}'), Unknown),
    "200 with null fields": (
        reply(200, '{"id": null, "status": null, "links": null, "amount": null, "purchase_units": null}'),
        Unknown,
    ),
    "200 with bad UTF-8": (reply(200, b'{"id": "\xff"}'), Unknown),
    "200 with deep nesting": (reply(200, "[" * nesting_deep + "]" * nesting_deep), Unknown),
    "200 with a bad encoding": (reply(200, "xx", header="Content-Encoding: gzip\r\n"), Unknown),
    "redirect": (reply(302, "", header="Location: http://127.0.0.1:9/\r\n"), Unknown),
    "redirect that keeps the method": (reply(307, "{}", header="Location: http://127.0.0.1:9/\r\n"), Unknown),
    "400 with HTML": (reply(400, "<html>"), Unknown),
    "400 about the key": (reply(400, '{"name": "DUPLICATE_REQUEST_ID", "message": "used"}'), Unknown),
    "404 with HTML": (reply(404, "<html>"), Unknown),
    "409 in progress": (error(409, "PREVIOUS_REQUEST_IN_PROGRESS", "RESOURCE_CONFLICT"), Unknown),
    "409": (error(409, "SOMETHING", "RESOURCE_CONFLICT"), Unknown),
    "422 in progress": (error(422, "ORDER_COMPLETION_IN_PROGRESS"), Unknown),
    "422 with a list": (reply(422, "[]"), Unknown),
    "400": (error(400, "MISSING_REQUIRED_PARAMETER", "INVALID_REQUEST"), Declined),
    "422": (error(422, "AMOUNT_MISMATCH"), Declined),
    "422 declined": (error(422, "INSTRUMENT_DECLINED"), Declined),
    "403": (error(403, "PERMISSION_DENIED", "NOT_AUTHORIZED"), Refused),
    "403 with HTML": (reply(403, "<html>"), Refused),
    "429": (error(429, "RATE_LIMIT_REACHED", "RATE_LIMIT_REACHED"), Refused),
}
Call = Callable[[PayPal], Awaitable[Outcome]]
CALLS: dict[str, Call] = {
    "create": lambda paypal: paypal.create(an_order()),
    "confirm": lambda paypal: paypal.confirm(an_order(), "O1", {}),
    "confirm by authorising": lambda paypal: paypal.confirm(an_order(manual_capture=True), "O1", {}),
    "capture": lambda paypal: paypal.capture("A1", 5, "EUR", "key"),
    "cancel": lambda paypal: paypal.cancel("O1", "key"),
    "refund": lambda paypal: paypal.refund(a_refund()),
    "retrieve": lambda paypal: paypal.retrieve("O1"),
    "fetch a fee": lambda paypal: paypal.fetch_fee("C1"),
}
ASKED_RUDELY = ["create", "confirm", "refund"]
"""The conformance suite asks every verb over a bad line; these see what the statuses and codes of this gateway mean."""


@pytest.mark.parametrize("rudeness", RUDE)
@pytest.mark.parametrize("call", ASKED_RUDELY)
async def test_a_rude_answer_is_sorted_by_what_it_proves_and_the_call_is_made_once(
    rude: RudeServer, shaken: PayPal, monkeypatch: pytest.MonkeyPatch, call: str, rudeness: str
) -> None:
    rude.answer, expected = RUDE[rudeness]
    if rude.answer == SILENCE:  # only then: a busy machine may need longer for everything else
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    outcome = await CALLS[call](shaken)
    assert type(outcome) is expected, outcome
    assert len(rude.requests) == 1
    assert (rude.grants, "never_shown" in repr(outcome)) == (1, False)


@pytest.mark.parametrize("rudeness", RUDE)
async def test_without_a_token_the_call_is_certainly_not_made(
    rude: RudeServer, shaken: PayPal, monkeypatch: pytest.MonkeyPatch, rudeness: str
) -> None:
    rude.token = RUDE[rudeness][0]
    if '"access_token": "y"' in rude.token.decode(errors="replace"):
        rude.token = reply(200, '{"access_token": "y"}')
    if rude.token == SILENCE:
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    outcome = await shaken.create(an_order())
    assert isinstance(outcome, Refused)
    assert rude.requests == []
    assert SECRET not in repr(outcome)


@pytest.mark.parametrize("token", ["", "a\nb", "é", 5, None, ["x"]])
async def test_a_token_that_cannot_be_sent_is_none(rude: RudeServer, shaken: PayPal, token: object) -> None:
    rude.token = reply(200, json.dumps({"access_token": token, "expires_in": 60}))
    assert isinstance(await shaken.create(an_order()), Refused)
    assert rude.requests == []


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_is_turned_away_twice_is_refused_after_one_new_token(
    rude: RudeServer, shaken: PayPal, call: str
) -> None:
    rude.answer = error(401, "INVALID_ACCOUNT_STATUS", "AUTHENTICATION_FAILURE")
    assert isinstance(await CALLS[call](shaken), Refused)
    assert (len(rude.requests), rude.grants) == (2, 2)


async def test_a_token_near_its_end_is_not_used_again(rude: RudeServer, shaken: PayPal) -> None:
    rude.answer = error(422, "AMOUNT_MISMATCH")
    for lifetime, grants in ((32_400, 1), (calls.token_margin_seconds, 3)):
        rude.token = reply(200, json.dumps({"access_token": "t", "expires_in": lifetime}))
        shaken._wire._token = calls.Token()
        for _ in range(2):
            await shaken.create(an_order())
        assert rude.grants == grants


async def test_a_declined_payer_and_a_declined_request_are_told_apart(rude: RudeServer, shaken: PayPal) -> None:
    rude.answer = RUDE["422 declined"][0]
    assert await shaken.confirm(an_order(), "O1", {}) == Declined(
        code="INSTRUMENT_DECLINED", message="Told so.", card=True
    )
    rude.answer = RUDE["422"][0]
    assert await shaken.create(an_order()) == Declined(code="AMOUNT_MISMATCH", message="Told so.")


@pytest.mark.parametrize("call", CALLS)
async def test_a_gateway_that_refuses_connections_has_certainly_done_nothing(free_port: int, call: str) -> None:
    lonely = connect(f"http://127.0.0.1:{free_port}")
    assert isinstance(await CALLS[call](lonely), Refused)
    await lonely.close()


async def test_a_silent_gateway_is_given_up_after_the_time_that_is_set(
    rude: RudeServer, shaken: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    rude.answer = SILENCE
    read_ms = clock.timer_ms()
    await shaken.create(an_order())
    assert read_ms() >= short_timeout_ms


@pytest.mark.parametrize("call", CALLS)
async def test_no_call_is_made_inside_a_transaction(rude: RudeServer, shaken: PayPal, db: Database, call: str) -> None:
    rude.answer = RUDE["500"][0]
    with pytest.raises(AssertionError, match="inside a database transaction"):
        async with db.transaction():
            await CALLS[call](shaken)
    assert (rude.requests, rude.grants) == ([], 0)


async def test_a_call_carries_its_key_and_asks_for_the_whole_object(rude: RudeServer, shaken: PayPal) -> None:
    rude.answer = RUDE["500"][0]
    await shaken.create(an_order(key="attempt_1"))
    for manual in (False, True):
        await shaken.confirm(an_order(key="attempt_1", approval="confirm_1", manual_capture=manual), "O1", {})
    keys = [b"attempt_1", b"confirm_1", b"confirm_1"]
    for head, key in zip(rude.requests, keys, strict=True):
        assert b"paypal-request-id: " + key in head.lower()
        assert b"prefer: return=representation" in head.lower()
        assert b"authorization: bearer a21aa_never_shown" in head.lower()


def test_no_key_is_longer_than_paypal_takes() -> None:
    for prefix in ("attempt", "confirm", "capture", "cancel", "refund"):
        assert len(ids.text(prefix, ids.new())) <= 108


async def test_what_stands_in_an_id_cannot_lead_to_another_address(rude: RudeServer, shaken: PayPal) -> None:
    rude.answer = RUDE["500"][0]
    await shaken.refund(
        RefundOrder(payment=ids.new(), refund=ids.new(), key="k", reference="../x?a", amount=1, currency="EUR")
    )
    assert rude.requests[0].startswith(b"POST /v2/payments/captures/..%2Fx%3Fa/refund ")


async def test_a_void_that_is_answered_with_nothing_has_ended_the_payment(rude: RudeServer, shaken: PayPal) -> None:
    rude.answer = reply(204, "")
    outcome = await shaken._void("A1", "key")
    assert isinstance(outcome, Accepted)
    assert outcome.notices[0].references == ("A1",)


@pytest.mark.parametrize("rudeness", RUDE)
async def test_a_list_of_events_that_is_no_list_is_an_unavailable_gateway(
    rude: RudeServer, shaken: PayPal, monkeypatch: pytest.MonkeyPatch, rudeness: str
) -> None:
    rude.answer = RUDE[rudeness][0]
    if rude.answer == SILENCE:
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    with pytest.raises(GatewayUnavailableError):
        await shaken.events(clock.now(), clock.now())


async def test_a_list_of_events_leads_to_no_other_host_and_has_an_end(
    rude: RudeServer, shaken: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.gateways.paypal.adapter.event_pages_max", 3)
    onward = [{"rel": "next", "href": "http://127.0.0.1:9/elsewhere?page_size=1&next_event_id=WH-1"}]
    rude.answer = reply(200, json.dumps({"events": [], "links": onward}))
    with pytest.raises(GatewayUnavailableError, match="longer than 3 pages"):
        await shaken.events(clock.now(), clock.now())
    assert rude.requests[1].startswith(b"GET /v1/notifications/webhooks-events?page_size=1&next_event_id=WH-1 ")
    assert len(rude.requests) == 3
