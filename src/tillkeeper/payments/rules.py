"""The transition table, and every decision about a payment, as pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import EXPIRED, REFUND_KINDS, Change, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, TillError
from tillkeeper.payments.values import Book, Decision, Opening, OwnMove, Payment, Refund, RefundStatus, Status


class RefundExceedsCapturedError(TillError):
    """Report a refund of more than is left of the captured amount."""

    code = "refund_exceeds_captured"
    status = 422
    title = "This is more than is left to refund"
    category = "invalid_request"
    next_step = "Refund at most what `amount_captured` minus all refunds leaves."


class RefundNotAllowedError(TillError):
    """Report a refund that the goods do not allow, because they were used already."""

    code = "refund_not_allowed"
    status = 422
    title = "The goods of this payment do not allow this refund"
    category = "invalid_request"
    next_step = "Refund at most the part that was not used yet."


Move = NoticeKind | OwnMove

UNPAID = (Status.CREATED, Status.REQUIRES_ACTION, Status.PROCESSING, Status.OUTCOME_UNKNOWN)

MOVES: dict[Move, dict[Status, Status]] = {
    OwnMove.OPENED: dict.fromkeys((Status.CREATED, Status.OUTCOME_UNKNOWN), Status.REQUIRES_ACTION),
    OwnMove.UNCLEAR: {Status.CREATED: Status.OUTCOME_UNKNOWN},
    OwnMove.REFUSED: dict.fromkeys((Status.CREATED, Status.OUTCOME_UNKNOWN), Status.FAILED),
    NoticeKind.PAYMENT_PENDING: dict.fromkeys(UNPAID, Status.PROCESSING),
    NoticeKind.PAYMENT_AUTHORIZED: dict.fromkeys(UNPAID, Status.REQUIRES_CAPTURE),
    # A declined card ends an attempt, not the payment: the customer may try another.
    NoticeKind.PAYMENT_FAILED: dict.fromkeys(UNPAID, Status.REQUIRES_ACTION),
    NoticeKind.PAYMENT_CANCELED: dict.fromkeys((*UNPAID, Status.REQUIRES_CAPTURE, Status.IN_REVIEW), Status.CANCELED),
    # Captured money is a fact in every state, also after expiry or cancellation: it is never ignored.
    NoticeKind.PAYMENT_CAPTURED: {status: Status.SUCCEEDED for status in Status if status is not Status.SUCCEEDED},
}

MONEY_KINDS = frozenset({NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_CAPTURED})

EVENTS: dict[Move, str] = {
    OwnMove.OPENED: "payment.requires_action",
    OwnMove.REFUSED: "payment.failed",
    NoticeKind.PAYMENT_AUTHORIZED: "payment.authorized",
    NoticeKind.PAYMENT_FAILED: "payment.attempt_failed",
    NoticeKind.PAYMENT_CANCELED: "payment.canceled",
    NoticeKind.PAYMENT_CAPTURED: "payment.succeeded",
}


def decide(book: Book, notices: Iterable[Notice], now: datetime) -> list[Decision]:
    """Apply notices in order to the payments they speak of; each sees what the ones before it did."""
    payments, refunds = dict(book.payments), dict(book.refunds)
    decisions: list[Decision] = []

    def apply(notice: Notice) -> Decision:
        found = _payment_of(notice, book)
        payment = payments[found] if found else None
        decision = _decide_one(payment, list(refunds.values()), notice, now)
        if decision.payment:
            payments[decision.payment.id] = decision.payment
        if decision.refund:
            refunds[decision.refund.id] = decision.refund
        decisions.append(decision)
        return decision

    for notice in notices:
        decision = apply(notice)
        if (
            notice.kind is NoticeKind.REFUND_SUCCEEDED
            and decision.change
            and decision.change.step is Step.REFUND_REQUESTED
        ):
            apply(notice)  # made in the gateway's dashboard and done already: requested and settled at once
    return decisions


def open_checkout(payment: Payment, opening: Opening, now: datetime) -> Decision:
    """Move a payment along after the try to open its checkout; a webhook may have come first, and then stands."""
    reference = payment.reference or next(iter(opening.references), None)
    after = MOVES[opening.move].get(payment.status)
    if after is None:
        known = replace(payment, reference=reference)
        reason = f"The payment is {payment.status} already."
        return Decision(verdict=Verdict.KNOWN, reason=reason, links=opening.references, payment=known)
    moved = replace(
        payment,
        status=after,
        reference=reference,
        next_action=opening.next_action,
        error_code=opening.error_code,
        error_message=opening.error_message,
    )
    reason = opening.error_message or "checkout opened"
    change = _change(payment, moved, reason=reason, step=Step.NONE, at=now, event=EVENTS.get(opening.move))
    return Decision(verdict=Verdict.APPLIED, reason=reason, links=opening.references, payment=moved, change=change)


def reserve_refund(
    payment: Payment, amount: int | None, *, refund: UUID, unused: int | None, reason: str | None, now: datetime
) -> Decision:
    """Set aside what is about to be refunded; `unused` is the share of the captured money whose goods are unused.

    Raises InvalidStateError, InvalidFieldError, RefundExceedsCapturedError or RefundNotAllowedError.
    """
    if payment.status is not Status.SUCCEEDED:
        message = f"The payment is {payment.status}; only a succeeded payment can be refunded."
        raise InvalidStateError(message)
    left = payment.captured - payment.refunded - payment.refunding
    wanted = left if amount is None else amount
    if amount is not None and amount <= 0:
        message = "A refund is at least one minor unit."
        raise InvalidFieldError(message, param="amount")
    if wanted > left or left <= 0:
        message = f"{wanted or payment.captured} was asked for, and {left} of {payment.captured} is left to refund."
        raise RefundExceedsCapturedError(message, param="amount")
    if unused is not None and wanted > unused:
        message = f"Part of the goods was used: at most {unused} of {left} can be refunded."
        raise RefundNotAllowedError(message, param="amount")
    wish = Refund(
        id=refund,
        payment=payment.id,
        amount=wanted,
        currency=payment.currency,
        status=RefundStatus.PENDING,
        origin="us",
        gateway=payment.gateway,
        reference=None,
        reason=reason,
        created_at=now,
    )
    return _request(payment, wish, None, now)


def _payment_of(notice: Notice, book: Book) -> UUID | None:
    """Find whom a notice speaks of: our own id in the gateway's metadata first, else the gateway's ids."""
    if notice.payment in book.payments:
        return notice.payment
    found = (book.references.get((notice.gateway, reference)) for reference in notice.references)
    return next((id_ for id_ in found if id_), None)


def _decide_one(payment: Payment | None, refunds: Sequence[Refund], notice: Notice, now: datetime) -> Decision:
    if payment is None:
        waits_for = str(notice.payment) if notice.payment else next(iter(notice.references), None)
        return _parked(notice, "It speaks of a payment that is not known here yet.", waits_for)
    if payment.gateway != notice.gateway:
        return _quarantined(notice, f"The payment belongs to {payment.gateway}, not to {notice.gateway}.")
    if notice.currency and notice.currency != payment.currency:
        return _quarantined(notice, f"It is in {notice.currency}; the payment is in {payment.currency}.")
    if notice.kind in REFUND_KINDS:
        return _decide_refund(payment, refunds, notice, now)
    return _DECIDERS.get(notice.kind, _decide_step)(payment, notice, now)


def _decide_captured(payment: Payment, notice: Notice, now: datetime) -> Decision:
    amount = notice.amount or 0
    if payment.captured and payment.reference not in notice.references:
        return _quarantined(notice, "Money was captured for this payment a second time, under another name.")
    if payment.status is Status.SUCCEEDED and amount == payment.captured:
        return _linked(payment, notice, "This capture is in the books already.")
    exact = 0 < amount <= payment.amount if payment.manual_capture else amount == payment.amount
    if not exact or payment.captured:
        return _quarantined(
            notice,
            f"It says {amount} {payment.currency} was captured; asked were {payment.amount}, "
            f"captured before {payment.captured}.",
        )
    moved = replace(
        _with_reference(payment, notice),
        status=MOVES[notice.kind][payment.status],
        captured=amount,
        captured_at=now,
        next_action=None,
        error_code=None,
        error_message=None,
    )
    late = payment.status in (Status.EXPIRED, Status.CANCELED, Status.FAILED)
    reason = f"captured, although the payment was {payment.status}" if late else "captured"
    event = EVENTS[notice.kind]
    return _applied(
        notice, reason, moved, _change(payment, moved, reason=reason, step=Step.CAPTURED, at=now, event=event)
    )


def _decide_failed(payment: Payment, notice: Notice, now: datetime) -> Decision:
    after = MOVES[notice.kind].get(payment.status)
    if after is None:
        return _linked(payment, notice, f"An attempt failed; the payment is {payment.status} all the same.")
    moved = replace(
        _with_reference(payment, notice), status=after, error_code=notice.code, error_message=notice.message
    )
    reason = f"attempt failed: {notice.code or 'no reason given'}"
    change = _change(payment, moved, reason=reason, step=Step.NONE, at=now, event=EVENTS[notice.kind])
    return _applied(notice, reason, moved, change)


def _decide_step(payment: Payment, notice: Notice, now: datetime) -> Decision:
    after = MOVES[notice.kind].get(payment.status)
    if after is None or after is payment.status:
        return _linked(payment, notice, f"The payment is {payment.status}; this changes nothing.")
    event = EVENTS.get(notice.kind)
    if after is Status.CANCELED and notice.code == EXPIRED:
        after, event = Status.EXPIRED, "payment.expired"
    next_action = None if after in (Status.CANCELED, Status.EXPIRED) else payment.next_action
    moved = replace(_with_reference(payment, notice), status=after, next_action=next_action)
    reason = str(after)
    return _applied(notice, reason, moved, _change(payment, moved, reason=reason, step=Step.NONE, at=now, event=event))


_DECIDERS = {NoticeKind.PAYMENT_CAPTURED: _decide_captured, NoticeKind.PAYMENT_FAILED: _decide_failed}


def _decide_refund(payment: Payment, refunds: Sequence[Refund], notice: Notice, now: datetime) -> Decision:
    if not payment.captured:
        return _parked(notice, "A refund arrived before its capture; it waits for it.", str(payment.id))
    known = next((refund for refund in refunds if _is_same(refund, notice, payment)), None)
    if known is None:
        return _decide_foreign_refund(payment, notice, now)
    if notice.amount is not None and notice.amount != known.amount:
        return _quarantined(notice, f"It says {notice.amount} was refunded; asked were {known.amount}.")
    target = _refund_status(notice.kind)
    linked = replace(known, reference=known.reference or notice.refund_reference)
    if target is known.status or target is RefundStatus.PENDING or known.status is RefundStatus.FAILED:
        verdict = Verdict.KNOWN if linked == known else Verdict.APPLIED
        return Decision(notice=notice, verdict=verdict, reason=f"The refund is {known.status} already.", refund=linked)
    return _settle_refund(payment, linked, notice, now)


def _decide_foreign_refund(payment: Payment, notice: Notice, now: datetime) -> Decision:
    """Accept a refund that somebody made in the gateway's own dashboard: a fact is never refused."""
    if notice.kind is NoticeKind.REFUND_FAILED:
        return _remember_failed(payment, notice, now)
    if not notice.amount or notice.amount + payment.refunded > payment.captured:
        return _quarantined(
            notice,
            f"It says {notice.amount} was refunded; captured are {payment.captured}, refunded {payment.refunded}.",
        )
    refund = _foreign_refund(payment, notice, notice.amount, RefundStatus.PENDING, now)
    return _request(payment, refund, notice, now)


