"""Owe letters for what happens: receipts to buyers, alerts to operators."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from tillkeeper import backups, inbox, mail, outbox
from tillkeeper.kernel import ids, moments
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.mail import Kind, Letter, Office
from tillkeeper.outbox import Numbered
from tillkeeper.till import Till

PLACE = "mail"
notify_batch_max = 500
age_max = timedelta(days=3)
"""What is older when mail is switched on again is news to nobody."""
RECEIPTS = frozenset({"payment.succeeded", "refund.succeeded"})
ALERTS = frozenset({"dispute.opened", "fulfilment.failed", "payout.failed", "reconciliation.discrepancy"})


@retry_conflicts
async def notify(till: Till) -> int:
    """Owe the letters of the next stretch of events, as just another listener; return how many were looked at.

    Whoever switches mail on hears of what happens from then on.
    """
    office = till.mail
    if office is None:
        return 0
    async with till.db.transaction() as tx:
        if await backups.is_isolated(tx):
            return 0
        place = await outbox.hold(tx, PLACE)
        if place is None:
            await outbox.move(tx, PLACE, await outbox.newest(tx))
            return 0
        events = await outbox.following(tx, place, notify_batch_max)
        news = [event for event in events if event.created_at > till.now() - age_max]
        await mail.owe(tx, [letter for event in news for letter in _letters(office, event)])
        if events:
            await outbox.move(tx, PLACE, events[-1].seq)
    return len(events)


async def alert(tx: Transaction, till: Till, topic: str, source: UUID, **told: object) -> None:
    """Owe operators a letter about something that needs a person, in the transaction in which that is found out."""
    if till.mail and till.mail.alerts_to:
        await mail.owe(tx, [Letter(kind=Kind.ALERT, topic=topic, source=source, data=told)])


async def alert_of_dead(tx: Transaction, till: Till, messages: Iterable[UUID]) -> None:
    """Let operators hear of webhooks that were given up, if they were."""
    for message in messages:
        told = await inbox.dead(tx, message)
        if told:
            await alert(tx, till, "webhook.dead", message, webhook=ids.text("message", message), **told)


def _letters(office: Office, event: Numbered) -> Iterator[Letter]:
    """Say which letters an event owes."""
    if office.receipts and event.type in RECEIPTS:
        told = {name: event.data[name] for name in ("payment", "amount", "currency")}
        at = {"at": moments.written(event.created_at)}
        yield Letter(kind=Kind.RECEIPT, topic=event.type, source=event.id, data=told | at)
    if office.alerts_to and event.type in ALERTS:
        yield Letter(kind=Kind.ALERT, topic=event.type, source=event.id, data=event.data)
