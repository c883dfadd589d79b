"""Webhooks over HTTP: every address that people have registered, each event once, and never a false 200."""

import asyncio
import hmac
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from tests.web.conftest import WEBHOOK_SECRET, Front, Json, open_till
from tests.web.running import listening, served

from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import clock, ids
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE, EmbeddedPostgres
from tillkeeper.web import intake
from tillkeeper.web.app import build

ADDRESSES = [f"{prefix}stripe" for prefix in intake.PREFIXES]
CONTRACT = ("/webhooks/", "/api/v1/webhooks/", "/api/payments/webhook/", "/api/v1/payments/webhook/")
DATABASE = "outage"
numbers = itertools.count(1)


def event(**more: object) -> bytes:
    """Write an event that has no effect here."""
    return json.dumps({"id": f"evt_{next(numbers)}", "type": "product.created", "data": {"object": {}}} | more).encode()


def signed(body: bytes) -> dict[str, str]:
    """Sign a body as Stripe documents it."""
    moment = str(int(clock.now().timestamp()))
    digest = hmac.new(WEBHOOK_SECRET.encode(), moment.encode() + b"." + body, sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={digest}"}


async def send(front: Front, body: bytes, path: str = "/webhooks/stripe") -> tuple[int, Json]:
    """Send a webhook as its gateway would."""
    answer = await front.http.post(path, content=body, headers=signed(body))
    return answer.status_code, answer.json()


async def test_a_webhook_for_any_gateway_finds_its_gateway_by_its_signature(front: Front) -> None:
    body = event()
    assert await send(front, body, "/webhooks/payments") == (200, {"status": "accepted"})
    assert await send(front, body) == (200, {"status": "duplicate"})


async def test_a_webhook_for_any_gateway_must_be_signed_in_the_way_of_one(front: Front) -> None:
    answer = await front.http.post("/webhooks/payments", content=event(), headers={"X-Signature": "t=1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.fixture
async def wired(front: Front) -> AsyncIterator[Front]:
    """Call the application over a socket, where most webhooks take the lane."""
    listener, url = listening()
    async with (
        served(front.app, listener, lifespan="off"),
        httpx2.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        yield replace(front, http=http)


async def test_over_a_socket_a_webhook_and_its_copy_are_told_apart(wired: Front) -> None:
    body = event()
    assert await send(wired, body) == (200, {"status": "accepted"})
    assert await send(wired, body) == (200, {"status": "duplicate"})


async def test_over_a_socket_each_answer_carries_the_id_of_its_request(wired: Front) -> None:
    body = event()
    first, second = [await wired.http.post("/webhooks/stripe", content=body, headers=signed(body)) for _ in range(2)]
    assert first.headers["content-type"] == "application/json"
    assert first.headers["request-id"] != second.headers["request-id"]
    stored = await wired.owner.fetchval("SELECT max(id::text) FROM inbox_message")
    assert ids.parse("request", first.headers["request-id"]) == UUID(stored), "the lane names a request as its message"


async def test_over_a_socket_a_forged_webhook_is_refused_and_nothing_of_it_is_stored(wired: Front) -> None:
    before = await wired.counts()
    answer = await wired.http.post("/webhooks/stripe", content=event(), headers=signed(b"something else"))
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid")
    assert await wired.counts() == before


async def test_over_a_socket_webhooks_at_once_on_one_connection_each_are_all_stored(wired: Front) -> None:
    bodies = [event() for _ in range(50)]
    told = await asyncio.gather(*(send(wired, body) for body in [*bodies, *bodies]))
    assert Counter(answer["status"] for _, answer in told) == {"accepted": 50, "duplicate": 50}


def test_the_addresses_that_people_have_registered_are_all_served() -> None:
    assert set(intake.PREFIXES) == set(CONTRACT)


@pytest.mark.parametrize("path", ADDRESSES)
async def test_an_event_counts_once_whichever_address_it_comes_to(front: Front, path: str) -> None:
    body = event()
    assert await send(front, body, path) == (200, {"status": "accepted"})
    for other in ADDRESSES:
        assert await send(front, body, other) == (200, {"status": "duplicate"})
    stored = "SELECT count(*) FROM inbox_message WHERE event_id = $1"
    assert await front.owner.fetchval(stored, json.loads(body)["id"]) == 1


async def test_an_acknowledgement_carries_the_id_of_its_request(front: Front) -> None:
    body = event()
    answer = await front.http.post("/webhooks/stripe", content=body, headers=signed(body))
    assert answer.headers["request-id"].startswith("request_")
    assert answer.headers["content-type"] == "application/json"


async def test_an_event_that_comes_again_in_other_bytes_is_a_duplicate(front: Front) -> None:
    body = event(created=1)
    assert await send(front, body) == (200, {"status": "accepted"})
    again = json.dumps(json.loads(body) | {"created": 2}).encode()
    assert await send(front, again) == (200, {"status": "duplicate"})


async def test_50_deliveries_at_once_are_one_message_and_50_acknowledgements(front: Front) -> None:
    body = event()
    answers = await asyncio.gather(*(send(front, body) for _ in range(50)))
    assert Counter((status, told["status"]) for status, told in answers) == {
        (200, "accepted"): 1,
        (200, "duplicate"): 49,
    }


async def test_what_is_stored_of_a_body_cannot_be_read_without_the_key(front: Front) -> None:
    body = event(note="canary-in-a-body")
    await send(front, body)
    rows = await front.rows()
    assert json.loads(body)["id"] in rows
    stored = "SELECT sealed FROM inbox_body JOIN inbox_message ON id = message_id WHERE event_id = $1"
    sealed = await front.owner.fetchval(stored, json.loads(body)["id"])
    assert b"canary" not in sealed
    assert front.till.box.open(sealed) == body


async def test_a_webhook_of_exactly_1_mib_is_taken_and_one_byte_more_is_not(front: Front) -> None:
    start = event(pad="")
    fits = start.replace(b'"pad": ""', b'"pad": "' + b"x" * (intake.body_bytes_max - len(start)) + b'"')
    assert len(fits) == 1_048_576
    assert await send(front, fits) == (200, {"status": "accepted"})
    status, told = await send(front, fits + b" ")
    assert (status, told["code"]) == (413, "too_large")


@pytest.mark.parametrize("gateway", ["paypal", "nobody", "", "stripe/more", "Stripe"])
async def test_a_gateway_that_is_not_configured_has_no_webhooks(front: Front, gateway: str) -> None:
    before = await front.counts()
    status, told = await send(front, event(), f"/webhooks/{gateway}")
    assert (status, told["code"]) == (404, "not_found")
    assert await front.counts() == before


@dataclass
class Outage:
    """A front whose PostgreSQL can be stopped."""

    front: Front
    postgres: EmbeddedPostgres


@pytest.fixture(scope="module")
async def outage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outage]:
    folder: Path = tmp_path_factory.mktemp("outage")
    postgres = EmbeddedPostgres(folder)
    try:
        await asyncio.to_thread(postgres.start)
        postgres.databases.create(DATABASE)
        owner_url = postgres.databases.owner_url(DATABASE)
        await asyncio.to_thread(lambda: migrations.upgrade(owner_url, app_role=APP_ROLE))
        till = await open_till(postgres.databases.app_url(DATABASE))
        app, (listener, url) = build(till), listening()
        async with served(app, listener, lifespan="off"), httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            front = Front(till, app, http, None)  # type: ignore[arg-type]  # no look into tables that are away
            _, front.keys["write"] = await issue(till, "write", scopes=["write"])
            yield Outage(front, postgres)
        await till.close()
    finally:
        await asyncio.to_thread(postgres.destroy)


async def test_without_a_database_nothing_is_acknowledged_and_all_of_it_works_again_by_itself(outage: Outage) -> None:
    front, before = outage.front, event()
    assert await send(front, before) == (200, {"status": "accepted"})
    await asyncio.to_thread(outage.postgres.stop)

    during = event()
    answers = [
        await front.http.post("/webhooks/stripe", content=during, headers=signed(during)),
        await front.http.post("/webhooks/stripe", content=before, headers=signed(before)),
        await front.call("POST", "/api/v1/payments", {"package": "credits_120", "currency": "EUR", "user": "ana"}),
        await front.call("GET", "/api/v1/payments"),
        await front.call("GET", "/ready"),
        await front.call("GET", "/api/v1/payments/health"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["request-id"]
        assert "till-" not in answer.text, "where the database lives is nobody's business"
    assert (await front.call("GET", "/health")).json() == {"status": "alive"}

    await asyncio.to_thread(outage.postgres.start)
    assert (await front.call("GET", "/ready")).status_code == 200
    assert await send(front, during) == (200, {"status": "accepted"})
    assert await send(front, before) == (200, {"status": "duplicate"})
