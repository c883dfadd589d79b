"""Refunds: set aside under lock, told by us or made in the gateway's dashboard, settled or failed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from tillkeeper.facts import Change, DisputeStatus, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, TillError
from tillkeeper.payments.rules.earlier import find_earlier
from tillkeeper.payments.rules.moves import change, quarantined, told, waiting
from tillkeeper.payments.rules.taxes import tax_part
from tillkeeper.payments.values import GIVEN_UP, Decision, Dispute, Payment, Refund, RefundStatus, Status

OPEN_DISPUTES = (DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW)
DISPUTED = "disputed"
"""The code of a refund that a dispute has taken the place of."""


class RefundExceedsCapturedError(TillError):
    """Report a refund of more than is left of the captured amount."""

    code = "refund_exceeds_captured"
    status = 422
    title = "This is more than is left to refund"
    category = "invalid_request"
    next_step = "Refund at most what `amount_captured` minus all refunds and lost disputes leaves."


class RefundNotAllowedError(TillError):
    """Report a refund that the goods do not allow, because they were used already."""

    code = "refund_not_allowed"
    status = 422
    title = "The goods of this payment do not allow this refund"
    category = "invalid_request"
    next_step = "Refund at most the part that was not used yet."


class PaymentDisputedError(TillError):
    """Report a refund of a payment that the customer's bank is taking back already."""

    code = "payment_disputed"
    status = 409
    title = "The payment is disputed"
    category = "invalid_request"
    next_step = "Accept the dispute instead: that gives the money back, once. `GET /api/v1/disputes` lists it."


def reserve_refund(
    payment: Payment,
    amount: int | None,
    *,
    refund: UUID,
    unused: int | None,
    reason: str | None,
    now: datetime,
    disputes: Iterable[Dispute] = (),
) -> Decision:
    """Set aside what is about to be refunded; `unused` is the share of the captured money whose goods are unused.

    Raises InvalidStateError, InvalidFieldError, PaymentDisputedError, RefundExceedsCapturedError or
    RefundNotAllowedError.
    """
    if payment.status is not Status.SUCCEEDED:
        message = f"The payment is {payment.status}; only a succeeded payment can be refunded."
        raise InvalidStateError(message)
    _check_disputes(disputes)
    wanted = payment.left if amount is None else amount
    shown = partial(money.show, code=payment.currency)
    left, captured = shown(payment.left), shown(payment.captured)
    if amount is not None and amount <= 0:
        message = "A refund is at least one minor unit."
        raise InvalidFieldError(message, param="amount")
    if wanted > payment.left or payment.left <= 0:
        message = f"{shown(wanted or payment.captured)} was asked for, and {left} of {captured} is left to refund."
        raise RefundExceedsCapturedError(message, param="amount")
    if unused is not None and wanted > unused:
        message = f"Part of the goods was used: at most {shown(unused)} of {left} can be refunded."
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


def _check_disputes(disputes: Iterable[Dispute]) -> None:
    """Let nobody pay twice: what a bank is taking back is not refunded as well."""
    for dispute in disputes:
        if dispute.status in OPEN_DISPUTES and not dispute.of_surplus:
            claimed = money.show(dispute.amount, dispute.currency)
            message = f"{claimed} of this payment is disputed ({dispute.reason or 'no reason given'})."
            raise PaymentDisputedError(message)


def is_taken_back(payment: Payment, refund: Refund, disputes: Iterable[Dispute]) -> bool:
    """Tell whether a bank takes, or has taken, money that a refund promised before would give back a second time."""
    disputed = [each for each in disputes if (each.gateway, each.of_surplus) == (refund.gateway, refund.surplus)]
    if any(dispute.status in OPEN_DISPUTES for dispute in disputed):
        return True
    if refund.surplus:
        return refund.status is RefundStatus.FAILED  # a lost dispute has ended it, or something else has
    taken = sum(_taken(dispute, payment) for dispute in disputed if dispute.status is DisputeStatus.LOST)
    return taken > 0 and payment.refunded + refund.amount + taken > payment.captured


def _taken(dispute: Dispute, payment: Payment) -> int:
    """Tell what a bank has taken in the payment's currency: what was withdrawn, where the gateway says so."""
    if dispute.currency != payment.currency:
        return dispute.claimed
    return dispute.amount if dispute.withdrawn is None else min(dispute.amount, dispute.withdrawn)


def decide_refund(
    payment: Payment,
    refunds: Sequence[Refund],
    notice: Notice,
    now: datetime,
    *,
    given_up: frozenset[UUID] = frozenset(),
) -> Decision:
    """Take in what a gateway says of a refund."""
    if not payment.captured:
        return waiting(payment, notice, "A refund")
    known = next((refund for refund in refunds if _is_same(refund, notice, payment)), None)
    ours = None if known else _given_up_alike(payment, refunds, notice, given_up)
    if ours:
        return _take_for(payment, ours, notice, now)
    if known is None:
        return _decide_foreign(payment, refunds, notice, now)
    if notice.amount is not None and notice.amount != known.amount:
        asked = money.show(known.amount, known.currency)
        return quarantined(notice, f"It says {told(notice.amount, known.currency)} was refunded; asked were {asked}.")
    target = _status(notice.kind)
    linked = replace(known, reference=known.reference or notice.refund_reference)
    stays = known.status is RefundStatus.FAILED or _is_another_try(known, notice)
    if stays or target in {known.status, RefundStatus.PENDING}:
        verdict = Verdict.KNOWN if linked == known else Verdict.APPLIED
        return Decision(notice=notice, verdict=verdict, reason=f"The refund is {known.status} already.", refund=linked)
    return _settle(payment, linked, notice, now)


