"""What somebody else than the gateway brings to the door, over HTTP: true bodies told again, and false witnesses."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.gateways.counter import CREDITS, Counter
from tests.gateways.serving import Letter
from tests.gateways.subject import having
from tests.gateways.trial import Trial, connect

from tillkeeper.gateway import Accepted
from tillkeeper.kernel import clock
from tillkeeper.till import Till
from tillkeeper.web.app import build

COUNTED = ("inbox_message", "payment_change", "journal", "posting", "wallet_entry", "outbox_event", "operation")
CERT_URL = "paypal-cert-url"


@asynccontextmanager
async def opened(till: Till) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the application."""
    transport = httpx2.ASGITransport(app=build(till), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://till.test") as http:
        yield http


@pytest.fixture
async def door(counter: Counter) -> AsyncIterator[httpx2.AsyncClient]:
    async with opened(counter.till) as http:
        yield http


async def bring(door: httpx2.AsyncClient, counter: Counter, letter: Letter, **headers: str) -> tuple[int, str]:
    """Bring a webhook, with some headers changed; return the status and what was said."""
    changed = letter.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await door.post(f"/webhooks/{counter.trial.subject.name}", content=letter.body, headers=changed)
    told = answer.json()
    return answer.status_code, str(told.get("code", told["status"]))


async def paid(counter: Counter, trial: Trial) -> list[Letter]:
    """Pay for something at the gateway, and collect the webhooks that it sent."""
    payment = await counter.open(1)
    await trial.subject.pay(trial.act, Accepted(references=(payment["gateway_reference"],)))
    await trial.post_is_empty()
    return trial.letters()


async def counts(counter: Counter) -> dict[str, int]:
    """Count all that a webhook can bring about."""
    return {table: await counter.owner.fetchval(f"SELECT count(*) FROM {table}") for table in COUNTED}


@pytest.mark.parametrize("subject", ["razorpay"], indirect=True)
async def test_trap_1_a_body_of_razorpay_that_comes_again_under_a_fresh_event_id_has_no_effect(
    trial: Trial, counter: Counter, door: httpx2.AsyncClient
) -> None:
    letters = await paid(counter, trial)
    for letter in letters:
        assert await bring(door, counter, letter) == (200, "accepted")
    await counter.settle()
    before, granted = await counts(counter), "SELECT sum(amount) FROM wallet_entry"
    assert await counter.owner.fetchval(granted) == CREDITS
    for number, letter in enumerate(letters):
        fresh = f"fresh{number:09}"
        assert await bring(door, counter, letter, x_razorpay_event_id=fresh) == (200, "duplicate")
        unnamed = Letter({name: text for name, text in letter.headers.items() if "event-id" not in name}, letter.body)
        assert await bring(door, counter, unnamed) == (200, "duplicate")
    await counter.settle()
    assert await counts(counter) == before
    assert await counter.owner.fetchval(granted) == CREDITS


@dataclass
class Trap:
    """Listen where an attacker would, and count who comes."""

    host: str = ""
    visitors: int = 0

    def enter(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visitors += 1
        writer.close()


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    trap = Trap()
    async with await asyncio.start_server(trap.enter, "127.0.0.1", 0) as server:
        trap.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield trap


@pytest.fixture
async def door_of_a_bundle(trial: Trial, counter: Counter, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Let PayPal's roots be known from a file, as outside the sandbox, where its place goes by one name only."""
    environment = trial.house.environment("paypal", trial.house.url)
    root = await trial.http.get(f"{environment['PAYPAL_API_BASE']}/v1/notifications/certs/CERT-ROOT")
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(root.content)
    gateway = connect(trial.subject, environment | {"PAYPAL_CA_BUNDLE": str(bundle)})
    async with opened(replace(counter.till, gateways={"paypal": gateway})) as http:
        yield http
    await gateway.close()


@pytest.mark.parametrize("subject", ["paypal"], indirect=True)
async def test_a_certificate_that_an_attacker_names_is_never_fetched(
    trial: Trial, counter: Counter, door_of_a_bundle: httpx2.AsyncClient, trap: Trap
) -> None:
    door = door_of_a_bundle
    true_letter = (await paid(counter, trial))[0]
    host, own, before = trap.host, true_letter.headers[CERT_URL], await counts(counter)
    path = own.partition("/v1/")[2]
    for url in (
        f"http://{host}/v1/{path}",
        f"https://{host}/v1/{path}",
        f"http://{host}/paypal/v1/{path}",
        own.replace("http://", f"http://{host}@"),
        own.replace("http://127.0.0.1", f"http://127.0.0.1@{host}"),
        f"{own}/../../../../{host}",
        f"{own}?url=http://{host}/",
        f"//{host}/v1/{path}",
    ):
        assert await bring(door, counter, true_letter, paypal_cert_url=url) == (400, "signature_invalid"), url
    assert await counts(counter) == before
    assert await bring(door, counter, true_letter) == (200, "accepted")  # the true one is fetched from its place
    assert trap.visitors == 0


UNSTORABLE = "a\x00b"
"""What JSON can hold and PostgreSQL cannot."""


def with_each_text_spoilt(thing: Any) -> Iterator[Any]:
    """Write a thing again and again, each time with another of its texts spoilt."""
    inside = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    if isinstance(thing, str):
        yield UNSTORABLE
    for name, part in list(inside):
        for spoilt in with_each_text_spoilt(part):
            changed = thing.copy()
            changed[name] = spoilt
            yield changed


@having()
async def test_a_signed_webhook_that_holds_what_no_database_can_store_harms_nobody(
    trial: Trial, counter: Counter, door: httpx2.AsyncClient
) -> None:
    letters = await paid(counter, trial)
    told = set()
    spoilt = [each for letter in letters for each in with_each_text_spoilt(letter.event)]
    for number, event in enumerate(spoilt):
        new = {name: f"{event[name]}{number}" for name in ("id", "event_id") if name in event}
        body = json.dumps(event | new).encode()
        headers = trial.house.sign(trial.subject.name, body, clock.now(), event=f"evt{number:013}")
        told.add(await bring(door, counter, Letter(headers, body)))
    assert told <= {(200, "accepted"), (200, "duplicate"), (400, "malformed_json"), (400, "signature_invalid")}
    await counter.settle()
    left = await counter.owner.fetch("SELECT reason FROM inbox_message WHERE status = 'received' AND attempts = 0")
    assert left == []
