"""What a gateway says of taking money: approved, authorised, captured, failed, ended, and what it kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import EXPIRED, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.payments.rules.moves import (
    ENDED,
    EVENTS,
    HELD,
    MOVES,
    applied,
    change,
    linked,
    named,
    quarantined,
    told,
    waiting,
)
from tillkeeper.payments.values import Decision, Payment, Refund, RefundStatus, Status, Terms

CAPTURE_KNOWN = "This capture is in the books already."


def decide_captured(
    payment: Payment, refunds: Mapping[UUID, Refund], notice: Notice, terms: Terms, now: datetime
) -> Decision:
    """Take captured money in, once; a second capture goes back."""
    amount = notice.amount or 0
    if payment.captured and not is_own_capture(payment, notice):
        return _decide_surplus(payment, refunds, notice, terms, now)
    if payment.captured and amount == payment.captured:
        return linked(payment, notice, CAPTURE_KNOWN)
    exact = 0 < amount <= payment.amount if payment.manual_capture else amount == payment.amount
    if not exact or payment.captured or notice.currency != payment.currency:
        return quarantined(
            notice,
            f"It says {told(notice.amount, notice.currency)} was captured; asked were "
            f"{money.show(payment.amount, payment.currency)}, captured before "
            f"{money.show(payment.captured, payment.currency)}.",
        )
    moved = replace(
        named(payment, notice),
        status=MOVES[notice.kind][payment.status],
        gateway=notice.gateway,
        captured=amount,
        captured_at=now,
        fee=terms.predict_fee(notice.gateway, amount, payment.currency),
        next_action=None,
        error_code=None,
        error_message=None,
    )
    late = payment.status in ENDED
    reason = f"captured, although the payment was {payment.status}" if late else "captured"
    taken = change(payment, moved, reason=reason, step=Step.CAPTURED, at=now, event=EVENTS[notice.kind])
    withheld = f"the payment was {payment.status} when the money came" if late and terms.refund_late else None
    return applied(notice, moved, replace(taken, fee=moved.fee, withheld=withheld))


def is_own_capture(payment: Payment, notice: Notice) -> bool:
    """Tell whether a notice speaks of the capture that paid this payment, and not of another."""
    return notice.gateway == payment.gateway and payment.reference in notice.references


def _decide_surplus(
    payment: Payment, refunds: Mapping[UUID, Refund], notice: Notice, terms: Terms, now: datetime
) -> Decision:
    """Give back what was captured for a payment that is paid already."""
    if not notice.references or not notice.amount or not notice.currency:
        return quarantined(notice, "Money was captured a second time, and the gateway does not say which or how much.")
    capture = notice.references[0]
    fee = terms.predict_fee(notice.gateway, notice.amount, notice.currency)
    refund = Refund(
        id=ids.derive(payment.id, "surplus", notice.gateway, capture),
        payment=payment.id,
        amount=notice.amount,
        currency=notice.currency,
        status=RefundStatus.PENDING,
        origin="us",
        gateway=notice.gateway,
        reference=None,
        reason="captured a second time",
        created_at=now,
        surplus=True,
        capture=capture,
        fee=fee,
    )
    if refund.id in refunds:
        return linked(payment, notice, "This second capture is being given back already.")
    reason = f"captured a second time: {capture} goes back"
    taken = replace(
        change(payment, payment, reason=reason, step=Step.SURPLUS_CAPTURED, at=now, event="refund.created"),
        gateway=notice.gateway,
        currency=notice.currency,
        amount=notice.amount,
        fee=fee,
        refund=refund.id,
    )
    return replace(applied(notice, payment, taken), refund=refund)


def decide_authorized(payment: Payment, notice: Notice, now: datetime) -> Decision:
    """Hold authorised money: capture it where nobody must decide, let it go where the payment has ended."""
    if payment.authorized_at and payment.gateway == notice.gateway:
        return linked(payment, notice, f"The payment was authorised before and is {payment.status}.")
    held = replace(payment, authorized_at=now)
    if payment.status in ENDED or (payment.captured and payment.gateway != notice.gateway):
        reason = f"authorised, although the payment was {payment.status} already: it is let go"
        late = change(payment, held, reason=reason, step=Step.AUTHORIZED_IN_VAIN, at=now)
        return applied(
            notice, held, replace(late, gateway=notice.gateway, reference=next(iter(notice.references), None))
        )
    event, after = EVENTS[notice.kind], MOVES[notice.kind].get(payment.status)
    if after is None:  # the capture was told first
        return applied(
            notice, held, change(payment, held, reason="authorised before", step=Step.NONE, at=now, event=event)
        )
    if payment.review:
        after, event = Status.IN_REVIEW, "payment.in_review"
    moved = replace(named(held, notice), status=after, gateway=notice.gateway)
    step = Step.NONE if payment.manual_capture else Step.AUTHORIZED
    return applied(notice, moved, change(payment, moved, reason="authorised", step=step, at=now, event=event))


def rule_on(payment: Payment, *, approved: bool, by: str, reason: str | None, now: datetime) -> Decision:
    """Write down what a person decided about held money; raises InvalidStateError where nothing waits for that."""
    if payment.status is not Status.IN_REVIEW:
        message = f"The payment is {payment.status}; a person rules on one that is {Status.IN_REVIEW}."
        raise InvalidStateError(message)
    ruled = f"approved by {by}" if approved else f"rejected by {by}"
    moved = replace(payment, status=Status.REQUIRES_CAPTURE, review=False) if approved else payment
    reason = f"{ruled}: {reason}" if reason else ruled
    return Decision(
        verdict=Verdict.APPLIED,
        reason=reason,
        payment=moved,
        change=change(payment, moved, reason=reason, step=Step.NONE, at=now),
    )


def decide_failed(payment: Payment, notice: Notice, now: datetime, *, known: bool) -> Decision:
    """Note that an attempt failed, once; the payment goes on."""
    if known:
        return linked(payment, notice, "It is known already that this attempt failed.")
    after = MOVES[notice.kind].get(payment.status)
    if after is None:
        return linked(payment, notice, f"An attempt failed; the payment is {payment.status} all the same.")
    if notice.attempt and payment.reference == notice.attempt:
        payment = replace(payment, reference=None)  # whoever is asked by that name hears of nothing that comes after
    moved = replace(named(payment, notice), status=after, error_code=notice.code, error_message=notice.message)
    reason = f"attempt failed: {notice.code or 'no reason given'}"
    failed = change(payment, moved, reason=reason, step=Step.NONE, at=now, event=EVENTS[notice.kind])
    decided = applied(notice, moved, replace(failed, occasion=notice.attempt or str(notice.id)))
    return replace(decided, links=(*notice.references, notice.failure)) if notice.failure else decided


def decide_let_go(payment: Payment, notice: Notice, now: datetime, *, by_hand: bool) -> Decision:
    """Take in that one card holds no money any more: while its checkout lasts, the customer may bring another.

    Whether another one holds money already is asked, because it may have been told before.
    """
    after = MOVES[notice.kind].get(payment.status)
    if after is None or payment.reference is None or payment.reference not in notice.references:
        return linked(payment, notice, f"Another card was let go; the payment is {payment.status} all the same.")
    if by_hand or payment.expires_at is None or payment.expires_at <= now:
        return decide_step(payment, replace(notice, kind=NoticeKind.PAYMENT_CANCELED), now)
    moved = replace(payment, status=after, reference=None, authorized_at=None)
    reason = f"{payment.reference} was let go; another card may pay"
    return applied(notice, moved, change(payment, moved, reason=reason, step=Step.LET_GO, at=now))


def decide_step(payment: Payment, notice: Notice, now: datetime) -> Decision:
    """Move along the table."""
    after = MOVES[notice.kind].get(payment.status)
    if after is None or after is payment.status:
        return linked(payment, notice, f"The payment is {payment.status}; this changes nothing.")
    if payment.status in HELD and notice.references and payment.reference not in notice.references:
        return linked(payment, notice, f"Another card's money was let go; the payment holds {payment.reference}.")
    if after is Status.CANCELED and notice.references and payment.next_action and payment.reference is None:
        return linked(
            payment, notice, "What came to nothing is one card; the payment goes by no name yet, and goes on."
        )
    event = EVENTS.get(notice.kind)
    if after is Status.CANCELED and notice.code == EXPIRED:
        after, event = Status.EXPIRED, "payment.expired"
    next_action = None if after in (Status.CANCELED, Status.EXPIRED) else payment.next_action
    moved = replace(named(payment, notice), status=after, next_action=next_action)
    step = Step.APPROVED if notice.kind is NoticeKind.PAYMENT_APPROVED else Step.NONE
    reason = "approved by the customer" if step is Step.APPROVED else str(after)
    return applied(notice, moved, change(payment, moved, reason=reason, step=step, at=now, event=event))


def decide_fee(payment: Payment, notice: Notice, now: datetime) -> Decision:
    """Correct the fee that was predicted by what the gateway really kept."""
    if not payment.captured:
        return waiting(payment, notice, "A fee")
    told_at, tax = notice.occurred_at or now, payment.fee_tax if notice.tax is None else notice.tax
    changes_nothing = _why_no_fee(payment, notice, tax, told_at)
    if changes_nothing:
        return linked(payment, notice, changes_nothing)
    if notice.amount is None:
        untold = change(payment, payment, reason="the fee is known at the gateway", step=Step.FEE_UNTOLD, at=now)
        return Decision(notice=notice, verdict=Verdict.APPLIED, reason=untold.reason, change=untold)
    moved = replace(payment, fee=notice.amount, fee_tax=tax, fee_final=True, fee_told_at=told_at)
    kept = f"the gateway kept {money.show(notice.amount, payment.currency)}"
    expected = money.show(payment.fee, payment.currency)
    reason = f"{kept}, as expected" if notice.amount == payment.fee else f"{kept}; expected were {expected}"
    corrected = change(payment, moved, reason=reason, step=Step.FEE_CHANGED, at=now)
    occasion = f"{payment.fee}:{notice.amount}"
    if tax != payment.fee_tax:
        occasion += f":{payment.fee_tax}:{tax}"
    if payment.fee_final:  # it may return to an earlier figure
        occasion += f":{told_at.isoformat()}"
    more = replace(corrected, fee=notice.amount - payment.fee, fee_tax=tax - payment.fee_tax, occasion=occasion)
    return applied(notice, moved, more)


def _why_no_fee(payment: Payment, notice: Notice, tax: int, told_at: datetime) -> str | None:
    """Say why a notice of a fee changes nothing, if so."""
    if payment.imported:
        return "The fee was booked in the system from which the payment came."
    if payment.fee_final and notice.amount in {None, payment.fee} and tax == payment.fee_tax:
        return "The fee is known already."
    if payment.fee_told_at and told_at < payment.fee_told_at:
        return "A newer figure of the fee is known already."
    if notice.amount is not None and not (notice.currency == payment.currency and is_own_capture(payment, notice)):
        return "It is in another currency or of another capture; the settlement shows it."
    return None
