"""Every fact that a gateway tells is applied once, in whatever order and however often it comes."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.flows.conftest import uuid_of

from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.settle import settle
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.inbox.rules import retry_seconds
from tillkeeper.kernel import ids, meters
from tillkeeper.kernel.meters import Meter

CAPTURES = ("payment_intent.succeeded", "checkout.session.completed")


@pytest.fixture
def settled() -> Iterator[Counter[str]]:
    """Count what becomes of messages, by their status."""
    found: Counter[str] = Counter()

    def hear(meter: Meter, labels: tuple[str, ...], by: int) -> None:
        if meter is meters.webhooks_processed:
            found[labels[-1]] += by

    meters.listen(hear)
    yield found
    meters.listen(None)


async def test_a_paid_checkout_is_delivered_and_booked(shop: Any) -> None:
    payment = await shop.paid()
    assert payment["fulfilment"] == {"status": "delivered", "kind": "credits", "quantity": 120, "revoked": 0}
    assert await shop.wallet() == (120, 0)
    fee = (199 * 290 + 5_000) // 10_000 + 30
    stands = await shop.ledger("gateway:stripe:clearing:EUR", "deferred:EUR", "fees:stripe:processing:EUR")
    assert stands == [199 - fee, 199, fee]


async def test_two_events_that_tell_of_one_capture_deliver_once(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.hear_news(*CAPTURES)
    await shop.settle()
    assert await shop.inbox() == ["processed", "processed"]
    assert await shop.wallet() == (120, 0)
    assert await shop.count("payment_change", "step = 'captured'") == 1
    assert await shop.count("outbox_event", "type = 'payment.succeeded'") == 1


@pytest.mark.parametrize("seed", range(5))
async def test_shuffled_duplicates_of_many_payments_are_each_delivered_once(shop: Any, seed: int) -> None:
    for number in range(5):
        payment = await shop.opened(user=f"user-{number}")
        await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "lost_card"})
        await shop.pay(payment)
    letters = await shop.events() * 3
    random.Random(seed).shuffle(letters)
    for batch in range(0, len(letters), 7):
        await asyncio.gather(*(shop.hear(event) for event in letters[batch : batch + 7]))
        await settle(shop.till)
    await shop.settle()
    assert [await shop.wallet(f"user-{number}") for number in range(5)] == [(120, 0)] * 5
    assert await shop.count("payment", "status = 'succeeded'") == 5
    assert await shop.count("payment_change", "step = 'captured'") == 5
    assert await shop.count("journal", "kind = 'capture'") == 5


async def test_two_workers_at_once_settle_every_message_once(shop: Any, settled: Counter[str]) -> None:
    for number in range(40):
        payment = await shop.opened(user=f"user-{number % 10}")
        await shop.pay(payment)
    await shop.hear_news()
    waiting = await shop.count("inbox_message")
    assert waiting >= 160

    async def work() -> int:
        total = 0
        while looked := await settle(shop.till, limit=15):
            total += looked
        return total

    looked_at = await asyncio.gather(work(), work())

    # One may look while the other still holds what it was just told of: nothing is done then, and it looks again.
    assert settled.total() == waiting
    assert min(looked_at) > 0
    assert [await shop.wallet(f"user-{number}") for number in range(10)] == [(480, 0)] * 10
    assert await shop.count("journal", "kind = 'grant'") == 40
    assert set(await shop.inbox()) == {"processed", "ignored"}


@pytest.mark.parametrize("poison", ["sealed", "translated"])
async def test_a_poisonous_message_lets_its_neighbours_be_settled(shop: Any, poison: str) -> None:
    for number in range(19):
        payment = await shop.opened(user=f"user-{number}")
        await shop.pay(payment)
    await shop.hear(poisonous())
    if poison == "sealed":
        await shop.owner.execute(
            "UPDATE inbox_body SET sealed = 'no box made this' FROM inbox_message "
            "WHERE id = message_id AND event_id = 'evt_poison'"
        )
    await shop.hear_news("payment_intent.succeeded")

    await shop.settle()

    assert await shop.inbox(poisonous()) == ["received"]
    assert sorted(await shop.inbox()) == ["processed"] * 19 + ["received"]
    assert [await shop.wallet(f"user-{number}") for number in range(19)] == [(120, 0)] * 19


async def test_a_poisonous_message_is_tried_by_the_schedule_and_then_is_a_dead_letter(shop: Any) -> None:
    await shop.hear(poisonous())
    delays = []
    for tried in range(len(retry_seconds)):
        assert await settle(shop.till) == 1
        row = await shop.owner.fetchrow(
            "SELECT status, attempts, extract(epoch FROM due_at - clock_timestamp()) AS wait FROM inbox_message"
        )
        assert (row["status"], row["attempts"]) == ("received", tried + 1)
        delays.append(float(row["wait"]))
        assert await settle(shop.till) == 0
        await shop.owner.execute("UPDATE inbox_message SET due_at = now()")
    assert all(least - 1 <= wait <= least * 1.2 for least, wait in zip(retry_seconds, delays, strict=True))

    await settle(shop.till)

    assert await shop.inbox() == ["dead"]
    assert "KeyError" in await shop.owner.fetchval("SELECT reason FROM inbox_message")


async def test_a_message_that_fails_over_and_over_is_known_to_be_about_its_payment(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("payment_intent.succeeded")
    await shop.hear(event)
    await shop.owner.execute("UPDATE inbox_message SET attempts = 5")

    async def break_down(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("tillkeeper.flows.settle.follow", break_down)
    await shop.settle()
    assert await shop.inbox() == ["dead"]
    assert await shop.owner.fetchval("SELECT payment_id FROM inbox_message") == ids.parse("payment", payment["id"])


async def test_a_dead_letter_that_is_received_again_after_the_fix_has_one_effect(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("payment_intent.succeeded")
    await shop.hear(event)
    right = await shop.owner.fetchval("SELECT sealed FROM inbox_body")
    await shop.owner.execute("UPDATE inbox_body SET sealed = 'broken'")
    await shop.owner.execute("UPDATE inbox_message SET attempts = 5")
    await shop.settle()
    assert await shop.inbox() == ["dead"]
    await shop.owner.execute("UPDATE inbox_body SET sealed = $1", right)
    await shop.owner.execute("UPDATE inbox_message SET status = 'received', due_at = now()")
    await shop.settle()
    assert await shop.wallet() == (120, 0)


async def test_a_webhook_about_an_unknown_payment_waits_and_is_settled_when_it_is_known(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [intent] = await shop.events("payment_intent.succeeded")
    [session] = await shop.events("checkout.session.completed")
    intent["data"]["object"]["metadata"] = {}
    await shop.hear(intent)
    await shop.settle()
    assert await shop.inbox(intent) == ["parked"]

    await shop.hear(session)
    await shop.settle()

    assert await shop.inbox() == ["processed", "processed"]
    assert await shop.wallet() == (120, 0)


async def test_a_webhook_that_names_no_payment_of_ours_is_ignored_as_foreign_in_the_end(shop: Any) -> None:
    event = await foreign(shop, {})
    await settle_until_the_end(shop)
    assert await shop.inbox(event) == ["ignored"]
    assert "foreign" in await shop.owner.fetchval("SELECT reason FROM inbox_message")


async def test_a_webhook_that_names_a_payment_of_ours_that_never_appears_is_a_dead_letter(shop: Any) -> None:
    event = await foreign(shop, {"payment": ids.text("payment", ids.new())})
    await settle_until_the_end(shop)
    assert await shop.inbox(event) == ["dead"]


async def test_a_refund_of_a_payment_of_ours_whose_capture_never_comes_is_a_dead_letter(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    intent = await intent_of(shop)
    await shop.act("refunds", {"payment_intent": intent, "amount": 100})
    [event] = await shop.events("refund.created")
    event["data"]["object"]["metadata"] = {}
    await shop.owner.execute("INSERT INTO payment_reference SELECT 'stripe', $1, id FROM payment", intent)
    await shop.hear(event)
    await settle_until_the_end(shop)
    assert await shop.inbox(event) == ["dead"]


async def test_a_refund_before_its_capture_waits_and_then_the_net_effect_is_right(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.act("refunds", {"payment_intent": await intent_of(shop), "amount": 100})
    await shop.hear_news("refund.created", "refund.updated")
    await shop.settle()
    assert set(await shop.inbox()) == {"parked"}
    assert await shop.wallet() == (0, 0)

    await shop.hear_news("payment_intent.succeeded")
    await shop.settle()

    shown = await shop.show(payment)
    assert (shown["amount_captured"], shown["amount_refunded"]) == (199, 100)
    assert await shop.wallet() == (60, 0)  # floor(120 x 100 / 199) of 120 were taken back
    assert set(await shop.inbox()) == {"processed"}


async def test_a_refund_that_is_looked_at_again_together_with_its_capture_does_not_go_on_waiting(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.act("refunds", {"payment_intent": await intent_of(shop), "amount": 100})
    await shop.hear_news("refund.created", "refund.updated")
    await shop.settle()
    await shop.hear_news("payment_intent.succeeded")
    await shop.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status = 'parked'")
    await shop.settle()

    assert (await shop.show(payment))["amount_refunded"] == 100
    assert set(await shop.inbox()) == {"processed"}


async def test_a_full_refund_before_its_capture_leaves_nothing_delivered(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.act("refunds", {"payment_intent": await intent_of(shop)})
    for event in reversed(await shop.events()):
        await shop.hear(event)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["fulfilment"]["status"]) == (199, "revoked")
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("deferred:EUR", "refund_payable:EUR") == [0, 0]


@pytest.mark.parametrize("change", [{"amount_received": 198}, {"amount_received": 200}, {"currency": "usd"}])
async def test_a_capture_of_another_amount_or_currency_is_quarantined(shop: Any, change: dict[str, Any]) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("payment_intent.succeeded")
    event["data"]["object"] |= change
    await shop.hear(event)
    await shop.settle()
    assert await shop.inbox() == ["quarantined"]
    assert await shop.owner.fetchval("SELECT payment_id FROM inbox_message") == ids.parse("payment", payment["id"])
    assert (await shop.show(payment))["status"] == "requires_action"
    assert await shop.wallet() == (0, 0)


async def test_an_event_of_live_mode_has_no_effect_in_the_sandbox(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("payment_intent.succeeded")
    event["livemode"] = event["data"]["object"]["livemode"] = True
    await shop.hear(event)
    await shop.settle()
    assert await shop.inbox() == ["ignored"]
    assert "live" in await shop.owner.fetchval("SELECT reason FROM inbox_message")
    assert await shop.wallet() == (0, 0)


async def test_money_that_comes_after_expiry_is_delivered(shop: Any) -> None:
    payment = await shop.opened()
    await shop.hear(expiry_of(payment))
    await shop.settle()
    assert (await shop.show(payment))["status"] == "expired"

    await shop.pay(payment)
    await shop.catch_up()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_an_expiry_that_comes_after_the_money_changes_nothing(shop: Any) -> None:
    payment = await shop.paid()
    await shop.hear(expiry_of(payment))
    await shop.settle()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)


async def test_a_declined_card_leaves_the_payment_open_and_says_why(shop: Any) -> None:
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "insufficient_funds"})
    await shop.catch_up()
    shown = await shop.show(payment)
    assert shown["status"] == "requires_action"
    assert shown["last_error"]["code"] == "insufficient_funds"
    assert shown["next_action"] == payment["next_action"]


async def test_a_payment_that_was_declined_and_then_paid_succeeds(shop: Any) -> None:
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "insufficient_funds"})
    await shop.catch_up()
    await shop.pay(payment)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]) == ("succeeded", None)
    assert await shop.wallet() == (120, 0)


async def test_a_decline_that_comes_after_the_money_changes_nothing(shop: Any) -> None:
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/decline", {"code": "insufficient_funds"})
    await shop.pay(payment)
    for event in reversed(await shop.events()):
        await shop.hear(event)
        await shop.settle()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]) == ("succeeded", None)


async def test_an_event_type_without_effect_is_ignored_with_its_reason(shop: Any) -> None:
    await shop.hear({"id": "evt_1", "type": "customer.created", "data": {"object": {}}})
    await shop.settle()
    assert await shop.inbox() == ["ignored"]
    assert "customer.created" in await shop.owner.fetchval("SELECT reason FROM inbox_message")


async def test_everything_that_a_capture_brings_becomes_true_together_or_not_at_all(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")
    await shop.owner.execute("REVOKE INSERT ON outbox_event FROM tillkeeper_app")
    await shop.settle()
    assert (await shop.show(payment))["status"] == "requires_action"
    assert await shop.wallet() == (0, 0)
    assert await shop.count("journal") + await shop.count("entitlement") == 0

    await shop.owner.execute("GRANT INSERT ON outbox_event TO tillkeeper_app")
    await shop.owner.execute("UPDATE inbox_message SET due_at = now()")
    await shop.settle()
    assert await shop.wallet() == (120, 0)


async def test_the_history_tells_each_change_with_its_cause(shop: Any) -> None:
    await shop.paid()
    rows = await shop.owner.fetch("SELECT status_before, status_after, cause FROM payment_change ORDER BY id")
    assert [(row["status_before"], row["status_after"], row["cause"].split()[0]) for row in rows] == [
        (None, "created", "api"),
        ("created", "requires_action", "operation"),
        ("requires_action", "succeeded", "webhook"),
    ]


def poisonous() -> dict[str, Any]:
    return {"id": "evt_poison", "type": "payment_intent.succeeded", "data": {"object": {"no": "status"}}}


def expiry_of(payment: dict[str, Any]) -> dict[str, Any]:
    session = {
        "id": payment["gateway_reference"],
        "object": "checkout.session",
        "status": "expired",
        "payment_status": "unpaid",
        "payment_intent": None,
        "currency": "eur",
        "livemode": False,
        "metadata": {"payment": payment["id"]},
    }
    return {"id": "evt_expiry", "type": "checkout.session.expired", "livemode": False, "data": {"object": session}}


async def intent_of(shop: Any) -> str:
    [intent] = (await shop.books())["payment_intents"]
    return str(intent["payment_intent"])


async def foreign(shop: Any, metadata: dict[str, str]) -> dict[str, Any]:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("payment_intent.succeeded")
    event["data"]["object"] |= {"id": "pi_of_somebody_else", "metadata": metadata}
    await shop.hear(event)
    found: dict[str, Any] = event
    return found


async def settle_until_the_end(shop: Any) -> None:
    for _ in range(8):
        await settle(shop.till)
        await shop.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status IN ('received', 'parked')")


async def test_a_message_that_waited_long_has_all_its_tries_once_it_is_released(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [captured] = await shop.events("payment_intent.succeeded")
    made = await shop.act("refunds", {"payment_intent": captured["data"]["object"]["id"], "amount": 60})
    [created] = await shop.events("refund.created")
    await shop.hear(created)
    await shop.settle()
    await shop.owner.execute("UPDATE inbox_message SET attempts = 5 WHERE status = 'parked'")

    await shop.hear(captured)
    await shop.settle()

    assert made["amount"] == 60
    assert await shop.inbox(created) == ["processed"]
    assert await shop.count("inbox_message", "attempts > 0") == 0


async def test_an_amount_that_is_no_whole_number_never_reaches_the_books(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    [event] = await shop.events("payment_intent.succeeded")
    event["data"]["object"]["amount_received"] = 199.0

    await shop.hear(event)
    await shop.settle()

    assert (await shop.show(payment))["status"] == "requires_action"
    reason = await shop.owner.fetchval("SELECT reason FROM inbox_message WHERE event_id = $1", event["id"])
    assert "no whole number" in reason


async def test_webhooks_of_a_gateway_that_is_not_configured_any_more_wait_and_say_so(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.hear_news("payment_intent.succeeded")

    await settle(replace(shop.till, gateways={}))

    [reason] = await shop.owner.fetch("SELECT reason FROM inbox_message WHERE attempts = 1 AND status = 'received'")
    assert "stripe is not configured here" in reason["reason"]
    await shop.owner.execute("UPDATE inbox_message SET due_at = now()")
    await shop.settle()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_refund_at_a_gateway_that_is_not_configured_any_more_is_refused_and_nothing_is_stored(
    shop: Any,
) -> None:
    payment = await shop.paid()

    with pytest.raises(GatewayUnavailableError):
        await refund(replace(shop.till, gateways={}), shop.wish(), RefundWish(payment=uuid_of(payment)))

    assert await shop.count("refund") == 0
