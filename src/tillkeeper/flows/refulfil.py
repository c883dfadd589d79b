"""Run the delivery of one payment again because somebody asks: what was handed over is never handed over twice."""

from uuid import UUID

from tillkeeper import audit, fulfilment, payments
from tillkeeper.audit import Action
from tillkeeper.flows import fulfil
from tillkeeper.flows.fulfil import End
from tillkeeper.fulfilment import late
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError, InvalidStateError, NotFoundError
from tillkeeper.payments import Payment, Status
from tillkeeper.till import Till

WAITING = ("pending", "failed")
"""How goods may stand that are tried again: waiting for the worker, or given up by it."""
UNKNOWN = "No payment has this id."
CLAIMED = "A bank claims the money, so the goods wait until the dispute is decided."
GONE = "The money went back before the goods were handed over, so nothing is owed any more."
NOTHING_WAITS = "The goods of this payment do not wait to be delivered, so there is nothing to try again."


async def refulfil(till: Till, payment: UUID) -> bool:
    """Try now to hand over what was paid and is not there yet; return whether it was there already.

    Harmless to repeat, also at the same time. What fails waits for the worker, with its reason. Raises NotFoundError,
    or InvalidStateError where no goods are owed.
    """
    if await _is_done(till, payment):
        return True
    try:
        return await fulfil.hand_over(till, payment) is End.BEFORE
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it is kept as the reason)
        logs.goods.exception("late_delivery_failed", payment=str(payment))
        await fulfil.note(till, payment, late.explain(error))
        return False


@retry_conflicts
async def _is_done(till: Till, id_: UUID) -> bool:
    """Let goods be tried that were given up, and write down who asked; true when they are handed over already."""
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, id_)
        if payment is None:
            raise NotFoundError(UNKNOWN)
        if await fulfilment.is_delivered(tx, id_):
            return True
        if why := _nothing_owed(payment) or await fulfilment.undeliverable(tx, id_):
            raise InvalidStateError(why)
        before = await late.reopen(tx, id_)
        if before not in WAITING:
            raise InvalidStateError(NOTHING_WAITS)
        shown, was = ids.text("payment", id_), {"fulfilment": before}
        await audit.record(tx, till.by, Action.FULFILMENT_RETRIED, shown, before=was, at=till.now())
    return False


def _nothing_owed(payment: Payment) -> str | None:
    """Say why no goods are owed for this money, as far as the money tells."""
    if payment.sale is None:
        return "Nothing was sold with this payment that could be delivered."
    if payment.status is not Status.SUCCEEDED:
        return f"The payment is {payment.status}; goods are delivered once money is captured."
    if payment.disputed > payment.lost:
        return CLAIMED
    return None if payment.left else GONE
