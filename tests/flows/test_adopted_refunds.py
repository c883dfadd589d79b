"""A refund that an earlier system told without its gateway's name is known again when the gateway tells of it."""

from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_adopt import a_payment, captured_elsewhere, fates, listed

from tillkeeper.adoption import PastRefund
from tillkeeper.facts import Notice, NoticeKind, Verdict
from tillkeeper.flows.read import read
from tillkeeper.kernel import clock
from tillkeeper.reports import invariants
from tillkeeper.reports import refund as refunds_shown


def told(intent: str, name: str, amount: int, kind: NoticeKind = NoticeKind.REFUND_SUCCEEDED) -> Notice:
    return Notice(
        kind=kind, gateway="stripe", references=(intent,), refund_reference=name, amount=amount, currency="EUR"
    )


async def back(shop: Any) -> dict[str | None, int]:
    """List what is said to go back, by the gateway's name for it."""
    found: Any = await read(shop.till, lambda tx: refunds_shown.find(tx, payment=None, limit=9, cursor=None))
    return {each["gateway_reference"]: each["amount"] for each in found["data"]}


async def moved(shop: Any) -> int:
    [payment] = await listed(shop)
    return int(payment["amount_refunded"])


@pytest.fixture
async def intent(shop: Any) -> str:
    """Take over a payment of which 60 went back under no name."""
    name = await captured_elsewhere(shop)
    await fates(shop, a_payment(reference=name, refunds=(PastRefund(amount=60),)))
    return name


async def test_a_refund_that_was_taken_over_without_a_name_is_not_counted_a_second_time(shop: Any) -> None:
    intent = await captured_elsewhere(shop)
    made = await shop.act("refunds", {"payment_intent": intent, "amount": 60})
    await fates(shop, a_payment(reference=intent, refunds=(PastRefund(amount=60),)))
    await shop.catch_up()
    assert await moved(shop) == 60
    assert await back(shop) == {made["id"]: 60}


async def test_a_refund_that_is_known_again_moves_nothing_and_tells_nobody(shop: Any, intent: str) -> None:
    [decision] = await shop.apply(told(intent, "re_1", 60))
    assert decision.verdict is Verdict.APPLIED
    assert await shop.count("journal") + await shop.count("outbox_event") == 0
    [again] = await shop.apply(told(intent, "re_1", 60))
    assert again.verdict is Verdict.KNOWN


async def test_a_second_refund_of_the_same_amount_is_another_one(shop: Any, intent: str) -> None:
    await shop.apply(told(intent, "re_1", 60), told(intent, "re_2", 60))
    assert await back(shop) == {"re_1": 60, "re_2": 60}
    assert await shop.ledger("refunds_of_earned:EUR") == [-60]


async def test_parts_of_a_total_that_was_taken_over_are_found_in_it(shop: Any, intent: str) -> None:
    for name, amount in (("re_1", 40), ("re_1", 40), ("re_2", 20), ("re_2", 20)):
        await shop.apply(told(intent, name, amount))
    assert await back(shop) == {"re_1": 40, "re_2": 20}
    assert await moved(shop) == 60
    assert await shop.count("journal") + await shop.count("outbox_event") == 0


async def test_what_goes_beyond_a_total_that_was_taken_over_is_new(shop: Any, intent: str) -> None:
    await shop.apply(told(intent, "re_1", 40), told(intent, "re_2", 30))
    assert await back(shop) == {"re_1": 40, None: 20, "re_2": 30}
    assert await moved(shop) == 90
    assert await shop.ledger("refunds_of_earned:EUR") == [-30]


async def test_the_parts_of_a_total_are_history_as_the_total_was(shop: Any, intent: str) -> None:
    await shop.apply(told(intent, "re_1", 40))
    assert await shop.owner.fetchval("SELECT bool_and(imported) FROM refund") is True
    found = await read(shop.till, lambda tx: invariants.examine(tx, recent=False))
    assert [each for each in found if each.violations] == []


async def test_a_refund_that_failed_is_none_of_those_that_were_taken_over(shop: Any, intent: str) -> None:
    await shop.apply(told(intent, "re_1", 60, NoticeKind.REFUND_FAILED))
    assert await moved(shop) == 60
    await shop.apply(told(intent, "re_2", 60))
    assert await moved(shop) == 60


async def test_one_telling_that_adds_up_what_was_taken_over_apart_moves_nothing(shop: Any) -> None:
    intent = await captured_elsewhere(shop)
    refunds = (PastRefund(amount=40), PastRefund(amount=20, created_at=clock.now() - timedelta(days=1)))
    await fates(shop, a_payment(reference=intent, refunds=refunds))
    [decision] = await shop.apply(told(intent, "re_1", 60))
    assert decision.verdict is Verdict.KNOWN
    assert await moved(shop) == 60


async def test_a_refund_that_was_asked_for_here_is_never_taken_for_one_of_before(shop: Any, intent: str) -> None:
    del intent
    [payment] = await listed(shop)
    await shop.refund(payment, 60)
    await shop.catch_up()
    assert await moved(shop) == 120
