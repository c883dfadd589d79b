"""Take in what gateways say of payouts: state, books and events together."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time

from tillkeeper import ledger, outbox, settlement
from tillkeeper.facts import Notice, NoticeKind, PayoutFacts
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger import Journal, recipes
from tillkeeper.outbox import Event
from tillkeeper.payments import Decision
from tillkeeper.settlement import Payout, PayoutDecision, PayoutStatus
from tillkeeper.till import Till


async def pay_out(tx: Transaction, notices: Sequence[Notice], now: datetime) -> list[Decision]:
    """Move payouts along, each stage once and in whatever order the stages are told, dated by when they happened."""
    decisions = await settlement.record(tx, notices)
    await ledger.post(tx, [journal for decision in decisions for journal in _journals(decision, now)])
    await outbox.announce(tx, [_event(item) for item in decisions if item.event])
    return [Decision(notice=item.notice, verdict=item.verdict, reason=item.reason) for item in decisions]


async def arrive(tx: Transaction, till: Till) -> None:
    """Let payouts arrive that the bank's account shows and of which no gateway may ever say so."""
    shown = await settlement.name_lines(tx)
    unheard = [(payout, day) for payout, day in shown if payout.status is PayoutStatus.CREATED]
    await pay_out(tx, [_arrived(payout, day, live=till.settings.live) for payout, day in unheard], till.now())


def _arrived(payout: Payout, day: date, *, live: bool) -> Notice:
    return Notice(
        kind=NoticeKind.PAYOUT_PAID,
        gateway=payout.gateway,
        references=(),
        amount=payout.amount,
        currency=payout.currency,
        payout=PayoutFacts(id=payout.reference, automatic=payout.automatic),
        live=live,
        occurred_at=datetime.combine(day, time.min, UTC),
    )


def _journals(decision: PayoutDecision, now: datetime) -> Iterator[Journal]:
    """Book how far a payout came; what it must have gone through is booked with it, for nobody may ever tell of it."""
    payout, before = decision.payout, decision.before
    if payout is None or payout.status is before or not payout.amount:
        return
    gateway, currency, amount = payout.gateway, payout.currency, payout.amount
    at = min(decision.notice.occurred_at or now, now)
    if before is None:
        yield recipes.payout_created(payout.id, gateway=gateway, currency=currency, amount=amount, at=at)
    if payout.status is PayoutStatus.PAID:
        yield recipes.payout_paid(payout.id, gateway=gateway, currency=currency, amount=amount, at=at)
    if payout.status is PayoutStatus.FAILED:
        arrived = before is PayoutStatus.PAID
        yield recipes.payout_failed(
            payout.id, gateway=gateway, currency=currency, amount=amount, had_arrived=arrived, at=at
        )


def _event(decision: PayoutDecision) -> Event:
    payout, event = decision.payout, decision.event
    assert payout, "an event tells of a payout"
    assert event, "chosen before"
    return Event(type=event, subject=payout.id, payment=None, data=_told(payout))


def _told(payout: Payout) -> dict[str, object]:
    return {
        "payout": ids.text("payout", payout.id),
        "gateway": payout.gateway,
        "reference": payout.reference,
        "amount": payout.amount,
        "currency": payout.currency,
        "error": payout.error_code,
    }
