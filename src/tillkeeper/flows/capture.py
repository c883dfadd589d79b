"""Take authorised money, all of it or a part."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from tillkeeper import audit, idempotency, operations, payments
from tillkeeper.audit import Action
from tillkeeper.flows import operate
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError, problem
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Payment, Status
from tillkeeper.reports import payment as report
from tillkeeper.till import Till

OK = 200
ACCEPTED = 202
Ruling = Callable[[Transaction, Payment], Awaitable[Payment]]


async def capture(till: Till, wish: Wish, payment: UUID, *, amount: int | None = None) -> Replay:
    """Capture an authorised payment, once per key; what is not captured is released.

    Raises InvalidStateError when there is nothing to capture or it is being captured or canceled already.
    """
    return await conclude(till, wish, payment, kind=Kind.CAPTURE, amount=amount)


async def conclude(
    till: Till,
    wish: Wish,
    payment: UUID,
    *,
    kind: Kind,
    amount: int | None = None,
    allowed: Sequence[Status] = (),
    ruling: Ruling | None = None,
) -> Replay:
    """Capture or cancel a payment: of the two at once, one wins and the other is told so.

    `allowed` are the states in which it may be, where these are fewer than usual. A ruling is what a person decides
    about a payment in review, written down with the call that follows from it.
    """
    begun = await _begin(till, wish, payment, kind, amount, allowed=allowed, ruling=ruling)
    if isinstance(begun, Replay):
        return begun
    operation = begun[0]
    answer = await operate.call(till, operation) if operation else None
    return await _remember_answer(till, wish, payment, kind, operation, answer)


@retry_conflicts
async def _begin(
    till: Till,
    wish: Wish,
    payment: UUID,
    kind: Kind,
    amount: int | None,
    *,
    allowed: Sequence[Status] = (),
    ruling: Ruling | None = None,
) -> Replay | tuple[Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return (await operations.take_over_ending(tx, payment),)
        found = await payments.lock_one(tx, payment)
        if found is None:
            message = "No payment has this id."
            raise NotFoundError(message)
        if ruling:
            found = await ruling(tx, found)
        _check(found, kind, allowed or ALLOWED[kind], amount)
        await _check_charge(tx, found, kind)
        operation = Operation(
            id=ids.new(),
            kind=kind,
            payment=payment,
            gateway=found.gateway,
            key=ids.text(kind, ids.new()),
            token=ids.new(),
            amount=amount if kind is Kind.CAPTURE else None,
            created_at=till.now(),
        )
        if await operations.ask(tx, [operation]):
            message = "The payment is being captured or canceled already."
            raise InvalidStateError(message)
        await idempotency.attach(tx, wish, payment)
        if not ruling:  # or the ruling is written down already
            await _note(tx, till, operation)
        return (operation,)


async def _note(tx: Transaction, till: Till, operation: Operation) -> None:
    """Write down who asked for it; buyers may end what they opened themselves."""
    if till.by.is_buyer:
        return
    subject, after = ids.text("payment", operation.payment), {"amount": operation.amount} if operation.amount else None
    await audit.record(tx, till.by, ASKED_FOR[operation.kind], subject, after=after, at=till.now())


def _check(payment: Payment, kind: Kind, allowed: Sequence[Status], amount: int | None) -> None:
    """Refuse what the state does not allow; the gateway is asked only for what can be."""
    if payment.status not in allowed:
        message = f"The payment is {payment.status}; it can be {PAST[kind]} while {' or '.join(allowed)}."
        raise InvalidStateError(message)
    if amount is not None and not 0 < amount <= payment.amount:
        message = f"Between 1 and {payment.amount} can be captured."
        raise InvalidFieldError(message, param="amount")


async def _check_charge(tx: Transaction, payment: Payment, kind: Kind) -> None:
    """Refuse to cancel what is being charged, or may have been: its money would come after its end."""
    if kind is not Kind.CANCEL or payment.status in (Status.REQUIRES_CAPTURE, Status.IN_REVIEW):
        return
    if await operations.confirming(tx, [payment.id]):
        message = "The payment is just being charged, or nobody knows yet whether it was; ask again when it has an end."
        raise InvalidStateError(message)


ALLOWED = {
    Kind.CAPTURE: (Status.REQUIRES_CAPTURE,),
    Kind.CANCEL: (Status.REQUIRES_ACTION, Status.REQUIRES_CAPTURE, Status.IN_REVIEW, Status.PROCESSING),
}
UNPAID = (Status.REQUIRES_ACTION, Status.PROCESSING)
ASKED_FOR = {Kind.CAPTURE: Action.CAPTURE_REQUESTED, Kind.CANCEL: Action.CANCEL_REQUESTED}
PAST = {Kind.CAPTURE: "captured", Kind.CANCEL: "canceled"}
WANTED = {Kind.CAPTURE: (Status.SUCCEEDED,), Kind.CANCEL: (Status.CANCELED, Status.EXPIRED)}


@retry_conflicts
async def _remember_answer(
    till: Till, wish: Wish, payment: UUID, kind: Kind, operation: Operation | None, answer: operate.Answer | None
) -> Replay:
    async with till.db.transaction() as tx:
        if operation and answer and not await operate.record(tx, till, operation, answer):
            raise InProgressError
        replay = await _show(tx, payment, kind, till.by.request)
        await idempotency.finish(tx, wish, replay.status, replay.body)
    return replay


async def _show(tx: Transaction, payment: UUID, kind: Kind, request: str | None) -> Replay:
    shown = await report.show(tx, payment)
    if shown["status"] in WANTED[kind]:
        return Replay(status=OK, body=shown)
    if await operations.unfinished_ending(tx, payment):
        return Replay(status=ACCEPTED, body=shown)
    lost = InvalidStateError(f"The payment could not be {PAST[kind]}: it is {shown['status']}.")
    about = {"payment": shown["id"], "request_id": request}
    return Replay(status=InvalidStateError.status, body=problem(lost) | about)
