"""Hand over what could not be handed over when it was paid."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper import outbox, payments
from tillkeeper.facts import Change, Step, Verdict
from tillkeeper.flows import settle
from tillkeeper.fulfilment import late
from tillkeeper.fulfilment.late import Waiting
from tillkeeper.kernel import failpoints, ids, logs
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.outbox import Event
from tillkeeper.payments import Decision, Dispute, Payment, Refund, RefundStatus
from tillkeeper.till import Till

fulfil_batch_max = 20
DIED = "every worker that tried it has died over it"


class End(StrEnum):
    """Name what came of a try: goods wait again, or do not any more, by this try or before it."""

    WAITS = "waits"
    NOW = "now"
    BEFORE = "before"


async def fulfil(till: Till, *, limit: int = fulfil_batch_max) -> int:
    """Try what is due, each payment on its own; return how many were tried.

    What cannot be handed over in the end is given up with its reason, and the captured money stays.
    """
    async with till.db.transaction() as tx:
        due = await late.claim(tx, limit)
    failpoints.reach("fulfil:claimed")
    for waiting in due:
        await _try(till, waiting)
    return len(due)


async def _try(till: Till, waiting: Waiting) -> None:
    if waiting.tries > late.tries_max:
        await _give_up(till, waiting.payment, DIED)
        return
    try:
        done = await hand_over(till, waiting.payment) is not End.WAITS
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 (one payment's trouble must not keep the others from their goods)
        logs.goods.exception("late_delivery_failed", payment=str(waiting.payment))
        await note(till, waiting.payment, late.explain(error))
        done = False
    failpoints.reach("fulfil:committed")
    if not done and waiting.tries == late.tries_max:
        await _give_up(till, waiting.payment, None)


@retry_conflicts
async def hand_over(till: Till, id_: UUID) -> End:
    """Hand over goods, and let books and events become true with them; whoever is faster does it for everybody."""
    async with till.db.transaction() as tx:
        payment, refunds = await payments.lock_with_refunds(tx, id_)
        assert payment, "goods were paid"
        if not await late.lock(tx, id_):
            return End.BEFORE
        disputes = await payments.lock_disputes(tx, id_)
        goods = await settle.follow(tx, _owed(payment, refunds.values(), disputes, till.now()))
        if not goods:
            return End.WAITS
        sold_out = next((item.failed for item in goods if item.failed), None)
        await late.finish(tx, id_, "canceled" if sold_out else "delivered", reason=sold_out)
        paid = Decision(verdict=Verdict.APPLIED, reason="handed over later", payment=payment)
        await settle.give_back(tx, till, [paid], goods)
        failpoints.reach("fulfil:handed_over")
    return End.NOW


@retry_conflicts
async def note(till: Till, payment: UUID, reason: str) -> None:
    """Write down why a try failed."""
    async with till.db.transaction() as tx:
        await late.note(tx, payment, reason)


@retry_conflicts
async def _give_up(till: Till, payment: UUID, reason: str | None) -> None:
    async with till.db.transaction() as tx:
        await payments.lock_one(tx, payment)
        if await late.finish(tx, payment, "failed", reason=reason):
            data: dict[str, object] = {"payment": ids.text("payment", payment)}
            await outbox.announce(tx, [Event(type="fulfilment.failed", subject=payment, payment=payment, data=data)])
            logs.goods.error("given_up", payment=str(payment))


def _owed(payment: Payment, refunds: Iterable[Refund], disputes: Iterable[Dispute], now: datetime) -> list[Change]:
    """Say once more what a capture and what went back since ask of the goods; the money is in the books already."""
    captured = Change(
        payment=payment.id,
        before=payment.status,
        after=payment.status,
        reason="handed over later",
        step=Step.DELIVERED,
        at=now,
        gateway=payment.gateway,
        currency=payment.currency,
        user=payment.user,
        sale=payment.sale,
        amount=payment.captured,
        paid_in=payment.currency,
        captured_total=payment.captured,
        tax=payment.tax,
    )
    changes, back, lost = [captured], 0, 0
    for refund in sorted(refunds, key=lambda refund: (refund.created_at, refund.id)):
        if refund.status is not RefundStatus.FAILED and not refund.surplus:
            back += refund.amount
            revoked = replace(captured, step=Step.REVOKED, amount=refund.amount, tax=refund.tax)
            changes.append(replace(revoked, refunded_total=back, refund=refund.id))
    taxes = replace(payment.taxes, lost=0)
    for dispute in sorted(disputes, key=lambda dispute: dispute.id):
        if dispute.claimed:
            lost += dispute.claimed
            tax = payment.tax_in_lost(lost)
            taxes = replace(taxes, lost=tax, lost_more=tax - taxes.lost)
            taken = replace(captured, step=Step.REVOKED, dispute=dispute.id, refunded_total=back, taxes=taxes)
            taken = replace(taken, lost_total=lost, lost_more=dispute.claimed)
            changes.append(replace(taken, lost_booked=taken.lost_of_owed))
    return changes
