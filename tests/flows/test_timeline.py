"""The timeline of a payment joins everything that happened to it, and the result page has words for all of it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.asking import ask
from tests.flows.conftest import uuid_of
from tests.flows.mailbox import mailbox
from tests.flows.merchant import merchant_of
from tests.flows.receiver import receiving
from tests.flows.test_correspond import deliver as post
from tests.flows.test_fulfil import hand_over, mend, paid_in_vain
from tests.flows.test_notify import notice, posted

from tillkeeper import audit
from tillkeeper.flows.annotate import annotate
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.replay import ignore, replay
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind
from tillkeeper.reports import timeline
from tillkeeper.web.shop import diary, scene

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


SUE = audit.Actor(id="member_sue", name="sue@example.com")


async def test_what_people_did_to_a_payment_and_to_what_belongs_to_it_is_told_with_who_and_why(shop: Any) -> None:
    payment = await shop.paid()
    till = replace(shop.till, by=SUE)
    await refund(till, shop.wish(), RefundWish(payment=uuid_of(payment), amount=10, reason="came broken"))
    message = await shop.owner.fetchval("SELECT id FROM inbox_message WHERE payment_id IS NOT NULL LIMIT 1")
    await replay(till, message)
    await ignore(till, message, reason="said twice")
    await shop.refund(await shop.paid(), 10)
    told = [each for each in await happened(shop, payment) if each["kind"] == "action"]
    assert [each["title"] for each in told] == ["refund.created", "webhook.replayed", "webhook.ignored"]
    assert {each["data"]["by"] for each in told} == {SUE.name}
    assert [each["data"]["reason"] for each in told] == ["came broken", None, "said twice"]
    assert told[0]["data"]["after"]["amount"] == 10
    assert told[1]["data"]["subject"] == ids.text("message", message)


async def test_a_note_is_told_once_with_who_wrote_it(shop: Any) -> None:
    payment = await shop.paid()
    await annotate(replace(shop.till, by=SUE), shop.wish(), uuid_of(payment), "Ana called.")
    [told] = [each for each in await happened(shop, payment) if "note" in f"{each['kind']} {each['title']}"]
    assert (told["kind"], told["title"], told["data"]["text"]) == ("note", SUE.name, "Ana called.")
    kept = await shop.owner.fetchval("SELECT id FROM payment_note")
    assert ids.parse("note", told["data"]["id"]) == kept


async def test_requests_are_told_with_their_key_and_how_often_they_came_again(shop: Any) -> None:
    payment = await shop.paid()
    wish = Wish(scope="secret:sandbox", key="order-7", request_sha=b"x")
    for _ in range(3):
        await refund(shop.till, wish, RefundWish(payment=uuid_of(payment), amount=10))
    told = [each for each in await happened(shop, payment) if each["data"].get("key") == "order-7"]
    assert [(each["kind"], each["title"]) for each in told] == [("api", "refund")]
    assert told[0]["data"]["replays"] == 2
    assert told[0]["data"]["status"] == 201
    assert told[0]["data"]["made"].startswith("refund_")


async def test_what_has_a_page_of_its_own_is_told_with_its_id(shop: Any) -> None:
    told = await happened(shop, await shop.paid())
    for kind, prefix in (("webhook", "message"), ("event", "event")):
        found = [ids.parse(prefix, each["data"]["id"]) for each in told if each["kind"] == kind]
        assert found, kind


async def test_a_buyer_is_not_shown_what_people_did_or_wrote(shop: Any) -> None:
    payment = await shop.paid()
    till = replace(shop.till, by=SUE)
    await annotate(till, shop.wish(), uuid_of(payment), "a word that is not for buyers")
    await refund(till, shop.wish(), RefundWish(payment=uuid_of(payment), amount=10, reason="nor is this"))
    shown = await scene.show(shop.till, uuid_of(payment))
    assert SUE.name not in str(shown.events)
    assert {each["kind"] for each in shown.events}.isdisjoint(scene.NOT_THEIRS)
