"""A call whose secret cannot be read for a moment was never sent: that is nobody's no, and it is made later."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.gateway import GatewayUnavailableError

KEY_FILE = "STRIPE_SECRET_KEY_FILE"


@contextmanager
def no_key(shop: Any, folder: Path) -> Iterator[None]:
    """Let the file of Stripe's key be away, as while somebody puts another in its place."""
    shop.till.secrets._environment[KEY_FILE] = str(folder / "away")
    yield
    del shop.till.secrets._environment[KEY_FILE]


async def test_a_refund_in_doubt_stays_in_doubt(shop: Any, tmp_path: Path) -> None:
    payment = await shop.paid()
    shop.line.fault = "lost"  # the gateway makes it, and its answer is lost
    refund = await shop.refund(payment, 60)
    shop.line.fault = None
    with no_key(shop, tmp_path):
        await shop.operate()
    assert (await shop.show_refund(refund))["status"] == "pending"
    await shop.operate()
    assert (await shop.show_refund(refund))["status"] == "succeeded"
    assert [intent["refunded"] for intent in (await shop.books())["payment_intents"]] == [60]


async def test_a_refund_is_made_later(shop: Any, tmp_path: Path) -> None:
    payment = await shop.paid()
    with no_key(shop, tmp_path):
        refund = await shop.refund(payment, 60)
    await shop.operate()
    assert (await shop.show_refund(refund))["status"] == "succeeded"


async def test_a_capture_is_made_later(shop: Any, tmp_path: Path) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    with no_key(shop, tmp_path):
        await shop.capture(payment, key="once")
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_checkout_is_opened_when_it_is_asked_for_again(shop: Any, tmp_path: Path) -> None:
    with no_key(shop, tmp_path), pytest.raises(GatewayUnavailableError):
        await shop.create(key="once")
    assert (await shop.create(key="once")).status == 201


async def test_nothing_has_left_so_nothing_is_said_about_the_gateway(shop: Any, tmp_path: Path) -> None:
    payment = await shop.paid()
    with no_key(shop, tmp_path):
        await shop.refund(payment, 60)
    assert await shop.count("gateway_state", "failures > 0") == 0
