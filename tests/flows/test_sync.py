"""What a gateway knows of a payment becomes true here when it is asked, however often, and never half."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tillkeeper.flows.sync import GatewaySilentError, sync
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError


async def ask(shop: Any, payment: dict[str, Any]) -> Any:
    return await sync(shop.till, ids.parse("payment", payment["id"]))


async def test_money_of_which_no_webhook_told_is_delivered_when_the_gateway_is_asked(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)

    shown = await ask(shop, payment)

    assert (shown["status"], shown["amount_captured"]) == ("succeeded", 199)
    assert shown["fulfilment"]["status"] == "delivered"
    assert await shop.wallet() == (120, 0)
    assert await shop.owner.fetchval("SELECT cause FROM payment_change ORDER BY id DESC LIMIT 1") == "sync"


async def test_asking_again_and_the_webhooks_that_come_later_change_nothing_more(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    answers = await asyncio.gather(*(ask(shop, payment) for _ in range(5)))
    await shop.catch_up()
    assert [answer["status"] for answer in answers] == ["succeeded"] * 5
    assert await ask(shop, payment) == await shop.show(payment)
    assert await shop.wallet() == (120, 0)
    assert await shop.count("payment_change", "step = 'captured'") == 1
    assert set(await shop.inbox()) <= {"processed", "ignored"}


async def test_an_authorisation_of_which_no_webhook_told_can_be_captured_after_asking(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    assert (await ask(shop, payment))["status"] == "requires_capture"
    captured = await shop.capture(payment)
    assert captured.body["status"] == "succeeded"


async def test_an_open_checkout_stays_as_it_is(shop: Any) -> None:
    payment = await shop.opened()
    assert await ask(shop, payment) == payment


async def test_a_checkout_whose_opening_got_no_answer_is_found(shop: Any) -> None:
    shop.line.fault = "lost"
    unclear = (await shop.create()).body
    assert unclear["status"] == "outcome_unknown"
    shop.line.fault = None

    shown = await ask(shop, unclear)

    assert shown["status"] == "requires_action"
    assert shown["next_action"]["url"].startswith("http")
    await shop.operate()
    assert (await shop.show(unclear))["next_action"] == shown["next_action"]
    await shop.pay(shown)
    assert (await ask(shop, shown))["status"] == "succeeded"
    assert (await shop.books())["sessions"] == 1


async def test_a_checkout_that_the_gateway_never_opened_stays_unknown(shop: Any) -> None:
    shop.line.fault = "cut"
    unclear = (await shop.create()).body
    shop.line.fault = None
    assert (await ask(shop, unclear))["status"] == "outcome_unknown"
    assert (await shop.books())["sessions"] == 0


@pytest.mark.parametrize("fault", ["cut", "broken", "busy", "gone"])
async def test_a_gateway_that_cannot_be_asked_is_an_error_and_changes_nothing(shop: Any, fault: str) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    if fault == "gone":
        await shop.line.close()
    shop.line.fault = fault
    with pytest.raises(GatewaySilentError) as silent:
        await ask(shop, payment)
    assert (silent.value.status, silent.value.code) == (503, "gateway_unavailable")
    assert await shop.show(payment) == payment
    assert await shop.count("payment_change") == 2


async def test_a_gateway_that_is_not_configured_any_more_cannot_be_asked(shop: Any) -> None:
    payment = await shop.opened()
    with pytest.raises(GatewaySilentError, match="stripe is not configured"):
        await sync(replace(shop.till, gateways={}), ids.parse("payment", payment["id"]))


async def test_a_payment_that_the_gateway_does_not_know_says_so(shop: Any) -> None:
    payment = await shop.opened()
    await shop.owner.execute("UPDATE payment SET gateway_reference = 'cs_test_of_nobody'")
    with pytest.raises(InvalidStateError, match="resource_missing"):
        await ask(shop, payment)


async def test_an_unknown_id_is_not_found(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await sync(shop.till, ids.new())