def _remember_failed(payment: Payment, notice: Notice, now: datetime) -> Decision:
    """Keep a refund that failed before we heard that it was made, so that hearing it later changes nothing."""
    reason = "A refund that we had not heard of has failed; nothing went back."
    if not notice.amount:
        return Decision(notice=notice, verdict=Verdict.KNOWN, reason=reason)
    refund = _foreign_refund(payment, notice, notice.amount, RefundStatus.FAILED, now)
    return Decision(notice=notice, verdict=Verdict.APPLIED, reason=reason, refund=refund)


def _foreign_refund(payment: Payment, notice: Notice, amount: int, status: RefundStatus, now: datetime) -> Refund:
    return Refund(
        id=ids.new(),
        payment=payment.id,
        amount=amount,
        currency=payment.currency,
        status=status,
        origin="gateway",
        gateway=notice.gateway,
        reference=notice.refund_reference,
        reason=None,
        created_at=now,
        error_code=notice.code,
        settled_at=now if status is RefundStatus.FAILED else None,
    )


def _request(payment: Payment, refund: Refund, notice: Notice | None, now: datetime) -> Decision:
    """Set a refund aside; one that the gateway has made already is settled in the same step by a second change."""
    moved = replace(payment, refunding=payment.refunding + refund.amount)
    reason = "refund requested" if refund.origin == "us" else "refunded in the gateway's dashboard"
    change = _change(
        payment,
        moved,
        reason=reason,
        step=Step.REFUND_REQUESTED,
        at=now,
        event="refund.created",
        refund=refund,
    )
    return Decision(notice=notice, verdict=Verdict.APPLIED, reason=reason, payment=moved, refund=refund, change=change)


