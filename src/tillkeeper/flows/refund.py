"""Give money back: reserved under lock, taken out of the goods, then told to the gateway."""

from dataclasses import dataclass, replace
from uuid import UUID

from tillkeeper import fulfilment, idempotency, operations, payments
from tillkeeper.flows import operate, settle
from tillkeeper.flows.checkout import CREATED, take_over
from tillkeeper.flows.instruct import refund_call
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.operations import Operation
from tillkeeper.reports import refund as report
from tillkeeper.till import Till


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundWish:
    """Hold what is to be refunded: all that is left when no amount is named."""

    payment: UUID
    amount: int | None = None
    reason: str | None = None


async def refund(till: Till, wish: Wish, wanted: RefundWish) -> Replay:
    """Refund a payment, once per key; raises RefundExceedsCapturedError and kin before anything is stored."""
    begun = await _reserve(till, wish, wanted)
    if isinstance(begun, Replay):
        return begun
    made, operation = begun
    answer = await operate.call(till, operation) if operation else None
    return await _remember_answer(till, wish, made, operation, answer)


@retry_conflicts
async def _reserve(till: Till, wish: Wish, wanted: RefundWish) -> Replay | tuple[UUID, Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return claim.resource, await take_over(tx, claim.resource)
        payment = await payments.lock_one(tx, wanted.payment)
        if payment is None:
            raise NotFoundError
        unused = (
            await fulfilment.refundable(
                tx,
                payment.sale.kind,
                payment.id,
                captured=payment.captured,
                refunded=payment.refunded + payment.refunding + payment.lost,
            )
            if payment.sale and payment.captured
            else None
        )
        made = ids.new()
        decision = payments.reserve_refund(
            payment,
            wanted.amount,
            refund=made,
            unused=unused,
            reason=wanted.reason,
            now=till.now(),
            disputes=await payments.lock_disputes(tx, payment.id),
        )
        assert decision.refund, "reserved"
        till.gateway(payment.gateway).check_amount(decision.refund.amount, payment.currency)
        await payments.record(tx, [decision], causes=["api"])
        await settle.follow(tx, payments.changes([decision]))
        assert decision.change, "reserved"
        operation = replace(refund_call(decision.change, till.now()), token=ids.new())
        await operations.ask(tx, [operation])
        await idempotency.attach(tx, wish, made)
        return made, operation


@retry_conflicts
async def _remember_answer(
    till: Till, wish: Wish, made: UUID, operation: Operation | None, answer: operate.Answer | None
) -> Replay:
    async with till.db.transaction() as tx:
        if operation and answer and not await operate.record(tx, till, operation, answer):
            raise InProgressError
        replay = Replay(status=CREATED, body=await report.show(tx, made))
        await idempotency.finish(tx, wish, replay.status, replay.body)
    return replay
