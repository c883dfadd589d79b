"""Letters are owed with what they tell of: each once, to whoever wants them, and to nobody while mail is off."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.mailbox import Mailbox, mailbox
from tests.flows.merchant import Merchant, merchant_of
from tests.flows.receiver import receiving

from tillkeeper import mail
from tillkeeper.flows.notify import age_max, notify
from tillkeeper.flows.sequence import sequence
from tillkeeper.inbox.rules import retry_seconds
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.till import Till

OPS = "ops@shop.example"


def posted(till: Till, box: Mailbox, **more: Any) -> Till:
    """Let a till send mail: receipts, and alerts to one address."""
    wanted = {
        "mail_from": "Shop <shop@shop.example>",
        "mail_receipts": True,
        "mail_alerts_to": OPS,
        "public_url": "https://shop.example",
    } | more
    settings = till.settings.model_copy(update=wanted)
    return replace(till, settings=settings, mail=mail.open_office(settings, Secrets({"TILL_SMTP_URL": box.url()})))


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as opened:
        yield opened


@pytest.fixture
async def merchant(shop: Any, box: Mailbox) -> Merchant:
    """Switch mail on, for what happens from now on."""
    shop.till = posted(shop.till, box)
    shop.intake.till = shop.till
    await notice(shop.till)
    return merchant_of(shop.till, shop.owner)


async def notice(till: Till) -> None:
    """Give what happened its numbers, and owe its letters."""
    while await sequence(till):
        pass
    while await notify(till):
        pass


async def owed(merchant: Merchant) -> list[tuple[str, str]]:
    rows = await merchant.owner.fetch("SELECT kind, topic FROM mail_letter ORDER BY created_at, id")
    return [(row["kind"], row["topic"]) for row in rows]


async def test_what_happened_before_mail_was_switched_on_is_told_to_nobody(shop: Any, box: Mailbox) -> None:
    await shop.paid()
    till = posted(shop.till, box)
    await notice(till)
    await notice(till)
    assert await owed(merchant_of(till, shop.owner)) == []


async def test_a_payment_and_its_refund_owe_a_receipt_each_however_often_they_are_looked_at(
    shop: Any, merchant: Merchant
) -> None:
    payment = await shop.paid()
    await shop.refund(payment)
    await shop.operate()
    await shop.catch_up()
    for _ in range(2):
        await notice(merchant.till)
        await merchant.owner.execute("UPDATE event_cursor SET seq = 0")
    assert await owed(merchant) == [("receipt", "payment.succeeded"), ("receipt", "refund.succeeded")]


async def test_receipts_are_written_only_where_they_are_wanted(shop: Any, merchant: Merchant, box: Mailbox) -> None:
    await shop.paid()
    await notice(posted(shop.till, box, mail_receipts=False))
    assert await owed(merchant) == []


@pytest.mark.parametrize(
    "type_", ["dispute.opened", "fulfilment.failed", "payout.failed", "reconciliation.discrepancy"]
)
async def test_what_needs_a_person_is_told_to_operators(merchant: Merchant, type_: str) -> None:
    await merchant.announce(type_, "payment.created", "dispute.won")
    await notice(merchant.till)
    assert await owed(merchant) == [("alert", type_)]


async def test_with_nobody_to_hear_of_it_no_alert_is_owed(merchant: Merchant, box: Mailbox) -> None:
    await merchant.announce("dispute.opened")
    await notice(posted(merchant.till, box, mail_alerts_to=""))
    assert await owed(merchant) == []


async def test_what_is_old_when_mail_is_switched_on_again_is_told_to_nobody(merchant: Merchant) -> None:
    await merchant.announce("dispute.opened")
    late = merchant.till.now() + age_max + timedelta(minutes=1)
    await notice(replace(merchant.till, now=lambda: late))
    assert await owed(merchant) == []


async def test_a_webhook_that_is_given_up_is_told_to_operators(shop: Any, merchant: Merchant) -> None:
    await shop.hear({"id": "evt_bad", "object": "event", "type": "payment_intent.succeeded", "data": {"object": 1}})
    for _ in range(len(retry_seconds) + 1):
        await shop.settle()
        await shop.owner.execute("UPDATE inbox_message SET due_at = now()")
    assert await shop.owner.fetchval("SELECT status FROM inbox_message") == "dead"
    assert await owed(merchant) == [("alert", "webhook.dead")]


async def test_an_event_that_cannot_be_delivered_is_told_to_operators(merchant: Merchant) -> None:
    async with receiving(status=410) as door:
        await merchant.subscribe(door.url)
        await merchant.announce("payment.created")
        await merchant.send()
    assert set(await owed(merchant)) == {("alert", "delivery.dead"), ("alert", "endpoint.disabled")}
