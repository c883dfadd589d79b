"""The client calls the real application, and what goes wrong on the way makes no second payment."""

import asyncio
import inspect
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import generate
import pytest
from tests.client.wire import answer, wire_to
from tests.web.running import Shop

from tillkeeper_client import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    PaymentRefusedError,
    RateLimitedError,
    ServerError,
    TillkeeperError,
    calls,
    models,
    operations,
)

DESCRIPTION = Path(__file__).parents[2] / "docs" / "openapi.json"
CHAPTERS = {name: each for name, each in vars(operations).items() if inspect.isclass(each)}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep nobody waiting between two tries."""
    monkeypatch.setattr(calls, "pause_seconds", 0.001)


async def order(client: AsyncClient, user: str, key: str | None = None) -> models.Payment:
    return await client.payments.create(user=user, package="credits_120", currency="EUR", idempotency_key=key)


def order_and_wait(client: Client, user: str) -> models.Payment:
    return client.payments.create(user=user, package="credits_120", currency="EUR")


async def bought(shop: Shop, client: AsyncClient, user: str) -> models.Payment:
    payment = await order(client, user)
    await shop.act(f"stripe/sessions/{payment.gateway_reference}/pay")
    await shop.until(f"/api/v1/payments/{payment.id}", lambda shown: shown["status"] == "succeeded")
    return await client.payments.show(payment.id)


@pytest.mark.parametrize("kind", ["", "Async"])
def test_every_operation_of_the_api_is_a_method_of_both_clients(kind: str) -> None:
    spec = json.loads(DESCRIPTION.read_text())
    missing = []
    for path in spec["paths"].values():
        for operation in path.values():
            tag = operation["tags"][0]
            if tag in generate.FOR_BROWSERS:
                continue
            chapter = CHAPTERS[kind + "".join(part.capitalize() for part in tag.split())]
            name = operation["operationId"].removeprefix(tag.replace(" ", "_") + "_")
            if not callable(getattr(chapter, name, None)):
                missing.append(operation["operationId"])
    assert missing == []


async def test_a_purchase_a_spend_and_a_refund_are_typed(shop: Shop, client: AsyncClient) -> None:
    payment = await bought(shop, client, "ana")
    assert isinstance(payment.created_at, datetime)
    assert payment.created_at.tzinfo == UTC
    assert payment.fulfilment
    assert (payment.fulfilment.status, payment.fulfilment.quantity) == ("delivered", 120)
    spent = await client.goods.spend("ana", amount=20, reason="two songs")
    assert (spent.balance, spent.spent) == (100, 20)
    refund = await client.refunds.create(payment=payment.id, amount=50)
    assert (refund.object, refund.payment, refund.amount) == ("refund", payment.id, 50)


async def test_the_client_that_waits_does_the_same(shop: Shop, client: AsyncClient, waiting: Client) -> None:
    payment = await bought(shop, client, "bea")
    assert await asyncio.to_thread(waiting.payments.show, payment.id) == payment
    wallet = await asyncio.to_thread(waiting.goods.wallet, "bea")
    assert wallet.balance == 120


async def test_a_list_goes_on_over_its_pages(client: AsyncClient, waiting: Client) -> None:
    made = [(await order(client, "cleo")).id for _ in range(5)]
    page = await client.payments.find(user="cleo", limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert [payment.id async for payment in page] == made[::-1]
    assert [each.id for each in await asyncio.to_thread(everything, waiting)] == made[::-1]


def everything(client: Client) -> list[models.Payment]:
    return list(client.payments.find(user="cleo", limit=2))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_lost_answer_is_asked_for_again_under_the_same_key_and_there_is_one_payment(
    shop: Shop, admin_key: str, kind: str
) -> None:
    user = f"dora {kind}"
    async with wire_to(shop.url) as wire:
        wire.lost = 2
        if kind == "sync":
            with Client(wire.url, admin_key) as client:
                made = await asyncio.to_thread(order_and_wait, client, user)
        else:
            async with AsyncClient(wire.url, admin_key) as other:
                made = await order(other, user)
    listed = await shop.get(f"/api/v1/payments?user={user}")
    assert [each["id"] for each in listed["data"]] == [made.id]
    assert len(wire.keys) == 3
    assert len(set(wire.keys)) == 1


async def test_when_no_answer_comes_at_all_the_error_has_the_key_that_finds_the_payment(
    shop: Shop, client: AsyncClient, admin_key: str
) -> None:
    async with wire_to(shop.url) as wire, AsyncClient(wire.url, admin_key, retries=1) as rude:
        wire.lost = 2
        with pytest.raises(ConnectionFailedError) as lost:
            await order(rude, "emil")
    assert lost.value.idempotency_key
    made = await order(client, "emil", lost.value.idempotency_key)
    assert [each["id"] for each in (await shop.get("/api/v1/payments?user=emil"))["data"]] == [made.id]


async def test_each_call_is_an_intent_of_its_own(client: AsyncClient) -> None:
    first, second = [await order(client, "fay") for _ in range(2)]
    assert first.id != second.id


async def test_what_is_not_safe_to_repeat_is_not_repeated(shop: Shop, admin_key: str) -> None:
    async with wire_to(shop.url) as wire, AsyncClient(wire.url, admin_key) as rude:
        wire.lost = 1
        with pytest.raises(ConnectionFailedError):
            await rude.keys.create(name="made once", scopes=["read"])
    assert len(wire.keys) == 1


async def test_a_server_that_asks_for_time_gets_it(shop: Shop, admin_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    kept = calls.pause

    def hurried(tried: int, error: TillkeeperError) -> int:
        paused.append(kept(tried, error))
        return 0

    monkeypatch.setattr(calls, "pause", hurried)
    problem = json.dumps({"code": "maintenance", "status": 503, "retryable": True, "detail": "later"})
    async with wire_to(shop.url) as wire, AsyncClient(wire.url, admin_key) as client:
        wire.instead = [answer(503, problem, Retry_After="7"), answer(429, "{}", Retry_After="2"), answer(502)]
        assert (await order(client, "gus")).user == "gus"
    assert paused[:2] == [7, 2]
    assert len(set(wire.keys)) == 1


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitedError), (503, ServerError)])
async def test_a_wait_that_is_too_long_is_left_to_the_caller(
    shop: Shop, admin_key: str, status: int, kind: type[Exception]
) -> None:
    async with wire_to(shop.url) as wire, AsyncClient(wire.url, admin_key) as client:
        wire.instead = [answer(status, "{}", Retry_After="3600")]
        with pytest.raises(kind):
            await client.payments.find()
    assert len(wire.keys) == 1


async def test_a_refusal_is_an_error_with_its_code_its_reason_and_the_request(client: AsyncClient) -> None:
    with pytest.raises(InvalidRequestError) as wrong:
        await client.payments.create(user="hanna", package="credits_120", currency="EUR", quantity=0)
    assert (wrong.value.status, wrong.value.code, wrong.value.param) == (422, "invalid_field", "quantity")
    assert str(wrong.value.request_id).startswith("request_")
    assert wrong.value.next_step


async def test_each_family_of_refusals_has_its_own_error(shop: Shop, client: AsyncClient) -> None:
    with pytest.raises(NotFoundError):
        await client.payments.show("payment_01h455vb4pex5vsknk084sn02q")
    with pytest.raises(PaymentRefusedError, match="insufficient_credits"):
        await client.goods.spend("nobody", amount=1, reason="nothing")
    async with AsyncClient(shop.url, "till_sk_sandbox_x") as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.payments.find()


async def test_a_name_with_marks_of_addresses_in_it_is_one_part_of_an_address(client: AsyncClient) -> None:
    user = "ana ?x=1#%41&zoë"
    given: Any = await client.goods.grant(user, amount=5, reason="a test")
    assert given.user == user
    assert (await client.goods.wallet(user)).balance == 5


async def test_null_is_said_and_what_is_left_out_is_not(client: AsyncClient) -> None:
    await client.gateways.configure("stripe", fee_percentage_bps=300, priority=7)
    await client.gateways.configure("stripe", fee_percentage_bps=None)
    [shown] = (await client.gateways.status()).data
    assert (shown.fee_percentage_bps, shown.priority) == (None, 7)


async def test_a_file_is_sent_as_it_is(client: AsyncClient) -> None:
    with pytest.raises(InvalidRequestError, match="file_unreadable"):
        await client.reconciliation.import_file(gateway="stripe", file=b"a,b\n")
