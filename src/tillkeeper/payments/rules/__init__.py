"""Every decision about a payment, as pure functions: values in, values out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import DISPUTE_KINDS, REFUND_KINDS, Notice, NoticeKind, Step, Verdict
from tillkeeper.payments.rules.disputes import (
    ENDS,
    behind_reversal,
    decide_dispute,
    disputed_surplus,
    take_reversal,
)
from tillkeeper.payments.rules.moves import EVENTS, MOVES, change, dated, linked, parked, quarantined
from tillkeeper.payments.rules.refunds import (
    PaymentDisputedError,
    RefundExceedsCapturedError,
    RefundNotAllowedError,
    decide_refund,
    is_taken_back,
    reserve_refund,
)
from tillkeeper.payments.rules.steps import (
    CAPTURE_KNOWN,
    decide_authorized,
    decide_captured,
    decide_failed,
    decide_fee,
    decide_let_go,
    decide_step,
    is_own_capture,
    rule_on,
)
from tillkeeper.payments.rules.taxes import gross_of
from tillkeeper.payments.values import Book, Decision, Opening, OwnMove, Payment, Terms

__all__ = [
    "CAPTURE_KNOWN",
    "MOVES",
    "PaymentDisputedError",
    "RefundExceedsCapturedError",
    "RefundNotAllowedError",
    "decide",
    "gross_of",
    "is_taken_back",
    "mark_doubt",
    "may_be_surplus",
    "open_checkout",
    "reserve_refund",
    "rule_on",
]


def decide(book: Book, notices: Iterable[Notice], terms: Terms, now: datetime) -> list[Decision]:
    """Apply notices in order to the payments they speak of; each sees what the ones before it did."""
    seen = Book(
        payments=dict(book.payments),
        refunds=dict(book.refunds),
        references=dict(book.references),
        disputes=dict(book.disputes),
        canceling=book.canceling,
        given_up=book.given_up,
    )
    decisions: list[Decision] = []

    def apply(notice: Notice) -> Decision:
        found = _payment_of(notice, seen)
        decision = dated(_decide_one(seen.payments[found] if found else None, seen, notice, terms, now))
        if decision.payment:
            seen.payments[decision.payment.id] = decision.payment
            seen.references.update(
                dict.fromkeys(((notice.gateway, name) for name in decision.links), decision.payment.id)
            )
        seen.refunds.update({each.id: each for each in (decision.refund, decision.rest) if each})
        if decision.dispute:
            seen.disputes[decision.dispute.id] = decision.dispute
        decisions.append(decision)
        return decision

    for notice in notices:
        while _goes_on(notice, apply(notice)):
            pass
    return decisions


def open_checkout(payment: Payment, opening: Opening, now: datetime) -> Decision:
    """Move a payment along after the try to open its checkout; a webhook may have come first, and then stands."""
    reference = payment.reference or next(iter(opening.references), None)
    after = MOVES[opening.move].get(payment.status)
    if after is None or payment.next_action:  # what is unknown of one that was opened before is a charge
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
    made = change(payment, moved, reason=reason, step=Step.NONE, at=now, event=EVENTS.get(opening.move))
    return Decision(verdict=Verdict.APPLIED, reason=reason, links=opening.references, payment=moved, change=made)


def mark_doubt(payment: Payment, *, unclear: bool, reason: str, now: datetime) -> Decision:
    """Say that nobody knows whether a payment was charged in its open checkout, or that this is known again."""
    after = MOVES[OwnMove.DOUBTED if unclear else OwnMove.CLEARED].get(payment.status) if payment.next_action else None
    if after is None:
        return Decision(verdict=Verdict.KNOWN, reason=f"The payment is {payment.status}.")
    moved = replace(payment, status=after)
    made = change(payment, moved, reason=reason, step=Step.NONE, at=now)
    return Decision(verdict=Verdict.APPLIED, reason=reason, payment=moved, change=made)


def _goes_on(notice: Notice, decision: Decision) -> bool:
    """Tell whether a notice says more than one step: what was opened by it may have ended in it as well."""
    if decision.change is None:
        return False
    match decision.change.step:
        case Step.REFUND_REQUESTED:
            return notice.kind is NoticeKind.REFUND_SUCCEEDED  # made in the gateway's dashboard and done already
        case Step.REFUND_FAILED | Step.SURPLUS_RETURNED:
            return notice.kind in DISPUTE_KINDS  # a refund was let go, to make room for the dispute behind it
        case Step.DISPUTE_OPENED:
            return notice.dispute is not None and notice.dispute.status in ENDS
        case _:
            return False


def may_be_surplus(notice: Notice, book: Book) -> bool:
    """Tell whether a notice speaks of another capture than the one that paid its payment."""
    found = _payment_of(notice, book)
    payment = book.payments.get(found) if found else None
    return (
        notice.kind is NoticeKind.PAYMENT_CAPTURED
        and payment is not None
        and payment.captured > 0
        and not is_own_capture(payment, notice)
    )


def _payment_of(notice: Notice, book: Book) -> UUID | None:
    """Find whom a notice speaks of: our own id in the gateway's metadata first, else the gateway's ids."""
    if notice.payment in book.payments:
        return notice.payment
    found = (book.references.get((notice.gateway, reference)) for reference in notice.references)
    return next((id_ for id_ in found if id_), None)


def _decide_one(payment: Payment | None, book: Book, notice: Notice, terms: Terms, now: datetime) -> Decision:
    if payment is None:
        waits_for = str(notice.payment) if notice.payment else next(iter(notice.references), None)
        return parked(notice, "It speaks of a payment that is not known here yet.", waits_for)
    if notice.kind in DISPUTE_KINDS:
        return decide_dispute(payment, list(book.refunds.values()), book.disputes.values(), notice, now)
    if notice.kind is NoticeKind.PAYMENT_CAPTURED:
        return decide_captured(payment, book.refunds, notice, terms, now)
    if notice.kind is NoticeKind.PAYMENT_FEE:
        return decide_fee(payment, notice, now)
    if notice.currency and notice.currency != payment.currency:
        return quarantined(notice, f"It is in {notice.currency}; the payment is in {payment.currency}.")
    return _decide_in_its_currency(payment, book, notice, now)


def _decide_in_its_currency(payment: Payment, book: Book, notice: Notice, now: datetime) -> Decision:
    if notice.kind in REFUND_KINDS:
        return _decide_refund(payment, book, notice, now)
    if notice.kind is NoticeKind.PAYMENT_AUTHORIZED:
        return decide_authorized(payment, notice, now)
    if payment.gateway != notice.gateway:
        return linked(payment, notice, f"The payment goes through {payment.gateway} now; this changes nothing.")
    known = (notice.gateway, notice.failure) in book.references
    if notice.kind is NoticeKind.PAYMENT_FAILED or (known and notice.kind is NoticeKind.PAYMENT_PENDING):
        return decide_failed(payment, notice, now, known=known)
    # Gateways say that a checkout expired also when they were told to end it.
    by_hand = payment.id in book.canceling
    if notice.kind is NoticeKind.PAYMENT_LET_GO:
        return decide_let_go(payment, notice, now, by_hand=by_hand)
    return decide_step(payment, replace(notice, code=None) if by_hand else notice, now)


def _decide_refund(payment: Payment, book: Book, notice: Notice, now: datetime) -> Decision:
    surplus = disputed_surplus(payment, book.refunds.values(), notice)
    behind = behind_reversal(payment, book.disputes.values(), notice, surplus=surplus)
    if behind:
        return take_reversal(payment, behind, notice, now, surplus=surplus)
    return decide_refund(payment, list(book.refunds.values()), notice, now, given_up=book.given_up)
