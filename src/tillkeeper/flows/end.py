"""Take what a payment holds, or end it: by hand, or because its time is over."""

from dataclasses import replace
from functools import partial

from tillkeeper import payments
from tillkeeper.facts import EXPIRED, Notice, NoticeKind
from tillkeeper.flows.resolve import NOT_FOUND_YET, resolve
from tillkeeper.gateway import Absent, Accepted, Declined, Gateway, Outcome, Refused, Unknown
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Payment, Status
from tillkeeper.till import Till

ENDS = frozenset({NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_CANCELED})
ON_ITS_WAY = ENDS | {NoticeKind.PAYMENT_PENDING, NoticeKind.PAYMENT_AUTHORIZED}

NOTHING_HELD = Declined(code="nothing_held", message="The card that held the money was let go; another one may pay.")


async def end(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    """Capture, cancel or expire a payment, or find out what became of it.

    A gateway does each of them once by its nature, so the key of the call may be old.
    """
    async with till.db.transaction() as tx:
        payment = await payments.lock_one(tx, operation.payment)
    assert payment, "an operation belongs to a payment"
    reference = operation.reference or payment.reference
    if reference is None:
        outcome: Outcome = (
            NOTHING_HELD if operation.kind is Kind.CAPTURE else Accepted(notices=(_ended(till, payment),))
        )
    else:
        ask, tell = partial(_look, gateway, reference), partial(_tell, gateway, payment, reference, operation)
        outcome = await resolve(operation, ask=ask, tell=tell, key_forgotten=False)
    return _by_hand(outcome) if operation.kind is Kind.CANCEL else outcome


async def _look(gateway: Gateway, reference: str) -> Outcome | Absent:
    """Ask whether a payment was captured or ended; still being open, or not to be found, means not yet."""
    outcome = await gateway.retrieve(reference)
    ended = isinstance(outcome, Accepted) and any(notice.kind in ENDS for notice in outcome.notices)
    return outcome if ended or isinstance(outcome, Unknown | Refused) else Absent()


async def _tell(gateway: Gateway, payment: Payment, reference: str, operation: Operation) -> Outcome:
    """Capture or cancel; when the gateway says no, ask what became of the payment instead.

    Who has paid by bank has done their part, and the money may take days: our time for the checkout does not end it.
    """
    if operation.kind is Kind.EXPIRE and payment.status is Status.PROCESSING:
        found = await _ask(gateway, reference)
        if not isinstance(found, Accepted) or any(notice.kind in ON_ITS_WAY for notice in found.notices):
            return found
    if operation.kind is Kind.CAPTURE:
        amount = operation.amount or payment.amount
        outcome = await gateway.capture(reference, amount, payment.currency, operation.key)
    else:
        outcome = await gateway.cancel(reference, operation.key)
    if not isinstance(outcome, Declined):
        return outcome
    found = await _ask(gateway, reference)
    if operation.kind is Kind.CAPTURE and not payment.manual_capture and _is_held(found):
        # Nobody else would ask again, and the money would go back to a customer who was promised goods for it.
        return Refused(reason=f"it is held and not captured yet: {outcome.message}")
    return found


def _is_held(found: Outcome) -> bool:
    kinds = {notice.kind for notice in found.notices} if isinstance(found, Accepted) else set[NoticeKind]()
    return NoticeKind.PAYMENT_AUTHORIZED in kinds and not kinds & ENDS


async def _ask(gateway: Gateway, reference: str) -> Outcome:
    found = await gateway.retrieve(reference)
    # We know that the payment exists, so a gateway that cannot find it now has not said what became of it.
    return NOT_FOUND_YET if isinstance(found, Declined) else found


def _ended(till: Till, payment: Payment) -> Notice:
    """Say that a payment for which no gateway was ever shown any money has ended."""
    return Notice(
        kind=NoticeKind.PAYMENT_CANCELED,
        gateway=payment.gateway,
        references=(),
        payment=payment.id,
        code=EXPIRED,
        live=till.settings.live,
    )


def _by_hand(outcome: Outcome) -> Outcome:
    """Call an ending that somebody asked for a cancellation, in whatever words the gateway puts it."""
    if not isinstance(outcome, Accepted):
        return outcome
    return replace(outcome, notices=tuple(replace(notice, code=None) for notice in outcome.notices))
