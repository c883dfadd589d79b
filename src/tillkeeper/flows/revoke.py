"""Take back, freeze or give back what could not be moved when its money did, until it is done."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper import payments
from tillkeeper.facts import Change, Step
from tillkeeper.flows import settle
from tillkeeper.fulfilment import late
from tillkeeper.fulfilment.late import Owing
from tillkeeper.kernel import failpoints, logs
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.payments import Payment
from tillkeeper.till import Till

revoke_batch_max = 20


async def revoke(till: Till, *, limit: int = revoke_batch_max) -> int:
    """Try what is due, each payment on its own; return how many were tried. Nothing is ever given up."""
    async with till.db.transaction() as tx:
        due = await late.claim_owing(tx, limit)
    for payment in due:
        try:
            await _make_up(till, payment)
        except DatabaseUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 (one payment's trouble must not keep the others waiting)
            logs.goods.exception("late_revocation_failed", payment=str(payment))
            await _note(till, payment, late.explain(error))
        failpoints.reach("revoke:committed")
    return len(due)


@retry_conflicts
async def _make_up(till: Till, id_: UUID) -> None:
    """Move goods as the payment stands now, and let books and events become true with them."""
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, id_)
        assert payment, "something of it went back"
        owing = await late.lock_owing(tx, id_)
        changes = _changes(payment, owing, till.now())
        if len(await settle.follow(tx, changes)) == len(changes):
            await late.finish_owing(tx, owing)
        failpoints.reach("revoke:made_up")


@retry_conflicts
async def _note(till: Till, payment: UUID, reason: str) -> None:
    async with till.db.transaction() as tx:
        await late.note_owing(tx, payment, reason)


def _changes(payment: Payment, owing: Sequence[Owing], now: datetime) -> list[Change]:
    """Say once more what happened; of a refund that was asked for and failed meanwhile, only that it failed.

    A later refund or dispute may have taken its goods along, because what is taken follows from all that went back.
    """
    asked = {item.refund for item in owing if item.step is Step.REFUND_REQUESTED}
    failed = {item.refund for item in owing if item.step is Step.REFUND_FAILED}
    undone = (asked & failed) - {None}
    return [
        Change(
            payment=payment.id,
            before=payment.status,
            after=payment.status,
            reason="made up for",
            step=Step.RESTORED if item.step is Step.REFUND_FAILED else Step.REVOKED,
            at=now,
            gateway=payment.gateway,
            currency=payment.currency,
            user=payment.user,
            sale=payment.sale,
            amount=item.amount,
            paid_in=payment.currency,
            captured_total=payment.captured,
            refunded_total=payment.refunded + payment.refunding,
            lost_total=payment.lost,
            claimed_total=payment.disputed - payment.lost,
            taxes=payment.taxes,
            lost_booked=item.lost,
            refund=item.refund,
            dispute=item.dispute,
            occasion=item.occasion,
        )
        for item in owing
        if not (item.step is Step.REFUND_REQUESTED and item.refund in undone)
    ]
