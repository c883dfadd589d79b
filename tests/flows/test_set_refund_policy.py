"""The rules for giving money back: who set them and when, and what was in force before."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.asking import BEN, CAREFUL, ask, rule

from tillkeeper.access import StepUpNeededError
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, RequestNeededError, SecondPersonNeededError, refund
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.kernel import ids
from tillkeeper.refund_requests import Policy
from tillkeeper.reports import refund_policy


async def test_the_program_comes_with_fifty_units_within_a_week(shop: Any) -> None:
    shown: Any = await read(shop.till, refund_policy.show)
    assert (shown["version"], shown["auto_approve_units"], shown["window_hours"]) == (0, 50, 168)
    assert (shown["set_by"], shown["set_at"]) == (None, None)


async def test_a_new_policy_is_in_force_and_the_ones_before_stay_readable(shop: Any) -> None:
    first = await rule(shop, Policy(auto_approve_amounts={"EUR": 100}))
    second = await rule(shop, replace(CAREFUL, window_hours=None))
    assert second["version"] > first["version"] > 0
    assert (second["set_by"], second["note"], bool(second["set_at"])) == ("Ana", "for a test", True)
    listed: Any = await read(shop.till, refund_policy.find)
    assert [each["version"] for each in listed["data"]] == [second["version"], first["version"], 0]
    assert listed["data"][1]["auto_approve_amounts"] == {"EUR": 100}


async def test_a_request_remembers_by_which_rules_it_was_measured(shop: Any) -> None:
    payment = await shop.paid()
    before = await ask(shop, payment, 50)
    set_ = await rule(shop, CAREFUL)
    after = await ask(shop, payment, 50)
    assert (before["status"], before["policy_version"]) == ("refunded", 0)
    assert (after["status"], after["policy_version"]) == ("open", set_["version"])


async def test_without_direct_refunds_a_program_gives_back_only_what_the_policy_would(shop: Any) -> None:
    payment = await shop.paid()
    await rule(shop, Policy(direct_refunds=False, auto_approve_amounts={"EUR": 60}, share_max_bps=8_000))

    async def back(amount: int, *, by_admin: bool = False) -> int:
        wanted = RefundWish(payment=ids.parse("payment", payment["id"]), amount=amount, by_admin=by_admin)
        return (await refund(shop.till, shop.wish(None, (amount, by_admin)), wanted)).status

    assert await back(50) == 201
    with pytest.raises(RequestNeededError):
        await back(11)  # above what nobody needs to be asked for, in all
    assert await back(100, by_admin=True) == 201
    await rule(shop, Policy(direct_refunds=False, share_max_bps=8_000))
    with pytest.raises(RequestNeededError):
        await back(10)  # more than the share that goes back
    await rule(shop, Policy())
    assert await back(10) == 201


async def test_above_what_the_policy_approves_itself_a_person_gives_the_password_again(shop: Any) -> None:
    payment = await shop.paid()
    await rule(shop, Policy(auto_approve_amounts={"EUR": 100}))

    async def back(amount: int, *, fresh: bool = False) -> int:
        wanted = RefundWish(payment=ids.parse("payment", payment["id"]), amount=amount, fresh=fresh)
        return (await refund(shop.till, shop.wish(None, (amount, fresh)), wanted)).status

    assert await back(60) == 201
    with pytest.raises(StepUpNeededError):
        await back(41)  # many small refunds are one large one
    assert await back(40) == 201
    assert await back(41, fresh=True) == 201


async def test_nobody_gets_around_the_second_person_by_changing_the_rules(shop: Any) -> None:
    payment = await shop.paid()
    strict, loose = Policy(second_person_units=1), Policy(second_person_units=None)
    await rule(shop, strict)
    for _ in range(2):
        assert (await rule(shop, loose))["status"] == "proposed"
        with pytest.raises(SecondPersonNeededError):
            await shop.refund(payment)
    assert await shop.count("refund_policy", "proposed") == 1
    agreed = await set_refund_policy(shop.till, loose, by=BEN)
    assert (agreed["status"], agreed["set_by"], agreed["agreed_by"]) == ("in_force", "Ana", "Ben")
    assert (await shop.refund(payment))["status"] == "succeeded"
    listed: Any = await read(shop.till, refund_policy.find)
    assert [each["status"] for each in listed["data"]] == ["in_force", "past", "past", "past"]


async def test_a_proposal_falls_when_other_rules_are_set_or_proposed(shop: Any) -> None:
    strict, loose = Policy(second_person_units=1), Policy(second_person_units=9)
    for between in (replace(strict, window_hours=1), replace(loose, window_hours=1)):
        await rule(shop, strict)
        await rule(shop, loose)
        await rule(shop, between)
        assert (await set_refund_policy(shop.till, loose, by=BEN))["status"] == "proposed"
