"""Goods that could not be taken, frozen or given back when their money moved are moved later, however long it takes."""

import asyncio
import signal
from typing import Any

import pytest
from tests.flows.conftest import Json
from tests.flows.test_claim import disputed, ended, purse, refunded_in_the_dashboard
from tests.flows.test_fulfil import mend, run_alone, spoil
from tests.flows.test_packs import cards, kiosk

from tillkeeper.flows import settle as settling
from tillkeeper.flows.revoke import revoke

__all__ = ["kiosk"]

PRICE = 199
DEFERRED, PAYABLE, EARNED, GIVEN_UP = (
    "deferred:EUR",
    "refund_payable:EUR",
    "revenue:credits:EUR",
    "refunds_of_earned:EUR",
)
LOSS, RECEIVABLE = "chargeback_loss:EUR", "gateway:stripe:dispute_receivable:EUR"


async def make_up(shop: Any) -> int:
    """Try now what waits for its time."""
    await shop.owner.execute("UPDATE late_revocation SET due_at = now()")
    return await revoke(shop.till)


async def told(shop: Any, type_: str) -> int:
    return int(await shop.count("outbox_event", f"type = '{type_}'"))


async def refunded_in_vain(shop: Any, payment: Json, amount: int = PRICE) -> Json:
    """Refund in the dashboard while no goods can be taken."""
    await spoil(shop)
    return await refunded_in_the_dashboard(shop, payment, amount)


async def spoil_cards(kiosk: Any) -> None:
    """Let no card be taken or given back, until it is mended."""
    await kiosk.owner.execute(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$"
    )
    await kiosk.owner.execute("CREATE TRIGGER spoil BEFORE UPDATE ON card FOR EACH ROW EXECUTE FUNCTION spoil()")


async def test_money_that_went_back_is_booked_although_its_goods_could_not_be_taken(shop: Any) -> None:
    payment = await shop.paid()
    await refunded_in_vain(shop, payment)

    assert set(await shop.inbox()) <= {"processed", "ignored"}
    assert (await shop.show(payment))["amount_refunded"] == PRICE
    assert await shop.ledger(DEFERRED, PAYABLE) == [0, 0]
    assert await purse(shop) == (120, 0, 0)
    assert await told(shop, "fulfilment.revoked") == 0


async def test_goods_are_taken_once_when_they_can_be(shop: Any) -> None:
    payment = await shop.paid()
    await refunded_in_vain(shop, payment)
    await mend(shop)

    assert await revoke(shop.till) == 0, "its time has not come"
    assert await make_up(shop) == 1
    assert await make_up(shop) == 0

    assert await purse(shop) == (0, 0, 0)
    assert (await shop.show(payment))["fulfilment"]["status"] == "revoked"
    assert await told(shop, "fulfilment.revoked") == 1
    assert await shop.ledger(DEFERRED, GIVEN_UP) == [0, 0]


async def test_what_was_spent_meanwhile_is_owed_and_its_money_was_earned(shop: Any) -> None:
    payment = await shop.paid()
    await refunded_in_vain(shop, payment)
    await mend(shop)
    await shop.spend(90)
    await make_up(shop)

    earned = PRICE * 90 // 120
    assert await purse(shop) == (0, 0, 90)
    assert await shop.ledger(DEFERRED, EARNED, GIVEN_UP, PAYABLE) == [0, earned, -earned, 0]


async def test_credits_that_could_not_be_frozen_are_frozen_later_and_come_free_with_the_dispute(shop: Any) -> None:
    payment = await shop.paid()
    await spoil(shop)
    dispute = await disputed(shop, payment)
    assert await shop.ledger(RECEIVABLE) == [PRICE]
    assert await purse(shop) == (120, 0, 0)
    await mend(shop)
    await make_up(shop)
    assert await purse(shop) == (0, 120, 0)
    await ended(shop, dispute, "win")

    assert await purse(shop) == (120, 0, 0)
    assert await shop.ledger(RECEIVABLE, DEFERRED) == [0, PRICE]


@pytest.mark.parametrize("spent", [0, 90])
async def test_a_whole_dispute_whose_goods_could_not_be_moved_ends_in_the_same_books(shop: Any, spent: int) -> None:
    payment = await shop.paid()
    if spent:
        await shop.spend(spent)
    await spoil(shop)
    await ended(shop, await disputed(shop, payment), "lose")
    await mend(shop)
    await make_up(shop)

    earned = PRICE * spent // 120
    assert await purse(shop) == (0, 0, spent)
    assert await shop.ledger(RECEIVABLE, DEFERRED, LOSS, EARNED) == [0, 0, earned, earned]
    assert await told(shop, "fulfilment.revoked") == 1


