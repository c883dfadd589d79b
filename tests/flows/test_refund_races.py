"""Our own refund, its webhook and the gateway's dashboard, all at once: one row for each refund that really is."""

import asyncio
from typing import Any

import pytest
from tests.flows.asking import CAREFUL, agree, ask, rule
from tests.flows.test_claim import disputed

from tillkeeper.flows.settle import settle
from tillkeeper.gateway import Absent, Declined

rounds = 8
COPIES = 4
ORIGINS = "SELECT origin, status, amount FROM refund ORDER BY origin"


async def in_the_dashboard(shop: Any, payment: Any, amount: int | None = None) -> bool:
    """Refund as somebody at the gateway would; false when the gateway has nothing left to give."""
    wish = {"payment_intent": payment["gateway_reference"]} | ({"amount": amount} if amount else {})
    answer = await shop.http.post(f"{shop.line.sandbox}/_control/stripe/refunds", json=wish)
    return bool(answer.status_code == 200)


async def hear_while(shop: Any, *work: Any) -> list[Any]:
    """Do some work while webhooks are heard and settled by several workers, as fast as they come."""
    over = asyncio.Event()

    async def hear() -> None:
        while not over.is_set():
            await shop.hear_news()
            await asyncio.gather(*(settle(shop.till) for _ in range(3)))
            await asyncio.sleep(0)

    hearing = asyncio.create_task(hear())
    done = await asyncio.gather(*work, return_exceptions=True)
    over.set()
    await hearing
    await shop.catch_up()
    return done


async def end(shop: Any) -> None:
    """Let whatever is in doubt be found out."""
    for _ in range(4):
        await shop.operate()
        await shop.catch_up()


async def agreed(shop: Any) -> None:
    """Compare every payment with the gateway's own books."""
    theirs = {line["payment_intent"]: line["refunded"] for line in (await shop.books())["payment_intents"]}
    rows = await shop.owner.fetch("SELECT gateway_reference, amount_refunded, amount_refunding FROM payment")
    assert {row["gateway_reference"]: row["amount_refunded"] for row in rows} == theirs
    assert {row["amount_refunding"] for row in rows} == {0}
    wrong = await shop.owner.fetch(
        "SELECT payment_id FROM refund GROUP BY payment_id "
        "HAVING coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) <> "
        "(SELECT amount_refunded FROM payment WHERE id = payment_id)"
    )
    assert wrong == []
    assert set(await shop.inbox()) <= {"processed", "ignored"}


async def test_our_refund_and_its_webhook_at_once_are_one_row(shop: Any) -> None:
    payments = [await shop.paid() for _ in range(rounds)]
    await hear_while(shop, *(shop.refund(payment, 60) for payment in payments))
    await end(shop)
    assert await shop.count("refund") == rounds
    assert await shop.count("refund", "status = 'succeeded' AND origin = 'us'") == rounds
    assert await shop.count("payment_change", "step = 'refund_succeeded'") == rounds
    await agreed(shop)


async def test_our_refund_whose_reply_is_lost_and_its_webhook_at_once_are_one_row(shop: Any) -> None:
    payments = [await shop.paid() for _ in range(rounds)]
    shop.line.fault = "lost"
    await hear_while(shop, *(shop.refund(payment, 60) for payment in payments))
    shop.line.fault = None
    await end(shop)
    assert await shop.count("refund") == rounds
    assert await shop.asked("POST /v1/refunds") == rounds
    await agreed(shop)


async def test_a_refund_in_the_dashboard_that_is_told_many_times_at_once_is_one_row(shop: Any) -> None:
    payment = await shop.paid()
    assert await in_the_dashboard(shop, payment, 60)
    told = await shop.events("refund.created", "refund.updated", "charge.refunded")
    copies = [{**event, "id": f"{event['id']}_{copy}"} for event in told for copy in range(COPIES)]
    await asyncio.gather(*(shop.hear(event) for event in copies))
    await asyncio.gather(*(settle(shop.till, limit=1) for _ in copies))
    await shop.catch_up()
    assert [tuple(row) for row in await shop.owner.fetch(ORIGINS)] == [("gateway", "succeeded", 60)]
    await agreed(shop)


