"""Tell gateways what they must hear, each call with a key of its own, until an answer is known."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tillkeeper import operations, payments
from tillkeeper.facts import Notice, NoticeKind, Sale
from tillkeeper.flows import settle
from tillkeeper.gateway import Accepted, Declined, Order, Outcome, RefundOrder, Refused, Unknown
from tillkeeper.kernel import clock, ids, logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Opening, OwnMove, Payment, Status
from tillkeeper.till import Till

operate_batch_max = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what a gateway answered, and after how many milliseconds."""

    outcome: Outcome
    latency_ms: int


async def operate(till: Till, *, limit: int = operate_batch_max) -> int:
    """Make the calls that are due, and write down what came of them; return how many were made."""
    async with till.db.transaction() as tx:
        due = await operations.claim(tx, limit)
    await asyncio.gather(*(_carry_out(till, operation) for operation in due))
    return len(due)


async def call(till: Till, operation: Operation) -> Answer:
    """Make one leased call, with no transaction open."""
    read_ms = clock.timer_ms()
    outcome = await _call(till, operation)
    if isinstance(outcome, Refused) and operation.tries > 1:
        # Only the first try can say that nothing was executed: an earlier one under this key may have arrived.
        outcome = Unknown(reason=outcome.reason)
    answer = Answer(outcome=outcome, latency_ms=read_ms())
    logs.intent.info(
        "gateway_answered",
        operation=str(operation.id),
        kind=operation.kind,
        gateway=operation.gateway,
        outcome=type(outcome).__name__,
        latency_ms=answer.latency_ms,
    )
    return answer


async def record(tx: Transaction, till: Till, operation: Operation, answer: Answer) -> bool:
    """Make the answer to a call true; false when the lease was lost meanwhile, and then nothing is written."""
    outcome = answer.outcome
    match outcome:
        case Accepted():
            current = await operations.finish(tx, operation, "done")
        case Declined(code=code):
            current = await operations.finish(tx, operation, "declined", error=code)
        case Refused(reason=reason) if operation.kind is Kind.CREATE:
            # Nobody waits at a checkout that was not opened: the customer is told, and may start again.
            current = await operations.finish(tx, operation, "refused", error=reason)
        case Unknown(reason=reason, final=True):
            current = await operations.finish(tx, operation, "given_up", error=reason)
        case Refused(reason=reason) | Unknown(reason=reason):
            current = await operations.postpone(tx, operation, error=reason)
    if not current:
        return False
    if operation.kind is Kind.CREATE:
        await _opened(tx, till, operation, answer)
    notices = _notices(operation, outcome)
    await settle.apply(tx, till, notices, [f"operation {operation.id}"] * len(notices))
    return True


async def _carry_out(till: Till, operation: Operation) -> None:
    answer = await call(till, operation)
    await _write_down(till, operation, answer)


@retry_conflicts
async def _write_down(till: Till, operation: Operation, answer: Answer) -> None:
    async with till.db.transaction() as tx:
        await record(tx, till, operation, answer)


async def _call(till: Till, operation: Operation) -> Outcome:
    gateway = till.gateways.get(operation.gateway)
    if gateway is None:
        return Refused(reason=f"{operation.gateway} is not configured any more")
    if operation.created_at and till.now() - operation.created_at > timedelta(seconds=gateway.key_window_seconds):
        return Unknown(reason="the gateway no longer remembers the key of this call", final=True)
    match operation.kind:
        case Kind.CREATE:
            order = await _order(till, operation)
            return await gateway.create(order) if order else Unknown(reason="the payment has ended", final=True)
        case Kind.REFUND:
            return await gateway.refund(await _refund_order(till, operation))
        case Kind.CANCEL:
            return await _cancel(till, operation)


async def _cancel(till: Till, operation: Operation) -> Outcome:
    """End an unpaid checkout; when the gateway says no, ask what became of it instead."""
    gateway = till.gateways[operation.gateway]
    payment = await _locked(till, operation)
    if payment.reference is None:
        ended = Notice(
            kind=NoticeKind.PAYMENT_CANCELED,
            gateway=operation.gateway,
            references=(),
            payment=payment.id,
            code="expired",
            live=till.settings.live,
        )
        return Accepted(notices=(ended,))
    outcome = await gateway.cancel(payment.reference, operation.key)
    return await gateway.retrieve(payment.reference) if isinstance(outcome, Declined) else outcome


async def _order(till: Till, operation: Operation) -> Order | None:
    """Read what to open, unless the payment has ended meanwhile."""
    async with till.db.transaction() as tx:
        row = await payments.opening(tx, operation.payment)
    if row["status"] not in (Status.CREATED, Status.OUTCOME_UNKNOWN):
        return None
    sale = Sale(**row["sale"]) if row["sale"] else None
    shown = ids.text("payment", operation.payment)
    return Order(
        payment=operation.payment,
        key=operation.key,
        amount=row["amount"],
        currency=row["currency"],
        title=row["description"] or (sale.package if sale else shown),
        return_url=row["return_url"] or f"{till.settings.public_url}/checkout/{shown}",
        manual_capture=row["capture_method"] == "manual",
        expires_at=row["expires_at"],
    )


async def _refund_order(till: Till, operation: Operation) -> RefundOrder:
    assert operation.refund, "a refund call has a refund"
    async with till.db.transaction() as tx:
        payment, refunds = await payments.lock_with_refunds(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    assert payment.reference, "a captured payment has a reference"
    refund = refunds[operation.refund]
    return RefundOrder(
        payment=payment.id,
        refund=refund.id,
        key=operation.key,
        reference=payment.reference,
        amount=refund.amount,
        currency=refund.currency,
    )


async def _locked(till: Till, operation: Operation) -> Payment:
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    return payment


async def _opened(tx: Transaction, till: Till, operation: Operation, answer: Answer) -> None:
    """Write what the gateway made of the attempt, and move the payment along."""
    payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    opening = _opening(answer.outcome)
    await payments.finish_attempt(tx, operation.key, opening, latency_ms=answer.latency_ms)
    decision = payments.open_checkout(payment, opening, till.now())
    await payments.record(tx, [decision], causes=[f"operation {operation.id}"])
    await settle.follow(tx, till, payments.changes([decision]))


def _opening(outcome: Outcome) -> Opening:
    match outcome:
        case Accepted(references=references, next_action=next_action):
            return Opening(move=OwnMove.OPENED, references=references, next_action=next_action)
        case Declined(code=code, message=message):
            return Opening(move=OwnMove.REFUSED, error_code=code, error_message=message)
        case Refused(reason=reason):
            return Opening(move=OwnMove.REFUSED, error_code="gateway_unavailable", error_message=reason)
        case Unknown(reason=reason):
            return Opening(move=OwnMove.UNCLEAR, error_code="outcome_unknown", error_message=reason)


def _notices(operation: Operation, outcome: Outcome) -> Sequence[Notice]:
    """List the facts in an answer; a refund that the gateway declined is a refund that failed."""
    if isinstance(outcome, Accepted):
        return outcome.notices
    if isinstance(outcome, Declined) and operation.kind is Kind.REFUND:
        failed = Notice(
            kind=NoticeKind.REFUND_FAILED,
            gateway=operation.gateway,
            references=(),
            payment=operation.payment,
            refund=operation.refund,
            code=outcome.code,
            message=outcome.message,
        )
        return [failed]
    return []