def _settle_refund(payment: Payment, refund: Refund, notice: Notice, now: datetime) -> Decision:
    was_settled = refund.status is RefundStatus.SUCCEEDED
    succeeded = notice.kind is NoticeKind.REFUND_SUCCEEDED
    settled = replace(
        refund,
        status=RefundStatus.SUCCEEDED if succeeded else RefundStatus.FAILED,
        error_code=notice.code,
        settled_at=now,
    )
    moved = replace(
        payment,
        refunding=payment.refunding - (0 if was_settled else refund.amount),
        refunded=payment.refunded + (refund.amount if succeeded else -refund.amount if was_settled else 0),
    )
    step, event = (Step.REFUND_SUCCEEDED, "refund.succeeded") if succeeded else (Step.REFUND_FAILED, "refund.failed")
    reason = "refunded" if succeeded else f"refund failed: {notice.code or 'no reason given'}"
    change = _change(payment, moved, reason=reason, step=step, at=now, event=event, refund=refund)
    return Decision(
        notice=notice,
        verdict=Verdict.APPLIED,
        reason=reason,
        payment=moved,
        refund=settled,
        change=replace(change, was_settled=was_settled),
    )


def _is_same(refund: Refund, notice: Notice, payment: Payment) -> bool:
    if refund.payment != payment.id:
        return False
    return refund.id == notice.refund or (refund.reference is not None and refund.reference == notice.refund_reference)


