"""A wish for money back: refunded at once, waiting for people, or turned down by the policy."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.flows.asking import CAREFUL, EVE, agree, ask, rule
from tests.flows.test_packs import cards, kiosk

from tillkeeper.catalog import Package
from tillkeeper.flows.offer import add
from tillkeeper.flows.read import read
from tillkeeper.flows.request_refund import Asked, _begin
from tillkeeper.flows.sweep import purge
from tillkeeper.flows.use import use
from tillkeeper.idempotency import InProgressError, KeyReusedError
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.payments import PaymentDisputedError, RefundExceedsCapturedError, RefundNotAllowedError
from tillkeeper.refund_requests import Person, Policy, ReasonCode
from tillkeeper.reports import refund_request as report

__all__ = ["kiosk"]

BUYER = Person(id="user:ana", name="ana")
REFUNDS = "POST /v1/refunds"
LONG_AGO = "UPDATE payment SET captured_at = captured_at - interval '30 days'"


async def shown(shop: Any, request: Any) -> Any:
    id_ = ids.parse("refund_request", request["id"])
    return await read(shop.till, lambda tx: report.show(tx, id_))


async def test_a_small_refund_is_made_at_once(shop: Any) -> None:
    payment = await shop.paid()
    request = await ask(shop, payment, 50, note="came twice", evidence=("mail of Monday",))
    assert (request["status"], request["amount"], request["approvals_needed"]) == ("refunded", 50, 0)
    assert (request["note"], request["evidence"]) == ("came twice", ["mail of Monday"])
    assert [step["kind"] for step in request["history"]] == ["requested", "approved", "refunded"]
    assert [step["by"] for step in request["history"]] == ["Eve", "the refund policy", "the gateway"]
    assert (await shop.show(payment))["amount_refunded"] == 50
    assert await shop.asked(REFUNDS) == 1


async def test_without_an_amount_all_that_is_left_is_asked_for(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    assert (await ask(shop, payment))["amount"] == 100


async def test_a_large_refund_waits_for_a_person_and_moves_nothing(shop: Any) -> None:
    payment = await shop.paid(package="credits_600", currency="INR")
    request = await ask(shop, payment)
    assert (request["status"], request["approvals_needed"], request["refund"]) == ("open", 1, None)
    assert request["decided_at"] is None
    assert (await shop.show(payment))["amount_refunding"] == 0
    assert await shop.wallet() == (600, 0)
    assert await shop.asked(REFUNDS) == 0


async def test_what_only_the_policy_forbids_is_kept_as_rejected_and_says_why(shop: Any) -> None:
    payment = await shop.paid()
    await shop.owner.execute(LONG_AGO)
    request = await ask(shop, payment)
    assert (request["status"], request["refund"]) == ("rejected", None)
    assert "168 hours" in request["decision"]
    assert [step["by"] for step in request["history"]] == ["Eve", "the refund policy"]
    assert await shop.count("refund") == 0


async def test_an_override_of_the_window_waits_for_a_person(shop: Any) -> None:
    payment = await shop.paid()
    await shop.owner.execute(LONG_AGO)
    request = await ask(shop, payment, override_reason="we promised it")
    assert (request["status"], request["approvals_needed"]) == ("open", 1)
    assert (await agree(shop, request))["status"] == "refunded"


async def test_what_money_and_goods_forbid_is_an_error_and_stores_nothing(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(60)
    with pytest.raises(RefundNotAllowedError):
        await ask(shop, payment)
    with pytest.raises(RefundExceedsCapturedError):
        await ask(shop, payment, 200)
    with pytest.raises(InvalidStateError):
        await ask(shop, await shop.opened())
    with pytest.raises(NotFoundError):
        await ask(shop, {"id": ids.text("payment", ids.new())})
    assert await shop.count("refund_request") == await shop.count("refund") == 0
    assert await shop.count("idempotency_key", "resource_id IS NULL AND status IS NULL") == 0


async def test_a_disputed_payment_cannot_be_asked_for(shop: Any) -> None:
    payment = await shop.paid()
    await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    with pytest.raises(PaymentDisputedError):
        await ask(shop, payment, 50)


async def test_used_goods_go_back_with_a_reason_and_what_was_earned_stands_against_income(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(60)
    earned = 199 * 60 // 120
    request = await ask(shop, payment, override_reason="the game was broken")
    assert (request["status"], request["override_reason"]) == ("open", "the game was broken")
    assert (await agree(shop, request))["status"] == "refunded"
    stands = await shop.ledger("deferred:EUR", "revenue:credits:EUR", "refunds_of_earned:EUR", "refund_payable:EUR")
    assert stands == [0, earned, -earned, 0]
    assert await shop.wallet() == (0, 60)


async def test_a_policy_can_keep_used_goods_sold(shop: Any) -> None:
    await rule(shop, Policy(used_goods=False))
    payment = await shop.paid()
    await shop.spend(60)
    request = await ask(shop, payment, override_reason="the game was broken")
    assert (request["status"], "used" in request["decision"]) == ("rejected", True)


async def test_a_repeated_request_is_one_request_and_one_refund(shop: Any) -> None:
    payment = await shop.paid()
    first, again = await ask(shop, payment, 50, key="once"), await ask(shop, payment, 50, key="once")
    assert first == again
    with pytest.raises(KeyReusedError):
        await ask(shop, payment, 51, key="once")
    assert await shop.count("refund_request") == await shop.asked(REFUNDS) == 1


async def test_twenty_requests_for_everything_at_once_give_it_back_once(shop: Any) -> None:
    payment = await shop.paid()
    answers = await asyncio.gather(*(ask(shop, payment) for _ in range(20)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {dict: 1, RefundExceedsCapturedError: 19}
    assert await shop.count("refund_request") == await shop.asked(REFUNDS) == 1


async def test_a_request_whose_answer_got_lost_shows_the_refund_once_it_is_found(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "lost"
    request = await ask(shop, payment)
    assert request["status"] == "approved"
    shop.line.fault = None
    await shop.operate()
    assert (await shown(shop, request))["status"] == "refunded"
    assert await shop.asked(REFUNDS) == 1


async def test_a_refund_that_fails_later_shows_on_its_request(shop: Any) -> None:
    payment = await shop.paid()
    request = await ask(shop, payment)
    [made] = await shop.owner.fetch("SELECT gateway_reference FROM refund")
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    await shop.catch_up()
    after = await shown(shop, request)
    assert (after["status"], after["history"][-1]["kind"]) == ("failed", "failed")
    assert (await ask(shop, payment))["status"] == "refunded"


async def test_a_caller_that_died_before_telling_the_gateway_is_finished_by_its_repeat(shop: Any) -> None:
    payment = await shop.paid()
    asked = Asked(payment=ids.parse("payment", payment["id"]), by=EVE, reason_code=ReasonCode.DUPLICATE)
    wish = shop.wish("died", asked)
    await _begin(shop.till, wish, asked)
    with pytest.raises(InProgressError):
        await ask(shop, payment, key="died", reason_code=ReasonCode.DUPLICATE)
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now()")
    await shop.owner.execute("UPDATE operation SET lease_until = now() WHERE state = 'asked'")
    request = await ask(shop, payment, key="died", reason_code=ReasonCode.DUPLICATE)
    assert (request["status"], request["amount"]) == ("approved", 199)
    for _ in range(3):  # nobody knows whether the dead caller told the gateway, so it is looked for three times
        await shop.operate()
    assert (await shown(shop, request))["status"] == "refunded"
    assert await shop.asked(REFUNDS) == 1


async def test_the_key_of_a_request_is_kept_as_long_as_its_refund_is_in_doubt(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "lost"
    request = await ask(shop, payment, key="doubt")
    await shop.owner.execute("UPDATE idempotency_key SET created_at = now() - interval '2 days'")
    await purge(shop.till)
    assert await ask(shop, payment, key="doubt") == request
    shop.line.fault = None
    await shop.operate()
    await purge(shop.till)
    assert await shop.count("idempotency_key", "key = 'doubt'") == 0


async def test_requests_are_listed_newest_first_and_by_what_became_of_them(shop: Any) -> None:
    payment = await shop.paid()
    small = await ask(shop, payment, 10)
    await rule(shop, CAREFUL)
    waiting = await ask(shop, payment, 10)

    async def listed(**wanted: Any) -> list[str]:
        found: Any = await read(shop.till, lambda tx: report.find(tx, report.Filter(**wanted)))
        return [each["id"] for each in found["data"]]

    assert await listed() == [waiting["id"], small["id"]]
    assert await listed(status="open") == [waiting["id"]]
    assert await listed(status="refunded", payment=ids.parse("payment", payment["id"])) == [small["id"]]
    assert await listed(payment=ids.new()) == []


async def test_a_part_that_a_buyer_asks_for_waits_for_a_person_because_goods_go_back_in_whole_units(shop: Any) -> None:
    await add(shop.till, Package(id="unlock", kind="credits", title="Unlock", quantity=1, prices={"EUR": 4900}))
    payment = await shop.paid(package="unlock")
    request = await ask(shop, payment, 4899, by=BUYER)
    assert (request["status"], request["approvals_needed"]) == ("open", 1)
    assert await shop.asked(REFUNDS) == 0


async def test_all_that_is_left_goes_back_to_a_buyer_at_once(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 99)
    assert (await ask(shop, payment, by=BUYER))["status"] == "refunded"


async def test_cards_that_were_drawn_go_back_for_a_buyer_when_a_person_agrees(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    request = await ask(kiosk, payment, by=BUYER)
    assert (request["status"], request["approvals_needed"]) == ("open", 1)
    await agree(kiosk, request)
    assert {card["status"] for card in await cards(kiosk)} == {"revoked"}


@pytest.mark.parametrize(("used", "most"), [(0, 239), (2, 119), (4, 0)])
async def test_money_goes_back_without_an_override_as_far_as_no_used_card_is_taken(
    kiosk: Any, used: int, most: int
) -> None:
    payment = await kiosk.paid(package="pack_black")
    card = await kiosk.owner.fetchval("SELECT id FROM card WHERE ordinal = $1", used)
    await use(kiosk.till, kiosk.wish(), user="ana", card=card)
    with pytest.raises(RefundNotAllowedError):
        await ask(kiosk, payment, most + 1)
    if most:
        await ask(kiosk, payment, most)
    assert await kiosk.owner.fetchval("SELECT status FROM card WHERE id = $1", card) == "owned"


async def test_an_override_takes_used_cards_back_as_well(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    card = await kiosk.owner.fetchval("SELECT id FROM card WHERE ordinal = 0")
    await use(kiosk.till, kiosk.wish(), user="ana", card=card)
    await agree(kiosk, await ask(kiosk, payment, override_reason="broken by us"))
    assert await kiosk.owner.fetchval("SELECT status FROM card WHERE id = $1", card) == "revoked_after_use"
