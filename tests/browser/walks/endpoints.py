"""What is done about programs of the merchant that are told what happens."""

from typing import Any

from tests.browser.hands import Hands
from tests.browser.walking import walk
from tests.flows.merchant import Merchant

from tillkeeper.flows.subscribe import unsubscribe
from tillkeeper.kernel import ids

ROOT = "/deliveries/endpoints"
TYPE = "refund.failed"
"""Happens on no other walk, so that no endpoint is told of what others do."""


def _clear(hands: Hands) -> None:
    """Let no program listen that another walk has left; there may only be so many."""
    shop = hands.house.shop
    for row in hands.house.do(shop.owner.fetch("SELECT id FROM webhook_endpoint WHERE deleted_at IS NULL")):
        hands.house.do(unsubscribe(shop.till, row["id"]))


def _endpoint(hands: Hands) -> tuple[Any, str]:
    """Let one more program listen; return its id, and where it is shown."""
    _clear(hands)
    merchant = Merchant(hands.house.shop.till, hands.house.shop.owner)
    id_, _ = hands.house.do(merchant.subscribe(hands.house.receiver.url, TYPE))
    return id_, f"{ROOT}/{ids.text('endpoint', id_)}"


@walk("/deliveries/{delivery}/resend")
def resend(hands: Hands) -> None:
    house, (endpoint, _) = hands.house, _endpoint(hands)
    merchant = Merchant(house.shop.till, house.shop.owner)
    house.do(merchant.announce(TYPE))
    house.do(merchant.send())
    delivery: Any = house.do(
        house.shop.owner.fetchval("SELECT id FROM webhook_delivery WHERE endpoint_id = $1", endpoint)
    )
    hands.visit(f"/deliveries/{ids.text('delivery', delivery)}")
    hands.ask("Send again")
    hands.press("Send again")
    hands.told("It is sent again")


@walk(f"{ROOT}/new")
def create(hands: Hands) -> None:
    _clear(hands)
    hands.visit("/deliveries")
    hands.ask("New endpoint")
    hands.fill("Address", hands.house.receiver.url)
    hands.fill("Description", "the shop")
    hands.asked.get_by_text("Or only these").click()
    hands.asked.get_by_label("Everything, and what is added later").uncheck()
    hands.tick(TYPE)
    hands.press("Add")
    hands.told("it is shown this once and never again")
    hands.read("a new secret")


@walk(f"{ROOT}/{{endpoint}}/change")
def change(hands: Hands) -> None:
    hands.visit(_endpoint(hands)[1])
    hands.ask("Change")
    hands.fill("Description", "the shop’s own server")
    hands.press("Change")
    hands.told("the shop’s own server")


@walk(f"{ROOT}/{{endpoint}}/disable")
def disable(hands: Hands) -> None:
    hands.visit(_endpoint(hands)[1])
    hands.ask("Disable")
    hands.press("Disable")
    hands.told("Nothing is sent there")


@walk(f"{ROOT}/{{endpoint}}/enable")
def enable(hands: Hands) -> None:
    id_, path = _endpoint(hands)
    off = "UPDATE webhook_endpoint SET enabled = false, disabled_at = now() WHERE id = $1"
    hands.house.do(hands.house.shop.owner.execute(off, id_))
    hands.visit(path)
    hands.ask("Enable")
    hands.press("Enable")
    hands.told("told of everything")


@walk(f"{ROOT}/{{endpoint}}/rotate")
def rotate(hands: Hands) -> None:
    hands.visit(_endpoint(hands)[1])
    hands.ask("Rotate secret")
    hands.press("Rotate")
    hands.told("it is shown this once and never again")


@walk(f"{ROOT}/{{endpoint}}/test")
def test(hands: Hands) -> None:
    hands.visit(_endpoint(hands)[1])
    hands.ask("Test")
    hands.press("Send a test")
    hands.told("Taken: it answered 200")


@walk(f"{ROOT}/{{endpoint}}/recover")
def recover(hands: Hands) -> None:
    hands.visit(_endpoint(hands)[1])
    hands.ask("Recover")
    hands.press("Recover")
    hands.told("gone through")


@walk(f"{ROOT}/{{endpoint}}/delete")
def delete(hands: Hands) -> None:
    hands.visit(_endpoint(hands)[1])
    hands.ask("Delete")
    hands.press("Delete")
    hands.told("endpoint is gone")