async def test_all_of_the_money_refunded_by_us_and_in_the_dashboard_at_once_goes_back_once(shop: Any) -> None:
    payments = [await shop.paid() for _ in range(rounds)]
    work = [side for payment in payments for side in (shop.refund(payment), in_the_dashboard(shop, payment))]
    await hear_while(shop, *work)
    await end(shop)
    assert await shop.count("refund", "status = 'succeeded'") == rounds
    assert await shop.count("refund", "status = 'pending'") == 0
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("refund_payable:EUR", "deferred:EUR") == [0, 0]
    # Where both were promised for a while, the second was promised out of what counts as earned until the first failed.
    assert sum(await shop.ledger("revenue:credits:EUR", "refunds_of_earned:EUR")) == 0
    await agreed(shop)


async def test_parts_refunded_by_us_and_in_the_dashboard_at_once_are_a_row_each(shop: Any) -> None:
    payments = [await shop.paid() for _ in range(rounds)]
    work = [side for payment in payments for side in (shop.refund(payment, 50), in_the_dashboard(shop, payment, 50))]
    await hear_while(shop, *work)
    await end(shop)
    assert await shop.count("refund", "status = 'succeeded'") == 2 * rounds
    assert await shop.wallet() == (rounds * (120 - 120 * 100 // 199), 0)
    await agreed(shop)


async def test_spent_credits_refunded_by_us_and_in_the_dashboard_at_once_are_owed_once(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(100)
    request = await ask(shop, payment, override_reason="a promise")
    await hear_while(shop, agree(shop, request), in_the_dashboard(shop, payment))
    await end(shop)
    assert await shop.count("refund", "status = 'succeeded'") == 1
    assert await shop.wallet() == (0, 100)
    assert await shop.ledger("deferred:EUR", "refund_payable:EUR") == [0, 0]
    assert sum(await shop.ledger("revenue:credits:EUR", "refunds_of_earned:EUR")) == 0
    await agreed(shop)


@pytest.mark.parametrize("fault", [None, "lost"])
async def test_an_approval_and_the_dashboard_at_once_give_the_money_back_once(shop: Any, fault: str | None) -> None:
    await rule(shop, CAREFUL)
    payment = await shop.paid()
    request = await ask(shop, payment)
    shop.line.fault = fault
    await hear_while(shop, agree(shop, request), in_the_dashboard(shop, payment))
    shop.line.fault = None
    await end(shop)
    assert await shop.count("refund", "status = 'succeeded'") == 1
    assert await shop.wallet() == (0, 0)
    await agreed(shop)


async def test_a_refund_that_waited_is_not_sent_when_a_bank_takes_the_money_meanwhile(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "busy"
    made = await shop.refund(payment)
    shop.line.fault = None
    assert made["status"] == "pending"
    await disputed(shop, payment)
    called = len(shop.line.calls)
    await shop.operate()
    assert shop.line.calls[called:] == []
    shown = await shop.show_refund(made)
    assert (shown["status"], shown["error"]) == ("failed", "payment_disputed")
    assert await shop.ledger("refund_payable:EUR") == [0]
    assert (await shop.show(payment))["amount_refunding"] == 0


async def test_a_refund_that_may_have_been_sent_before_a_dispute_is_only_asked_after(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    made = await shop.refund(payment)
    shop.line.fault = None
    opened = await disputed(shop, payment)
    for _ in range(5):
        await shop.operate()
    assert await shop.asked("POST /v1/refunds") == 0
    assert (await shop.show_refund(made))["status"] == "pending"
    await shop.act(f"disputes/{opened}/win")
    await shop.catch_up()
    for _ in range(3):
        await shop.operate()
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.asked("POST /v1/refunds") == 1


async def test_a_refund_that_was_made_unheard_and_then_declined_takes_its_goods_when_it_is_heard_of(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def absent(*_: Any) -> Absent:
        return Absent()

    async def decline(*_: Any) -> Declined:
        return Declined(code="duplicate_receipt", message="This was done already.")

    payment = await shop.paid()
    shop.line.fault = "lost"
    made = await shop.refund(payment, 100)
    shop.line.fault = None
    gateway = type(shop.till.gateways["stripe"])
    monkeypatch.setattr(gateway, "look_up_refund", absent)
    monkeypatch.setattr(gateway, "refund", decline)
    for _ in range(4):
        await shop.operate()
    assert ((await shop.show_refund(made))["status"], await shop.wallet()) == ("failed", (120, 0))

    await shop.catch_up()

    assert ((await shop.show(payment))["amount_refunded"], await shop.wallet()) == (100, (60, 0))
    assert (await shop.show_refund(made))["status"] == "failed"
    [intent] = (await shop.books())["payment_intents"]
    assert (intent["refunds"], intent["refunded"]) == (1, 100)
