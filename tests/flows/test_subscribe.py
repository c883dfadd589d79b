"""Endpoints are added, changed, tried and taken away; their secrets are stored sealed and shown once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from tests.flows.merchant import Merchant, merchant_of
from tests.flows.receiver import receiving

from tillkeeper.flows.subscribe import change, rotate, subscribe, try_out, unsubscribe
from tillkeeper.kernel import ids
from tillkeeper.kernel.egress import Egress
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.outbox.endpoints import endpoints_max

NOWHERE = "http://127.0.0.1:9999/"


@pytest.fixture
def merchant(shop: Any) -> Merchant:
    return merchant_of(shop.till, shop.owner)


async def everything(merchant: Merchant) -> str:
    rows = await merchant.owner.fetch("SELECT to_jsonb(e)::text AS row FROM webhook_endpoint AS e")
    return "\n".join(row["row"] for row in rows)


async def test_a_secret_is_stored_only_sealed(merchant: Merchant) -> None:
    endpoint, secret = await merchant.subscribe(NOWHERE)
    new = await rotate(merchant.till, endpoint)
    stored = await everything(merchant)
    for each in (secret, new):
        assert each.startswith("whsec_")
        raw = each.removeprefix("whsec_")
        assert raw not in stored
        assert raw.encode().hex() not in stored
    sealed = await merchant.owner.fetchval("SELECT secret FROM webhook_endpoint")
    assert merchant.till.box.open(sealed).decode() == new


async def test_every_endpoint_has_a_secret_of_its_own(merchant: Merchant) -> None:
    assert len({(await merchant.subscribe(NOWHERE))[1] for _ in range(3)}) == 3


@pytest.mark.parametrize("types", [[], ["payment.paid"], ["*", "nothing"], ["endpoint.test"]])
async def test_types_that_nobody_knows_are_refused(merchant: Merchant, types: list[str]) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        await subscribe(merchant.till, url=NOWHERE, types=types, description=None)
    assert caught.value.param == "types"
    endpoint, _ = await merchant.subscribe(NOWHERE)
    with pytest.raises(InvalidFieldError):
        await change(merchant.till, endpoint, types=tuple(types))


@pytest.mark.parametrize(
    "url", ["ftp://shop.example/", "http://127.0.0.1/", "http://u:p@shop.example/", "http://0x7f.1/"]
)
async def test_a_url_that_will_never_be_called_is_refused(merchant: Merchant, url: str) -> None:
    strict = replace(merchant.till, egress=Egress(private=False, secure=False))
    with pytest.raises(InvalidFieldError) as caught:
        await subscribe(strict, url=url, types=["*"], description=None)
    assert caught.value.param == "url"
    endpoint, _ = await merchant.subscribe(NOWHERE)
    with pytest.raises(InvalidFieldError):
        await change(strict, endpoint, url=url)


async def test_there_is_an_end_to_how_many_endpoints_there_are(merchant: Merchant) -> None:
    for _ in range(endpoints_max):
        endpoint, _ = await merchant.subscribe(NOWHERE)
    with pytest.raises(InvalidStateError):
        await merchant.subscribe(NOWHERE)
    await unsubscribe(merchant.till, endpoint)
    await merchant.subscribe(NOWHERE)


async def test_a_change_leaves_alone_what_it_does_not_name(merchant: Merchant) -> None:
    endpoint, _ = await merchant.subscribe(NOWHERE, "payment.created")
    await change(merchant.till, endpoint, description="the shop")
    shown = await merchant.endpoint(endpoint)
    assert (shown["url"], shown["types"], shown["description"]) == (NOWHERE, ["payment.created"], "the shop")
    assert shown["enabled"]


async def test_a_deleted_endpoint_forgets_its_secrets_and_what_it_was_owed(merchant: Merchant) -> None:
    endpoint, _ = await merchant.subscribe(NOWHERE)
    await rotate(merchant.till, endpoint, grace=timedelta(hours=1))
    await merchant.announce("payment.created")
    await merchant.plan()
    await unsubscribe(merchant.till, endpoint)
    row = await merchant.owner.fetchrow("SELECT secret, previous_secret, enabled FROM webhook_endpoint")
    assert row
    assert tuple(row.values()) == (None, None, False)
    assert [each["status"] for each in await merchant.deliveries()] == ["canceled"]
    assert await merchant.send() == 0
    with pytest.raises(NotFoundError):
        await merchant.endpoint(endpoint)
    for attempt in (unsubscribe, rotate, change, try_out):
        with pytest.raises(NotFoundError):
            await attempt(merchant.till, endpoint)


async def test_an_endpoint_is_deleted_also_while_a_try_is_written_down(merchant: Merchant) -> None:
    endpoint, _ = await merchant.subscribe(NOWHERE)
    await merchant.announce("payment.created")
    await merchant.plan()
    # A try is written into its delivery first and then into the endpoint; deleting goes the other way.
    async with merchant.owner.transaction():
        await merchant.owner.execute("UPDATE webhook_delivery SET failures = failures + 1")
        deleting = asyncio.gather(unsubscribe(merchant.till, endpoint))
        await asyncio.sleep(0.5)  # by now it waits, and PostgreSQL ends whoever has waited for a second first
        await merchant.owner.execute("UPDATE webhook_endpoint SET failing_since = now()")
    await deleting
    assert [each["status"] for each in await merchant.deliveries()] == ["canceled"]


async def test_an_endpoint_can_be_tried_out(merchant: Merchant) -> None:
    async with receiving(body=b"hello") as door:
        endpoint, secret = await merchant.subscribe(door.url, "refund.created")
        event, reply = await try_out(merchant.till, endpoint)
    assert (reply.status, reply.body, reply.delivered) == (200, "hello", True)
    (taken,) = door.taken
    assert taken.verify(secret)["type"] == "endpoint.test"
    assert taken.id == ids.text("event", event)
    assert await merchant.owner.fetchval("SELECT count(*) FROM outbox_event") == 0


async def test_a_secret_without_grace_ends_at_once(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, old = await merchant.subscribe(door.url)
        new = await rotate(merchant.till, endpoint, grace=timedelta())
        await try_out(merchant.till, endpoint)
    (taken,) = door.taken
    assert taken.verify(new)
    with pytest.raises(WebhookVerificationError):
        taken.verify(old)


async def test_a_second_rotation_does_not_end_the_secret_that_receivers_still_know(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, old = await merchant.subscribe(door.url)
        new = await rotate(merchant.till, endpoint)
        with pytest.raises(InvalidStateError, match="grace"):
            await rotate(merchant.till, endpoint)
        await try_out(merchant.till, endpoint)
    (taken,) = door.taken
    assert taken.verify(old) == taken.verify(new)


async def test_a_rotation_without_grace_ends_every_earlier_secret(merchant: Merchant) -> None:
    async with receiving() as door:
        endpoint, oldest = await merchant.subscribe(door.url)
        old = await rotate(merchant.till, endpoint)
        new = await rotate(merchant.till, endpoint, grace=timedelta())
        await try_out(merchant.till, endpoint)
    (taken,) = door.taken
    assert taken.verify(new)
    for earlier in (oldest, old):
        with pytest.raises(WebhookVerificationError):
            taken.verify(earlier)


async def test_when_a_grace_is_over_the_secret_can_be_rotated_again(merchant: Merchant) -> None:
    endpoint, _ = await merchant.subscribe(NOWHERE)
    await rotate(merchant.till, endpoint)
    await merchant.owner.execute("UPDATE webhook_endpoint SET previous_until = now()")
    assert await rotate(merchant.till, endpoint)
