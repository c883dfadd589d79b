"""Card packs through the whole way: paid, drawn, revoked, sold out."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tillkeeper import catalog
from tillkeeper.flows.offer import change, offer
from tillkeeper.flows.read import read
from tillkeeper.flows.settle import settle
from tillkeeper.fulfilment import packs
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import cards as report


@pytest.fixture
async def kiosk(shop: Any) -> Any:
    """Sell packs too, the golden ones only ten times."""
    black, gold = packs.DEMO
    await offer(shop.till, catalog.DEMO_PACKS, packs=(black, replace(gold, stock=10)))
    return shop


async def cards(kiosk: Any, user: str = "ana") -> list[Any]:
    found: Any = await read(kiosk.till, lambda tx: report.find(tx, user, limit=100, cursor=None))
    return list(found["data"])


async def test_a_paid_pack_becomes_five_cards_of_its_buyer(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")

    assert payment["fulfilment"] == {"status": "delivered", "kind": "pack", "quantity": 5, "revoked": 0}
    assert [card["status"] for card in await cards(kiosk)] == ["owned"] * 5


async def test_a_golden_pack_keeps_its_promise_of_an_epic_card(kiosk: Any) -> None:
    await kiosk.paid(package="pack_gold", quantity=4)

    tiers = [card["tier"] for card in await cards(kiosk)]

    assert sum(tier in {"epic", "legendary"} for tier in tiers) >= 4


async def test_delivered_packs_are_earned_at_once(kiosk: Any) -> None:
    await kiosk.paid(package="pack_black")

    assert await kiosk.ledger("revenue:packs:EUR", "deferred:EUR") == [299, 0]


async def test_of_fifty_packs_paid_at_once_the_ten_in_stock_are_delivered_and_forty_refunded(kiosk: Any) -> None:
    bought = await asyncio.gather(*(kiosk.opened(package="pack_gold", user=f"user{n}") for n in range(50)))
    await asyncio.gather(*(kiosk.pay(payment) for payment in bought))
    await kiosk.catch_up()
    while await kiosk.operate():
        pass
    await kiosk.catch_up()

    shown = [await kiosk.show(payment) for payment in bought]
    books = {line["metadata"]["payment"]: line for line in (await kiosk.books())["payment_intents"]}

    delivered = [payment for payment in shown if payment["fulfilment"]["status"] == "delivered"]
    refunded = [payment for payment in shown if payment["amount_refunded"] == payment["amount"]]
    assert (len(delivered), len(refunded)) == (10, 40)
    assert {payment["fulfilment"]["status"] for payment in refunded} == {"failed"}
    assert sum(books[payment["id"]]["refunded"] for payment in shown) == 40 * 799
    assert await kiosk.count("card") == 50


async def test_packs_that_several_workers_open_at_the_same_time_share_no_card_and_no_more_than_the_stock(
    kiosk: Any,
) -> None:
    bought = await asyncio.gather(*(kiosk.opened(package="pack_gold", user=f"user{n}") for n in range(24)))
    await asyncio.gather(*(kiosk.pay(payment) for payment in bought))
    await kiosk.hear_news("payment_intent.succeeded")

    await asyncio.gather(*(settle(kiosk.till, limit=2) for _ in range(12)))
    await kiosk.settle()

    shown = [await kiosk.show(payment) for payment in bought]
    assert sum(payment["fulfilment"]["status"] == "delivered" for payment in shown) == 10
    assert await kiosk.owner.fetchval("SELECT stock FROM pack_type WHERE sku = 'pack_gold'") == 0
    assert await kiosk.owner.fetchval("SELECT count(DISTINCT (design_id, number)) FROM card") == 50


async def test_every_serial_exists_once(kiosk: Any) -> None:
    await kiosk.paid(package="pack_gold", quantity=10)

    serials = [(card["title"], card["serial"]) for card in await cards(kiosk)]

    assert len(serials) == len(set(serials)) == 50


async def test_a_partial_refund_revokes_its_share_of_the_cards_and_the_last_ones_first(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")

    await kiosk.refund(payment, 180)  # three fifths of 299, rounded down

    rows = await kiosk.owner.fetch("SELECT status FROM card ORDER BY ordinal")
    assert [row["status"] for row in rows] == ["owned", "owned", "revoked", "revoked", "revoked"]


async def test_used_cards_are_revoked_too_and_say_so(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    await kiosk.owner.execute("UPDATE card SET used_at = now() WHERE ordinal = 0")

    await kiosk.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": 299})
    await kiosk.catch_up()

    rows = await kiosk.owner.fetch("SELECT status FROM card ORDER BY ordinal")
    assert [row["status"] for row in rows] == ["revoked_after_use", *["revoked"] * 4]


async def test_cards_come_back_when_their_refund_fails_later(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    refund = await kiosk.refund(payment)

    await kiosk.act(f"refunds/{refund['gateway_reference']}/fail")
    await kiosk.catch_up()

    assert [card["status"] for card in await cards(kiosk)] == ["owned"] * 5


async def test_a_pack_that_nobody_knows_any_more_is_refunded(kiosk: Any) -> None:
    payment = await kiosk.opened(package="pack_black")
    await kiosk.owner.execute("DELETE FROM card_design WHERE sku = 'pack_black'")
    await kiosk.owner.execute("DELETE FROM pack_type WHERE sku = 'pack_black'")

    await kiosk.pay(payment)
    await kiosk.catch_up()
    await kiosk.operate()

    shown = await kiosk.show(payment)
    assert (shown["fulfilment"]["status"], shown["amount_refunded"]) == ("failed", 299)


@pytest.mark.parametrize("quantity", [1, 7, 5 * 21])
async def test_a_pack_is_put_up_for_sale_with_the_cards_that_it_holds(kiosk: Any, quantity: int) -> None:
    black, _ = catalog.DEMO_PACKS
    with pytest.raises(InvalidFieldError):
        await change(kiosk.till, replace(black, quantity=quantity))


async def test_a_bundle_of_packs_is_opened_whole(kiosk: Any) -> None:
    black, _ = catalog.DEMO_PACKS
    await change(kiosk.till, replace(black, quantity=15))
    await kiosk.paid(package="pack_black")
    assert len(await cards(kiosk)) == 15


async def test_a_pack_of_which_nobody_knows_the_cards_can_still_be_taken_off_the_shelf(kiosk: Any) -> None:
    black, _ = catalog.DEMO_PACKS
    await change(kiosk.till, replace(black, quantity=1, active=False))


async def test_a_pack_that_was_sold_with_cards_that_it_does_not_hold_is_refunded(kiosk: Any) -> None:
    await kiosk.owner.execute("UPDATE package SET quantity = 7 WHERE id = 'pack_black'")
    payment = await kiosk.opened(package="pack_black")
    await kiosk.pay(payment)
    await kiosk.catch_up()
    await kiosk.operate()
    shown = await kiosk.show(payment)
    assert (shown["fulfilment"]["status"], shown["amount_refunded"]) == ("failed", 299)
