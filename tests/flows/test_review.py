"""A person rules on a payment that was held: its money is taken, or let go, once."""

import asyncio
from typing import Any

import pytest
from tests.flows.conftest import uuid_of
from tests.flows.test_assess import refused, rule

from tillkeeper.flows.guard import set_rules
from tillkeeper.flows.review import Verdict, review
from tillkeeper.idempotency import Replay
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.risk import Fact


async def held(shop: Any) -> Any:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 40)])
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert shown["status"] == "in_review"
    return shown


async def ruled(shop: Any, payment: Any, key: str | None = None, **more: Any) -> Replay:
    wanted: dict[str, Any] = {"approved": True}
    verdict = Verdict(**wanted | more)
    return await review(shop.by("bo"), shop.wish(key, verdict), uuid_of(payment), verdict)


async def test_an_approved_payment_is_captured_and_delivered(shop: Any) -> None:
    payment = await held(shop)
    answer = await ruled(shop, payment)
    assert (answer.status, answer.body["status"], answer.body["amount_captured"]) == (200, "succeeded", 199)
    assert await shop.wallet() == (120, 0)


async def test_a_rejected_payment_is_voided_and_nothing_was_taken(shop: Any) -> None:
    payment = await held(shop)
    answer = await ruled(shop, payment, approved=False, reason="stolen card")
    assert (answer.status, answer.body["status"], answer.body["amount_captured"]) == (200, "canceled", 0)
    assert await shop.wallet() == (0, 0)


async def test_the_history_says_who_ruled_and_why(shop: Any) -> None:
    payment = await held(shop)
    await ruled(shop, payment, approved=False, reason="stolen card")
    assert await shop.count("payment_change", "reason = 'rejected by bo: stolen card'") == 1


async def test_whoever_is_rejected_and_blocked_does_not_pay_again(shop: Any) -> None:
    payment = await held(shop)
    await ruled(shop, payment, approved=False, block=True)
    await refused(shop)


async def test_of_two_people_who_rule_at_once_one_wins(shop: Any) -> None:
    payment = await held(shop)
    answers = await asyncio.gather(ruled(shop, payment), ruled(shop, payment, approved=False), return_exceptions=True)
    assert sum(isinstance(answer, Replay) and answer.status == 200 for answer in answers) == 1
    assert await shop.asked("POST /v1/payment_intents/{id}/capture") <= 1
    await shop.catch_up()
    captured = (await shop.show(payment))["amount_captured"]
    assert await shop.wallet() == ((120, 0) if captured else (0, 0))


async def test_the_same_ruling_repeated_has_one_effect(shop: Any) -> None:
    payment = await held(shop)
    first, again = [await ruled(shop, payment, "once") for _ in range(2)]
    assert (again.body, again.repeated) == (first.body, True)


async def test_a_payment_that_was_not_held_is_not_ruled_on(shop: Any) -> None:
    payment = await shop.paid()
    with pytest.raises(InvalidStateError, match="in_review"):
        await ruled(shop, payment)


async def test_a_held_payment_is_not_captured_past_the_person_who_must_look(shop: Any) -> None:
    payment = await held(shop)
    with pytest.raises(InvalidStateError):
        await shop.capture(payment)


async def test_an_approval_whose_capture_gets_no_answer_is_finished_later(shop: Any) -> None:
    payment = await held(shop)
    shop.line.faults["/capture"] = "lost"
    answer = await ruled(shop, payment)
    assert (answer.status, answer.body["status"]) == (202, "requires_capture")

    shop.line.faults.clear()
    await shop.operate()
    await shop.catch_up()
    assert ((await shop.show(payment))["status"], await shop.wallet()) == ("succeeded", (120, 0))


async def test_money_that_the_gateway_lets_go_leaves_nothing_to_rule_on(shop: Any) -> None:
    payment = await held(shop)
    await shop.act(f"payment_intents/{payment['gateway_reference']}/lapse")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "canceled"
    with pytest.raises(InvalidStateError):
        await ruled(shop, payment)
