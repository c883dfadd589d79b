"""A dispute about a second capture: the first one and its goods are none of its business."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.conftest import Json, uuid_of
from tests.flows.test_claim import CLEARING, DEFERRED, FEE, LOSS, PRICE, RECEIVABLE, a_reversal, a_stage, purse
from tests.flows.test_money_afterwards import second_capture

from tillkeeper.facts import DisputeStatus, Notice

FIRST, WON, LOST = DisputeStatus.NEEDS_RESPONSE, DisputeStatus.WON, DisputeStatus.LOST
PAYABLE = "refund_payable:EUR"
HELD: Json = {"withdrawn": PRICE}


async def paid_twice(shop: Any) -> tuple[Json, str]:
    """Buy something and pay for it once more; return what the second capture is called."""
    payment = await shop.paid()
    second = await second_capture(shop, payment)
    await shop.catch_up()
    assert await shop.ledger(PAYABLE) == [PRICE]
    return payment, second


def about(second: str, notice: Notice) -> Notice:
    return replace(notice, references=(second,))


async def surplus(shop: Any) -> tuple[str, str | None]:
    row = await shop.owner.fetchrow("SELECT status, error_code FROM refund WHERE surplus")
    return row["status"], row["error_code"]


async def first_is_untouched(shop: Any, payment: Json) -> bool:
    """Tell whether nobody claims anything of the first capture, and its goods are where they were."""
    shown = await shop.show(payment)
    held = (shown["amount_disputed"], shown["amount_refunded"], shown["fulfilment"]["status"])
    return held == (0, 0, "delivered") and await purse(shop) == (120, 0, 0)


async def test_a_dispute_about_a_second_capture_freezes_nothing_of_the_first(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(about(second, a_stage(payment, FIRST, 1, **HELD)))

    assert await first_is_untouched(shop, payment)
    assert await shop.ledger(RECEIVABLE, PAYABLE, DEFERRED) == [PRICE, PRICE, PRICE]
    assert (await shop.refund(payment, 50))["status"] == "succeeded", "the first one may be refunded meanwhile"


async def test_what_a_bank_takes_back_of_a_second_capture_is_owed_no_more(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(about(second, a_stage(payment, FIRST, 1, **HELD)))
    await shop.apply(about(second, a_stage(payment, LOST, 2, **HELD)))
    await shop.operate()

    assert await first_is_untouched(shop, payment)
    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS, DEFERRED) == [0, 0, 0, PRICE]
    assert await shop.ledger(CLEARING) == [PRICE - 2 * FEE]
    assert await surplus(shop) == ("failed", "disputed")
    assert await shop.asked("POST /v1/refunds") == 0


async def test_a_second_capture_that_is_disputed_is_not_refunded_as_well(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(about(second, a_stage(payment, FIRST, 1, **HELD)))
    await shop.operate()
    assert (await surplus(shop), await shop.asked("POST /v1/refunds")) == (("failed", "payment_disputed"), 0)
    await shop.apply(about(second, a_stage(payment, LOST, 2, **HELD)))

    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS) == [0, 0, 0]
    assert await first_is_untouched(shop, payment)


async def test_a_dispute_about_a_second_capture_that_is_won_leaves_it_owed(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(about(second, a_stage(payment, FIRST, 1, **HELD)))
    await shop.apply(about(second, a_stage(payment, WON, 2, withdrawn=0)))
    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS) == [0, PRICE, 0]
    await shop.operate()
    await shop.catch_up()

    assert (await surplus(shop))[0] == "succeeded"
    assert await shop.ledger(PAYABLE) == [0]
    assert await first_is_untouched(shop, payment)


async def test_a_lost_dispute_about_a_second_capture_that_went_back_before_is_a_loss(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.operate()
    await shop.catch_up()
    await shop.apply(about(second, a_stage(payment, FIRST, 1, **HELD)))
    await shop.apply(about(second, a_stage(payment, LOST, 2, **HELD)))

    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS, DEFERRED) == [0, 0, PRICE, PRICE]
    assert await first_is_untouched(shop, payment)


async def test_what_comes_back_of_a_second_capture_after_an_appeal_is_owed_again(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    for minute, (status, held) in enumerate(((FIRST, PRICE), (LOST, PRICE), (WON, 0))):
        await shop.apply(about(second, a_stage(payment, status, minute, withdrawn=held)))

    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS) == [0, PRICE, 0]


async def test_of_a_second_capture_that_was_lost_in_part_the_rest_is_owed(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(about(second, a_stage(payment, LOST, 1, withdrawn=150)))

    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS) == [0, PRICE - 150, 0]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
async def test_money_that_a_gateway_takes_for_a_disputed_second_capture_is_taken_once(
    shop: Any, order: tuple[int, ...]
) -> None:
    payment, second = await paid_twice(shop)
    notices = [a_stage(payment, FIRST, 1), a_reversal(payment), a_stage(payment, LOST, 2)]
    for place in order:
        await shop.apply(about(second, notices[place]))

    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS, DEFERRED) == [0, 0, 0, PRICE]
    assert await shop.ledger(CLEARING) == [PRICE - 2 * FEE]
    assert await first_is_untouched(shop, payment)


async def test_a_dispute_about_a_second_capture_undoes_no_reversal_of_the_first(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(a_reversal(payment))
    await shop.apply(about(second, a_stage(payment, FIRST, 1, **HELD)))

    assert (await shop.show(payment))["amount_refunded"] == PRICE


async def test_a_dispute_about_the_first_capture_leaves_the_second_one_to_go_back(shop: Any) -> None:
    payment, _ = await paid_twice(shop)
    await shop.apply(a_stage(payment, FIRST, 1, **HELD))
    await shop.operate()
    await shop.catch_up()

    assert (await surplus(shop))[0] == "succeeded"
    assert await purse(shop) == (0, 120, 0)


async def test_a_dispute_that_was_told_before_its_second_capture_lets_the_first_one_go(shop: Any) -> None:
    payment = await shop.paid()
    second = await second_capture(shop, payment)
    opened = about(second, a_stage(payment, FIRST, 1, **HELD))
    await shop.apply(replace(opened, payment=uuid_of(payment)))
    assert await purse(shop) == (0, 120, 0), "nobody knows yet that it was paid twice"
    await shop.catch_up()
    await shop.apply(about(second, a_stage(payment, LOST, 2, **HELD)))

    assert await first_is_untouched(shop, payment)
    assert await shop.ledger(RECEIVABLE, PAYABLE, LOSS, DEFERRED) == [0, 0, 0, PRICE]


async def test_a_dispute_fee_of_a_second_capture_is_a_fee(shop: Any) -> None:
    payment, second = await paid_twice(shop)
    await shop.apply(about(second, a_stage(payment, FIRST, 1, fee=1500, **HELD)))

    assert await shop.ledger("fees:stripe:dispute:EUR") == [1500]