def let_go(payment: Payment, refund: Refund, notice: Notice, now: datetime) -> Decision:
    """End a refund whose money goes by way of a dispute: one that was the gateway's own, or one that we still owe."""
    return _settle(payment, refund, replace(notice, code=DISPUTED), now)


def _given_up_alike(
    payment: Payment, refunds: Sequence[Refund], notice: Notice, given_up: frozenset[UUID]
) -> Refund | None:
    """Find a refund of ours that was given up, and that somebody may just have made in the gateway's dashboard."""
    if notice.kind is NoticeKind.REFUND_FAILED or notice.refund:
        return None
    alike = (
        refund
        for refund in refunds
        if refund.id in given_up and _is_of(refund, payment, notice) and not refund.surplus and not refund.reference
    )
    return next((each for each in alike if (each.status, each.amount) == (RefundStatus.PENDING, notice.amount)), None)


def _take_for(payment: Payment, ours: Refund, notice: Notice, now: datetime) -> Decision:
    """Take a refund that a person made for the one of ours that nobody could find: the money goes back once."""
    taken = replace(ours, reference=notice.refund_reference)
    if notice.kind is NoticeKind.REFUND_SUCCEEDED:
        return _settle(payment, taken, notice, now)
    reason = "Somebody is giving back in the gateway's dashboard what we could not."
    return Decision(notice=notice, verdict=Verdict.APPLIED, reason=reason, refund=taken)


def _decide_foreign(payment: Payment, refunds: Sequence[Refund], notice: Notice, now: datetime) -> Decision:
    """Accept a refund that somebody made in the gateway's own dashboard: a fact is never refused."""
    captures = {refund.capture: refund for refund in refunds if refund.surplus and _is_of(refund, payment, notice)}
    surplus = next((captures[name] for name in notice.references if name in captures), None)
    if surplus or notice.gateway != payment.gateway:
        return _decide_foreign_surplus(payment, surplus, notice, now)
    earlier = find_earlier(payment, refunds, notice)
    if earlier:
        return earlier
    if notice.kind is NoticeKind.REFUND_FAILED:
        return _remember_failed(payment, refunds, notice, now)
    if not notice.amount or notice.amount + payment.refunded > payment.captured:
        return _too_much(payment, notice)
    refund = _foreign(payment, refunds, notice, RefundStatus.PENDING, now)
    return _request(payment, refund, notice, now)


def _too_much(payment: Payment, notice: Notice) -> Decision:
    """Set aside what a gateway cannot have done."""
    captured, refunded = (money.show(each, payment.currency) for each in (payment.captured, payment.refunded))
    said = told(notice.amount, payment.currency)
    return quarantined(notice, f"It says {said} was refunded; captured are {captured}, refunded {refunded}.")


def _decide_foreign_surplus(payment: Payment, surplus: Refund | None, notice: Notice, now: datetime) -> Decision:
    """Take a refund that somebody else made of a second capture for the one that we owe."""
    whole = surplus and surplus.status is RefundStatus.PENDING and notice.amount == surplus.amount
    if surplus is None or not whole or notice.kind is NoticeKind.REFUND_FAILED:
        return quarantined(notice, "It refunds a second capture in another way than we do.")
    if notice.kind is not NoticeKind.REFUND_SUCCEEDED:
        reason = "Somebody is giving the second capture back in the gateway's dashboard."
        return Decision(notice=notice, verdict=Verdict.KNOWN, reason=reason)
    return _settle(payment, replace(surplus, reference=notice.refund_reference), notice, now)


def _remember_failed(payment: Payment, refunds: Sequence[Refund], notice: Notice, now: datetime) -> Decision:
    """Keep a refund that failed before we heard that it was made, so that hearing it later changes nothing."""
    reason = "A refund that we had not heard of has failed; nothing went back."
    if not notice.amount:
        return Decision(notice=notice, verdict=Verdict.KNOWN, reason=reason)
    refund = _foreign(payment, refunds, notice, RefundStatus.FAILED, now)
    return Decision(notice=notice, verdict=Verdict.APPLIED, reason=reason, refund=refund)


