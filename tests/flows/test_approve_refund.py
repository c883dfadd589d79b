"""Agreeing to a refund: as many different people as it needs, and then exactly one refund."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from tests.flows.asking import ANA, BEN, CAREFUL, EVE, agree, ask, rule, turn_down

from tillkeeper.flows.approve_refund import approve_refund
from tillkeeper.flows.refund import SecondPersonNeededError
from tillkeeper.idempotency import InProgressError
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError
from tillkeeper.kernel.failpoints import FailpointError
from tillkeeper.payments import RefundExceedsCapturedError
from tillkeeper.refund_requests import Policy

REFUNDS = "POST /v1/refunds"
PAIRS = replace(CAREFUL, second_person_amounts={"EUR": 100})
"""Every refund needs a person, and more than 1.00 in all needs two."""


async def test_one_person_is_enough_for_a_refund_that_needs_one(shop: Any) -> None:
    await rule(shop, CAREFUL)
    payment = await shop.paid()
    done = await agree(shop, await ask(shop, payment))
    assert (done["status"], done["approvals"], done["decision"]) == ("refunded", ["Ana"], "Approved by Ana.")
    assert [step["kind"] for step in done["history"]] == ["requested", "approval", "approved", "refunded"]
    assert (await shop.show(payment))["amount_refunded"] == 199
    assert await shop.asked(REFUNDS) == 1


async def test_a_large_refund_needs_two_different_people(shop: Any) -> None:
    await rule(shop, PAIRS)
    request = await ask(shop, await shop.paid())
    assert request["approvals_needed"] == 2
    first = await agree(shop, request, ANA)
    assert (first["status"], first["approvals"]) == ("open", ["Ana"])
    with pytest.raises(InvalidStateError, match="somebody else"):
        await agree(shop, request, ANA)
    assert await shop.asked(REFUNDS) == 0
    assert (await agree(shop, request, BEN))["status"] == "refunded"
    assert await shop.asked(REFUNDS) == 1


async def test_whoever_asked_counts_as_one_of_two(shop: Any) -> None:
    await rule(shop, PAIRS)
    request = await ask(shop, await shop.paid())
    assert (await agree(shop, request, EVE))["status"] == "open"
    with pytest.raises(InvalidStateError):
        await agree(shop, request, EVE)
    assert (await agree(shop, request, ANA))["status"] == "refunded"


async def test_two_small_requests_that_are_large_together_need_two_people_in_the_end(shop: Any) -> None:
    await rule(shop, PAIRS)
    payment = await shop.paid()
    one, other = await ask(shop, payment, 80), await ask(shop, payment, 80)
    assert (one["approvals_needed"], other["approvals_needed"]) == (1, 1)
    assert (await agree(shop, one, ANA))["status"] == "refunded"
    waiting = await agree(shop, other, ANA)
    assert (waiting["status"], waiting["approvals_needed"]) == ("open", 2)
    done = await agree(shop, other, BEN)
    assert (done["status"], done["approvals_needed"]) == ("refunded", 2)


async def test_nobody_refunds_directly_what_needs_two_people(shop: Any) -> None:
    await rule(shop, PAIRS)
    payment = await shop.paid()
    assert (await shop.refund(payment, 60))["status"] == "succeeded"
    with pytest.raises(SecondPersonNeededError):
        await shop.refund(payment, 41)
    assert await shop.count("refund") == 1


async def test_of_twenty_people_who_agree_at_once_one_makes_the_refund(shop: Any) -> None:
    await rule(shop, CAREFUL)
    request = await ask(shop, await shop.paid())
    crowd = [replace(ANA, id=f"key_{number}") for number in range(20)]
    answers = await asyncio.gather(*(agree(shop, request, person) for person in crowd), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {dict: 1, InvalidStateError: 19}
    assert await shop.count("refund") == await shop.asked(REFUNDS) == 1


async def test_a_repeated_approval_gets_the_first_answer(shop: Any) -> None:
    await rule(shop, CAREFUL)
    request = await ask(shop, await shop.paid())
    first, again = await agree(shop, request, key="once"), await agree(shop, request, key="once")
    assert first == again
    assert await shop.asked(REFUNDS) == 1


async def test_approving_what_cannot_go_back_any_more_is_refused_and_stays_open(shop: Any) -> None:
    await rule(shop, CAREFUL)
    payment = await shop.paid()
    request = await ask(shop, payment)
    await shop.refund(payment, 100)
    with pytest.raises(RefundExceedsCapturedError):
        await agree(shop, request)
    assert await shop.count("refund_request", "state = 'open'") == 1
    assert await shop.count("refund_request_step", "kind = 'approval'") == 0
    assert (await turn_down(shop, request))["status"] == "rejected"


async def test_a_request_is_decided_once(shop: Any) -> None:
    await rule(shop, CAREFUL)
    payment = await shop.paid()
    rejected = await turn_down(shop, await ask(shop, payment), key="no")
    assert (rejected["status"], rejected["decision"]) == ("rejected", "no receipt")
    assert rejected["history"][-1]["by"] == "Ana"
    with pytest.raises(InvalidStateError):
        await agree(shop, rejected)
    approved = await agree(shop, await ask(shop, payment))
    with pytest.raises(InvalidStateError):
        await turn_down(shop, approved)
    assert await shop.asked(REFUNDS) == 1


async def test_a_request_that_does_not_exist_is_not_found(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await approve_refund(shop.till, shop.wish(), ids.new(), by=ANA)


async def test_an_approver_that_died_before_telling_the_gateway_loses_and_doubles_nothing(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rule(shop, CAREFUL)
    payment = await shop.paid()
    request = await ask(shop, payment)
    monkeypatch.setenv("TILL_FAILPOINTS", "approve_refund:committed=raise")
    with pytest.raises(FailpointError):
        await agree(shop, request, key="died")
    monkeypatch.delenv("TILL_FAILPOINTS")
    with pytest.raises(InProgressError):
        await agree(shop, request, key="died")

    for _ in range(3):  # a worker finishes it: it looks for the refund as often as a doubt deserves, and makes it
        await shop.operate()

    assert (await shop.show(payment))["amount_refunded"] == 199
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now()")
    assert (await agree(shop, request, key="died"))["status"] == "refunded"
    assert await shop.asked(REFUNDS) == 1


async def test_a_refund_without_an_answer_is_found_by_asking_after_its_approval(shop: Any) -> None:
    await rule(shop, Policy(auto_approve_units=None))
    payment = await shop.paid()
    request = await ask(shop, payment)
    shop.line.fault = "lost"
    assert (await agree(shop, request))["status"] == "approved"
    shop.line.fault = None
    await shop.operate()
    assert (await shop.show(payment))["amount_refunded"] == 199
    assert await shop.asked(REFUNDS) == 1