def _refund_status(kind: NoticeKind) -> RefundStatus:
    return {
        NoticeKind.REFUND_SUCCEEDED: RefundStatus.SUCCEEDED,
        NoticeKind.REFUND_FAILED: RefundStatus.FAILED,
    }.get(kind, RefundStatus.PENDING)


def _change(
    before: Payment,
    after: Payment,
    *,
    reason: str,
    step: Step,
    at: datetime,
    event: str | None,
    refund: Refund | None = None,
) -> Change:
    return Change(
        payment=before.id,
        before=before.status,
        after=after.status,
        reason=reason,
        step=step,
        at=at,
        gateway=before.gateway,
        currency=before.currency,
        user=before.user,
        sale=before.sale,
        amount=refund.amount if refund else after.captured - before.captured,
        captured_total=after.captured,
        refunded_total=after.refunded + after.refunding,
        refund=refund.id if refund else None,
        event=event,
    )


def _with_reference(payment: Payment, notice: Notice) -> Payment:
    """Take the name that the gateway gives to money; until there is some, the checkout's own name can end it."""
    if payment.reference and notice.kind not in MONEY_KINDS:
        return payment
    return replace(payment, reference=next(iter(notice.references), payment.reference))


def _linked(payment: Payment, notice: Notice, reason: str) -> Decision:
    return Decision(notice=notice, verdict=Verdict.KNOWN, reason=reason, payment=payment)


def _applied(notice: Notice, reason: str, payment: Payment, change: Change) -> Decision:
    return Decision(notice=notice, verdict=Verdict.APPLIED, reason=reason, payment=payment, change=change)


def _parked(notice: Notice, reason: str, waits_for: str | None) -> Decision:
    return Decision(notice=notice, verdict=Verdict.PARKED, reason=reason, waits_for=waits_for)


def _quarantined(notice: Notice, reason: str) -> Decision:
    return Decision(notice=notice, verdict=Verdict.QUARANTINED, reason=reason)