def _foreign(
    payment: Payment, refunds: Sequence[Refund], notice: Notice, status: RefundStatus, now: datetime
) -> Refund:
    """Make the refund that a gateway tells of; one that we asked for before a restore keeps the id that we gave it.

    Where that id is taken, by one that a person ended or stood in for, it is another refund.
    """
    assert notice.amount, "a refund without an amount is asked about first"
    named = notice.refund_reference
    derived = ids.derive(payment.id, "refund", notice.gateway, named) if named else ids.new()
    ours = notice.refund if notice.refund not in {each.id for each in refunds} else None
    return Refund(
        id=ours or derived,
        payment=payment.id,
        amount=notice.amount,
        currency=payment.currency,
        status=status,
        origin="us" if ours else "gateway",
        gateway=notice.gateway,
        reference=named,
        reason=None,
        created_at=(notice.occurred_at or now) if ours else now,
        error_code=notice.code,
        settled_at=now if status is RefundStatus.FAILED else None,
        reversal=notice.reversal,
    )


def _request(payment: Payment, refund: Refund, notice: Notice | None, now: datetime) -> Decision:
    """Set a refund aside; one that the gateway has made already is settled in the same step by a second change."""
    refund = replace(refund, tax=tax_part(payment, refund.amount))
    moved = replace(
        payment, refunding=payment.refunding + refund.amount, tax_refunded=payment.tax_refunded + refund.tax
    )
    dashboard = "taken back by the gateway" if refund.reversal else "refunded in the gateway's dashboard"
    reason = "refund requested" if refund.origin == "us" else dashboard
    made = change(payment, moved, reason=reason, step=Step.REFUND_REQUESTED, at=now, event="refund.created")
    return _decision(notice, moved, refund, _about(made, refund))


def _settle(payment: Payment, refund: Refund, notice: Notice, now: datetime) -> Decision:
    was_settled = refund.status is RefundStatus.SUCCEEDED
    succeeded = notice.kind is NoticeKind.REFUND_SUCCEEDED
    # Refunds of ours and of the dashboard may be promised beside each other, and then some of them must fail.
    if succeeded and not refund.surplus and payment.refunded + refund.amount > payment.captured:
        return _too_much(payment, notice)
    settled = replace(
        refund,
        status=RefundStatus.SUCCEEDED if succeeded else RefundStatus.FAILED,
        error_code=notice.code,
        settled_at=now,
    )
    moved = payment if refund.surplus else _moved(payment, refund, succeeded=succeeded, was_settled=was_settled)
    step = (SURPLUS_STEPS if refund.surplus else STEPS)[succeeded]
    reason = "refunded" if succeeded else f"refund failed: {notice.code or 'no reason given'}"
    event = "refund.succeeded" if succeeded else "refund.failed"
    made = _about(change(payment, moved, reason=reason, step=step, at=now, event=event), refund)
    return _decision(notice, moved, settled, replace(made, was_settled=was_settled))


STEPS = {True: Step.REFUND_SUCCEEDED, False: Step.REFUND_FAILED}
SURPLUS_STEPS = {True: Step.SURPLUS_REFUNDED, False: Step.SURPLUS_RETURNED}


def _moved(payment: Payment, refund: Refund, *, succeeded: bool, was_settled: bool) -> Payment:
    amount = refund.amount
    return replace(
        payment,
        refunding=payment.refunding - (0 if was_settled else amount),
        refunded=payment.refunded + (amount if succeeded else -amount if was_settled else 0),
        tax_refunded=payment.tax_refunded - (0 if succeeded else refund.tax),
    )


def _about(made: Change, refund: Refund) -> Change:
    """Say of which refund a change is, and what it moves where."""
    return replace(
        made,
        refund=refund.id,
        amount=refund.amount,
        tax=refund.tax,
        gateway=refund.gateway,
        currency=refund.currency,
    )


def _decision(notice: Notice | None, payment: Payment, refund: Refund, made: Change) -> Decision:
    return Decision(
        notice=notice, verdict=Verdict.APPLIED, reason=made.reason, payment=payment, refund=refund, change=made
    )


def _is_same(refund: Refund, notice: Notice, payment: Payment) -> bool:
    """Tell whether a notice speaks of a refund: by the gateway's name for it, or by ours while it has none.

    Two refunds of the gateway's that carry one name of ours are two. One that a person has ended is over, and so is
    one that the gateway declined before it had a name for it: what was made all the same is money that went back.
    """
    if not _is_of(refund, payment, notice):
        return False
    if refund.reference is not None and notice.refund_reference is not None:
        return refund.reference == notice.refund_reference
    ended = refund.status is RefundStatus.FAILED and (refund.reference is None or refund.error_code == GIVEN_UP)
    return refund.id == notice.refund and not (ended and notice.kind is not NoticeKind.REFUND_FAILED)


def _is_another_try(known: Refund, notice: Notice) -> bool:
    """Tell whether a call was declined whose refund the gateway has made: no reply had come to an earlier one."""
    declined = notice.kind is NoticeKind.REFUND_FAILED and notice.refund_reference is None
    return declined and known.reference is not None and notice.code != GIVEN_UP


def _is_of(refund: Refund, payment: Payment, notice: Notice) -> bool:
    return refund.payment == payment.id and refund.gateway == notice.gateway


def _status(kind: NoticeKind) -> RefundStatus:
    return {
        NoticeKind.REFUND_SUCCEEDED: RefundStatus.SUCCEEDED,
        NoticeKind.REFUND_FAILED: RefundStatus.FAILED,
    }.get(kind, RefundStatus.PENDING)
