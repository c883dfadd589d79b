"""The timeline of a payment joins everything that happened to it, and the result page has words for all of it."""

from typing import Any

import pytest
from tests.flows.asking import ask
from tests.flows.mailbox import mailbox
from tests.flows.merchant import merchant_of
from tests.flows.receiver import receiving
from tests.flows.test_correspond import deliver as post
from tests.flows.test_fulfil import hand_over, mend, paid_in_vain
from tests.flows.test_notify import notice, posted

from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind
from tillkeeper.reports import timeline
from tillkeeper.web.shop import diary

UNTOLD = (Kind.CREATE, Kind.FEE)
"""Opening a checkout stands among the attempts, and asking for a fee is no news of the payment."""


async def happened(shop: Any, payment: Any) -> list[dict[str, Any]]:
    shown: Any = await read(shop.till, lambda tx: timeline.show(tx, ids.parse("payment", payment["id"])))
    found: list[dict[str, Any]] = shown["data"]
    assert len(diary.entries(found, {"stripe": "Stripe"})) == len(found)
    return found


@pytest.mark.parametrize("kind", [each for each in Kind if each not in UNTOLD])
@pytest.mark.parametrize("state", ["asked", "done", "declined", "refused", "given_up"])
def test_every_call_of_a_gateway_is_told_in_words(kind: str, state: str) -> None:
    said = {"gateway": "stripe", "state": state, "error": None}
    call = {"at": "2026-11-21T10:00:00Z", "kind": "call", "title": str(kind), "data": said}
    [entry] = diary.entries([call], {"stripe": "Stripe"})
    assert entry.words.startswith("Asked Stripe to ")


async def test_goods_that_came_late_are_told_in_words_and_leave_the_balance_to_the_wallet(shop: Any) -> None:
    payment = await paid_in_vain(shop)
    waiting = await happened(shop, payment)
    assert [each["title"] for each in waiting if each["kind"] == "goods"] == ["late pending"]
    assert diary.balance_after(waiting) is None
    await mend(shop)
    await hand_over(shop)
    assert diary.balance_after(await happened(shop, payment)) == 120


async def test_the_timeline_joins_what_was_asked_told_sent_and_written(shop: Any) -> None:
    async with mailbox() as box, receiving() as door:
        shop.till = posted(shop.till, box)
        shop.intake.till = shop.till
        await notice(shop.till)
        merchant = merchant_of(shop.till, shop.owner)
        await merchant.subscribe(door.url, "payment.succeeded")
        payment = await shop.paid()
        await ask(shop, payment, 50, note="came twice")
        await post(merchant)
        await merchant.send()
    told = [(each["kind"], each["title"]) for each in await happened(shop, payment)]
    for wanted in (
        *(("request", "requested"), ("request", "approved"), ("sent", "payment.succeeded")),
        *(("letter", "payment.succeeded"), ("event", "payment.succeeded"), ("delivery", "grant")),
    ):
        assert told.count(wanted) == 1, (wanted, told)
    assert {kind for kind, _ in told} <= set(timeline.KINDS)


async def test_what_happened_in_one_moment_is_told_in_the_order_in_which_one_thing_brings_the_next(shop: Any) -> None:
    payment = await shop.paid()
    await shop.owner.execute("ALTER TABLE payment_change DISABLE TRIGGER USER")
    await shop.owner.execute("UPDATE payment_change SET at = '2026-01-01Z'")
    await shop.owner.execute("UPDATE outbox_event SET created_at = '2026-01-01Z'")
    kinds = [each["kind"] for each in await happened(shop, payment) if each["at"].startswith("2026-01-01")]
    assert kinds == sorted(kinds, key=timeline.KINDS.index)
    assert {*kinds} == {"payment", "event"}
