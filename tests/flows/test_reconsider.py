"""Who is open already is judged again: lists and failed tries count for every checkout, and paid money stays paid."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.conftest import uuid_of
from tests.flows.test_assess import ADDRESS, refused, rule
from tests.flows.test_guard import thief

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows.guard import put_on_list, set_rules, take_off_list
from tillkeeper.flows.review import Verdict, review
from tillkeeper.gateway import Accepted, Declined
from tillkeeper.kernel import clock
from tillkeeper.risk import Context, Fact, Trait

TESTER = Context(address=ADDRESS)


async def status(shop: Any, payment: Any) -> str:
    return str((await shop.show(payment))["status"])


async def finish(shop: Any) -> None:
    """Let every call be made and every webhook be heard."""
    await shop.operate()
    await shop.catch_up()
    await shop.operate()
    await shop.catch_up()


async def decline(shop: Any, payment: Any, times: int = 1) -> None:
    for _ in range(times):
        await shop.act(f"sessions/{payment['gateway_reference']}/decline")
    await shop.catch_up()


async def held(shop: Any, **wanted: Any) -> Any:
    payment = await shop.opened(capture_method="manual", **wanted)
    await shop.pay(payment)
    return payment


def authorised(payment: Any, **more: Any) -> Notice:
    said: dict[str, Any] = {
        "kind": NoticeKind.PAYMENT_AUTHORIZED,
        "gateway": "stripe",
        "references": ("pi_held",),
        "payment": uuid_of(payment),
        "amount": payment["amount"],
        "currency": payment["currency"],
    }
    return Notice(**said | more)


async def test_what_somebody_has_open_ends_when_they_are_blocked(shop: Any) -> None:
    mine, others = [await shop.opened() for _ in range(2)], await shop.opened(user="ben")
    await put_on_list(shop.till, thief())
    await finish(shop)
    assert [await status(shop, each) for each in (*mine, others)] == ["canceled", "canceled", "requires_action"]
    assert (await shop.show(mine[0]))["risk"] == {
        "score": 100,
        "decision": "block",
        "reasons": ["on the block list"],
    }


async def test_a_blocked_user_cannot_pay_at_the_gateway_any_more(shop: Any) -> None:
    payment = await shop.opened()
    await put_on_list(shop.till, thief())
    await finish(shop)
    with pytest.raises(AssertionError):
        await shop.pay(payment)


async def test_whoever_is_rejected_and_blocked_loses_what_is_open_by_any_trait(shop: Any) -> None:
    await set_rules(shop.till, [rule(Fact.AMOUNT, 1000, 40)])
    opened = await shop.opened(user="another", context=TESTER)
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 40)])
    waiting = await shop.opened(context=TESTER)
    await shop.pay(waiting)
    await shop.catch_up()
    verdict = Verdict(approved=False, block=True)
    await review(shop.by("bo"), shop.wish("k", verdict), uuid_of(waiting), verdict)
    await finish(shop)
    assert [await status(shop, each) for each in (opened, waiting)] == ["canceled", "canceled"]


async def test_money_that_was_captured_before_the_end_was_told_is_delivered(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await put_on_list(shop.till, thief())
    await finish(shop)
    assert (await status(shop, payment), await shop.wallet()) == ("succeeded", (120, 0))


async def test_money_that_a_blocked_user_only_set_aside_is_let_go(shop: Any) -> None:
    payment = await held(shop)
    await put_on_list(shop.till, thief())
    await shop.catch_up()
    await finish(shop)
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_captured"], await shop.wallet()) == ("canceled", 0, (0, 0))


async def test_money_that_would_be_captured_by_us_is_let_go_instead(shop: Any) -> None:
    payment = await shop.opened()
    await shop.owner.execute("UPDATE operation SET state = 'done'")
    await put_on_list(shop.till, thief())
    await shop.owner.execute("DELETE FROM operation WHERE kind = 'cancel'")
    await shop.apply(authorised(payment))
    assert [row["kind"] for row in await shop.owner.fetch("SELECT kind FROM operation WHERE state = 'asked'")] == [
        "cancel"
    ]


async def test_held_money_that_nobody_can_void_is_neither_taken_nor_asked_after_for_ever(shop: Any) -> None:
    payment = await shop.opened()
    await put_on_list(shop.till, thief())
    await shop.owner.execute("DELETE FROM operation WHERE kind = 'cancel'")
    await shop.apply(authorised(payment))
    stubborn = _NoVoid(shop.till.gateways["stripe"], authorised(payment))
    shop.till = replace(shop.till, gateways={"stripe": stubborn})
    await finish(shop)
    assert (await status(shop, payment), stubborn.asked) == ("requires_capture", 1)
    assert await shop.count("operation", "state = 'asked'") == 0


class _NoVoid:
    """Stand before a gateway that cannot void; it says that the money is still held."""

    def __init__(self, gateway: Any, still: Notice) -> None:
        self._gateway, self._still, self.asked = gateway, still, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    async def cancel(self, reference: str, key: str) -> Any:
        del reference, key
        self.asked += 1
        return Declined(code="invalid_state", message="there is no void")

    async def retrieve(self, reference: str) -> Any:
        return Accepted(references=(reference,), notices=(self._still,))


async def test_what_is_held_already_waits_for_whoever_decides_about_it(shop: Any) -> None:
    payment = await held(shop)
    await shop.catch_up()
    await put_on_list(shop.till, thief())
    await finish(shop)
    assert await status(shop, payment) == "requires_capture"


async def test_whoever_is_blocked_while_the_gateway_opens_a_checkout_does_not_keep_it(shop: Any) -> None:
    shop.line.fault = "lost"
    assert (await shop.create()).status == 202
    await put_on_list(shop.till, thief())
    shop.line.fault = None
    await finish(shop)
    assert await shop.count("payment", "status = 'canceled'") == 1


async def test_of_a_listing_and_a_checkout_at_once_none_slips_through(shop: Any) -> None:
    await asyncio.gather(*(shop.create() for _ in range(4)), put_on_list(shop.till, thief()))
    await finish(shop)
    assert await shop.count("payment", "status NOT IN ('canceled', 'failed')") == 0


async def test_cards_that_are_tried_out_in_one_checkout_end_it_and_all_others_from_there(shop: Any) -> None:
    opened = [await shop.opened(user=f"tester-{number}", context=TESTER) for number in range(3)]
    honest = await shop.opened(user="honest", context=Context(address="203.0.113.8"))
    await decline(shop, opened[0], times=10)
    assert await status(shop, opened[0]) == "requires_action"
    await decline(shop, opened[0])
    await finish(shop)
    assert [await status(shop, each) for each in opened] == ["canceled"] * 3
    assert await status(shop, honest) == "requires_action"
    await refused(shop, user="another", context=TESTER)


async def test_failed_tries_count_by_when_they_happened_and_not_by_when_the_payment_was_opened(shop: Any) -> None:
    opened = [await shop.opened(user=f"tester-{number}", context=TESTER) for number in range(11)]
    await shop.owner.execute("UPDATE risk_assessment SET at = at - interval '2 hours'")
    for payment in opened[:-1]:
        await shop.apply(authorised(payment, kind=NoticeKind.PAYMENT_FAILED, references=(), attempt=payment["id"]))
    assert (await shop.create(user="another", context=TESTER)).status == 201
    last = authorised(opened[-1], kind=NoticeKind.PAYMENT_FAILED, references=(), attempt="last")
    await shop.apply(last)
    await refused(shop, user="yet-another", context=TESTER)


async def test_tries_that_failed_long_ago_do_not_count_although_they_are_told_now(shop: Any) -> None:
    payment = await shop.opened(context=TESTER)
    await shop.owner.execute("UPDATE payment SET created_at = created_at - interval '3 hours'")
    long_ago = clock.now() - timedelta(hours=2)
    for number in range(12):
        failed = authorised(payment, kind=NoticeKind.PAYMENT_FAILED, references=(), attempt=f"a{number}")
        await shop.apply(replace(failed, occurred_at=long_ago))
    assert await status(shop, payment) == "requires_action"
    assert (await shop.create(user="another", context=TESTER)).status == 201


async def test_whoever_was_taken_off_the_list_again_pays_as_ever(shop: Any) -> None:
    entry = await put_on_list(shop.till, thief(trait=Trait.ADDRESS, value=ADDRESS))
    await take_off_list(shop.till, entry)
    await shop.paid(context=TESTER)
