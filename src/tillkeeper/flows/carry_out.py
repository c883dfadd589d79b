"""Carry out one operation at its gateway, in the way of its kind; what comes of it is written down by who asked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from tillkeeper import payments
from tillkeeper.facts import NoticeKind, Sale
from tillkeeper.flows.defend import defend
from tillkeeper.flows.end import ENDS, end
from tillkeeper.flows.introduce import introduce
from tillkeeper.flows.resolve import NOT_FOUND_YET, resolve
from tillkeeper.gateway import Absent, Accepted, Declined, Gateway, Order, Outcome, RefundOrder, Refused, Unknown
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Payment, Status
from tillkeeper.till import Till

CONFIRMED = ENDS | {NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_PENDING, NoticeKind.PAYMENT_FAILED}
OPENABLE = (Status.CREATED, Status.OUTCOME_UNKNOWN)
CONFIRMABLE = (*OPENABLE, Status.REQUIRES_ACTION, Status.PROCESSING)
PAID = (Status.REQUIRES_CAPTURE, Status.IN_REVIEW, Status.SUCCEEDED)
OVER = (Status.EXPIRED, Status.CANCELED, Status.FAILED)
ANSWERED = Accepted()
"""A webhook was faster: who has paid was shown a checkout, and whatever they brought was taken."""
DISPUTED = Declined(
    code=payments.PaymentDisputedError.code, message="The customer's bank takes this money back already."
)
PAYMENT_ENDED = Unknown(reason="the payment has ended", final=True)


async def carry_out(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    """Make the calls of one leased operation, with no transaction open."""
    return await WAYS[operation.kind](till, gateway, operation)


async def _create(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    order = await _order(till, gateway, operation, waiting=OPENABLE)
    if not isinstance(order, Order):
        return order
    ask, tell = partial(gateway.look_up, order), partial(gateway.create, order)
    return await resolve(operation, ask=ask, tell=tell, key_forgotten=_is_forgotten(till, gateway, operation))


async def _confirm(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    # What may have been charged is asked after also when the payment has ended, only then it is not charged again.
    waiting = (*CONFIRMABLE, *OVER) if operation.doubts else CONFIRMABLE
    order = await _order(till, gateway, operation, waiting=waiting)
    if not isinstance(order, Order):
        return order
    payment = await _locked(till, operation)
    ask = partial(_look_for, gateway, order, payment.reference)
    tell = partial(_charge, gateway, order, payment, operation)
    return await resolve(operation, ask=ask, tell=tell, key_forgotten=_is_forgotten(till, gateway, operation))


async def _refund(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    order = await refund_order(till, operation)
    ask, tell = partial(gateway.look_up_refund, order), partial(_give_back, till, gateway, operation, order)
    return await resolve(operation, ask=ask, tell=tell, key_forgotten=_is_forgotten(till, gateway, operation))


async def _give_back(till: Till, gateway: Gateway, operation: Operation, order: RefundOrder) -> Outcome:
    """Refund, unless the customer's bank takes the money back by now: what may have arrived is only asked after."""
    async with till.db.transaction() as tx:
        payment, refunds = await payments.lock_with_refunds(tx, operation.payment)
        disputes = await payments.lock_disputes(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    if payments.is_taken_back(payment, refunds[order.refund], disputes):
        return NOT_FOUND_YET if operation.doubts else DISPUTED
    return await gateway.refund(order)


async def _fetch_fee(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    payment = await _locked(till, operation)
    assert payment.reference, "a captured payment has a reference"
    outcome = await gateway.fetch_fee(payment.reference)
    if not isinstance(outcome, Accepted):
        return outcome
    # The question was about this payment, so the answer is.
    return replace(outcome, notices=tuple(replace(notice, payment=payment.id) for notice in outcome.notices))


def _is_forgotten(till: Till, gateway: Gateway, operation: Operation) -> bool:
    """Tell whether the gateway may have forgotten the key of a call, so that telling again could do it twice."""
    age = till.now() - operation.created_at if operation.created_at else timedelta()
    return age > timedelta(seconds=gateway.key_window_seconds)


async def _look_for(gateway: Gateway, order: Order, reference: str | None) -> Outcome | Absent:
    """Ask what came of a confirmation; where nothing has a name yet, the order itself is looked for."""
    outcome = await gateway.retrieve(reference) if reference else await gateway.look_up(order)
    earlier = (NoticeKind.PAYMENT_FAILED, reference or "")  # what has a name already is not what is in doubt
    confirmed = isinstance(outcome, Accepted) and any(
        notice.kind in CONFIRMED and (notice.kind, notice.attempt) != earlier for notice in outcome.notices
    )
    return outcome if confirmed or isinstance(outcome, Unknown | Refused) else Absent()


async def _charge(gateway: Gateway, order: Order, payment: Payment, operation: Operation) -> Outcome:
    if payment.status in OVER:
        return PAYMENT_ENDED
    return await gateway.confirm(replace(order, approval=operation.key), payment.reference, operation.data)


async def _order(
    till: Till, gateway: Gateway, operation: Operation, *, waiting: Sequence[Status]
) -> Order | Accepted | Unknown:
    """Read what to open or to go on with, unless the payment went on or has ended meanwhile."""
    async with till.db.statement() as tx:
        row = await payments.opening(tx, operation.payment)
    if row["status"] not in waiting:
        return ANSWERED if row["status"] in PAID else PAYMENT_ENDED
    order = order_of(till, operation.payment, row)
    if row["customer_id"] is None or row["customer_reference"] is not None:
        return order
    return replace(
        order, customer=await introduce(till, gateway, payment=operation.payment, customer=row["customer_id"])
    )


def order_of(till: Till, payment: UUID, row: Record) -> Order:
    """Put into a gateway's hands what is to be opened, or was."""
    sale = Sale(**row["sale"]) if row["sale"] else None
    shown = ids.text("payment", payment)
    return Order(
        payment=payment,
        key=row["attempt_key"],
        amount=row["amount"],
        currency=row["currency"],
        title=row["description"] or (sale.package if sale else shown),
        return_url=row["return_url"] or f"{till.settings.public_url}/checkout/{shown}",
        manual_capture=row["capture_method"] == "manual",
        embedded=row["checkout"] == "embedded",
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        customer=row["customer_reference"] or None,
    )


async def refund_order(till: Till, operation: Operation) -> RefundOrder:
    """Gather what a gateway must know of a refund."""
    assert operation.refund, "a refund call has a refund"
    async with till.db.transaction() as tx:
        payment, refunds = await payments.lock_with_refunds(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    refund = refunds[operation.refund]
    reference = refund.capture or payment.reference
    assert reference, "a captured payment has a reference"
    return RefundOrder(
        payment=payment.id,
        refund=refund.id,
        key=operation.key,
        reference=reference,
        amount=refund.amount,
        currency=refund.currency,
    )


async def _locked(till: Till, operation: Operation) -> Payment:
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    return payment


WAYS: Mapping[Kind, Callable[[Till, Gateway, Operation], Awaitable[Outcome]]] = {
    Kind.CREATE: _create,
    Kind.CONFIRM: _confirm,
    Kind.REFUND: _refund,
    Kind.CAPTURE: end,
    Kind.CANCEL: end,
    Kind.EXPIRE: end,
    Kind.FEE: _fetch_fee,
    Kind.EVIDENCE: defend,
    Kind.ACCEPT: defend,
}