async def test_a_dispute_that_was_won_before_goods_could_be_frozen_moves_none(shop: Any) -> None:
    payment = await shop.paid()
    await spoil(shop)
    await ended(shop, await disputed(shop, payment), "win")
    await mend(shop)
    await make_up(shop)

    assert await purse(shop) == (120, 0, 0)
    assert await shop.count("wallet_entry") == 1


async def test_goods_of_a_refund_that_failed_come_back_later(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(20)
    refund = await refunded_in_the_dashboard(shop, payment, PRICE)
    assert await purse(shop) == (0, 0, 20)
    await spoil(shop)
    await shop.act(f"refunds/{refund['id']}/fail")
    await shop.catch_up()
    assert await shop.ledger(PAYABLE) == [0]
    await mend(shop)
    await make_up(shop)

    earned = PRICE * 20 // 120
    assert await purse(shop) == (100, 0, 0)
    assert await shop.ledger(DEFERRED, GIVEN_UP, EARNED) == [PRICE - earned, 0, earned]


async def test_a_refund_that_failed_before_its_goods_could_be_taken_asks_nothing_of_them(shop: Any) -> None:
    payment = await shop.paid()
    refund = await refunded_in_vain(shop, payment)
    await shop.act(f"refunds/{refund['id']}/fail")
    await shop.catch_up()
    await mend(shop)
    await make_up(shop)

    assert await purse(shop) == (120, 0, 0)
    assert await shop.ledger(DEFERRED, PAYABLE, GIVEN_UP) == [PRICE, 0, 0]
    assert await shop.count("late_revocation", "finished_at IS NULL") == 0


async def test_goods_that_a_later_refund_took_along_come_back_when_the_earlier_one_fails(shop: Any) -> None:
    payment = await shop.paid()
    early = await refunded_in_vain(shop, payment, 100)
    await mend(shop)
    await refunded_in_the_dashboard(shop, payment, 50)
    assert await purse(shop) == (120 - 120 * 150 // PRICE, 0, 0)
    await shop.act(f"refunds/{early['id']}/fail")
    await shop.catch_up()
    await make_up(shop)

    assert await purse(shop) == (120 - 120 * 50 // PRICE, 0, 0)
    assert await shop.ledger(DEFERRED, PAYABLE, GIVEN_UP, EARNED) == [PRICE - 50, 0, 0, 0]
    assert await shop.count("late_revocation", "finished_at IS NULL") == 0


async def test_a_later_refund_takes_the_goods_that_an_earlier_one_left_and_nothing_is_earned_by_it(shop: Any) -> None:
    payment = await shop.paid()
    await refunded_in_vain(shop, payment, 100)
    await mend(shop)
    await refunded_in_the_dashboard(shop, payment, 99)
    assert await purse(shop) == (0, 0, 0)
    await make_up(shop)

    given_up, earned = await shop.ledger(GIVEN_UP, EARNED)
    assert given_up + earned == 0
    assert await shop.ledger(DEFERRED, PAYABLE) == [0, 0]


async def test_cards_that_could_not_be_revoked_are_revoked_later(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    await spoil_cards(kiosk)
    await refunded_in_the_dashboard(kiosk, payment, payment["amount"])
    assert [card["status"] for card in await cards(kiosk)] == ["owned"] * 5
    await mend(kiosk, "card")
    await make_up(kiosk)

    assert [card["status"] for card in await cards(kiosk)] == ["revoked"] * 5
    assert await kiosk.ledger(DEFERRED, GIVEN_UP, "revenue:packs:EUR") == [0, -payment["amount"], payment["amount"]]


async def test_the_neighbours_of_goods_that_cannot_be_taken_lose_theirs(shop: Any) -> None:
    payments = [await shop.paid(user=user) for user in ("ana", "bob", "cid")]
    await spoil(shop, "bob")
    for payment in payments:
        await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": PRICE})
    await shop.catch_up()

    assert [await purse(shop, user) for user in ("ana", "bob", "cid")] == [(0, 0, 0), (120, 0, 0), (0, 0, 0)]


async def test_what_cannot_be_taken_is_tried_again_for_ever_less_and_less_often(shop: Any) -> None:
    payment = await shop.paid()
    await refunded_in_vain(shop, payment)
    for _ in range(12):
        assert await make_up(shop) == 1
    row = await shop.owner.fetchrow("SELECT *, due_at - clock_timestamp() AS wait FROM late_revocation")
    assert (row["tries"], row["finished_at"]) == (12, None)
    assert row["wait"].total_seconds() > 20_000
    assert "no room" in row["reason"]
    assert "4242424242424242" not in row["reason"]
    await mend(shop)

    assert await make_up(shop) == 1
    assert await purse(shop) == (0, 0, 0)


async def test_two_workers_at_once_take_goods_once(shop: Any) -> None:
    payments = [await shop.paid(user=f"user-{number}") for number in range(4)]
    await spoil(shop)
    for payment in payments:
        await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": PRICE})
    await shop.catch_up()
    await mend(shop)
    await shop.owner.execute("UPDATE late_revocation SET due_at = now()")
    await asyncio.gather(revoke(shop.till), revoke(shop.till))
    while await make_up(shop):
        pass

    assert await told(shop, "fulfilment.revoked") == 4
    assert [await purse(shop, f"user-{number}") for number in range(4)] == [(0, 0, 0)] * 4


@pytest.mark.parametrize("step", ["revoke:made_up", "revoke:committed"])
async def test_a_worker_that_is_killed_while_it_takes_goods_takes_them_once(shop: Any, line: Any, step: str) -> None:
    payment = await shop.paid()
    await refunded_in_vain(shop, payment)
    await mend(shop)
    await shop.owner.execute("UPDATE late_revocation SET due_at = now()")

    killed = await asyncio.to_thread(run_alone, shop, line, "revoke", step)

    assert killed == -signal.SIGKILL
    assert await purse(shop) == ((0, 0, 0) if step == "revoke:committed" else (120, 0, 0))
    await make_up(shop)
    assert await purse(shop) == (0, 0, 0)
    assert await told(shop, "fulfilment.revoked") == 1


async def test_a_refund_after_one_that_failed_takes_its_own_share_though_the_goods_of_that_one_still_wait(
    shop: Any,
) -> None:
    payment = await shop.paid()
    whole = await refunded_in_the_dashboard(shop, payment, PRICE)
    await spoil(shop)
    await shop.act(f"refunds/{whole['id']}/fail")
    await shop.catch_up()
    await mend(shop)
    await refunded_in_the_dashboard(shop, payment, 100)
    await make_up(shop)
    assert await purse(shop) == (120 - 120 * 100 // PRICE, 0, 0)


async def test_a_refund_that_fails_while_the_goods_of_a_lost_dispute_still_wait_gives_none_of_them_away(
    shop: Any,
) -> None:
    payment = await shop.paid()
    await shop.spend(60)
    early = await refunded_in_the_dashboard(shop, payment, 40)
    await spoil(shop)
    await ended(shop, await disputed(shop, payment, 150), "lose")
    await mend(shop)
    await shop.act(f"refunds/{early['id']}/fail")
    await shop.catch_up()
    await make_up(shop)
    assert await purse(shop) == (0, 0, 120 * 150 // PRICE - 60)


async def test_cards_in_the_books_are_those_that_are_held_whatever_still_waited(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    whole = await refunded_in_the_dashboard(kiosk, payment, 299)
    await spoil_cards(kiosk)
    await kiosk.act(f"refunds/{whole['id']}/fail")
    await kiosk.catch_up()
    await mend(kiosk, "card")
    await refunded_in_the_dashboard(kiosk, payment, 180)
    await make_up(kiosk)
    buyer = await kiosk.owner.fetchval("SELECT id FROM end_user WHERE name = 'ana'")
    assert [card["status"] for card in await cards(kiosk)].count("owned") == 2
    assert await kiosk.ledger(f"holder:{buyer}:PACK:pack_black") == [2]


async def test_goods_that_cannot_be_taken_and_goods_that_cannot_be_handed_over_wait_side_by_side(
    shop: Any, monkeypatch: Any
) -> None:
    singly: list[Any] = []

    async def count(_: Any, message: Any) -> None:
        singly.append(message)

    monkeypatch.setattr(settling, "_settle_singly", count)
    refunded, bought = await shop.paid(user="ana"), await shop.opened(user="bob")
    await spoil(shop)
    await shop.act("refunds", {"payment_intent": refunded["gateway_reference"], "amount": PRICE})
    await shop.pay(bought)
    await shop.hear_news()
    await settling.settle(shop.till)
    assert singly == []
