"""Refunds of an earlier system that came without their gateway's names: known again when the gateway tells of them."""

from collections.abc import Sequence
from dataclasses import replace

from tillkeeper.facts import Notice, NoticeKind, Verdict
from tillkeeper.kernel import ids
from tillkeeper.payments.values import Decision, Payment, Refund, RefundStatus

KNOWN_BEFORE = "It was taken over from an earlier system; nothing moves."


def find_earlier(payment: Payment, refunds: Sequence[Refund], notice: Notice) -> Decision | None:
    """Take what a gateway tells for what was taken over without a name, as far as that reaches.

    A refund of the same amount is the same one; a smaller one is a part of a total; and what only several together
    come to is known, without anybody knowing by which name. What failed went back nowhere, and what we asked for
    ourselves never came from elsewhere.
    """
    amount = notice.amount
    if notice.kind is NoticeKind.REFUND_FAILED or notice.refund or not amount:
        return None
    nameless = [each for each in refunds if _is_nameless(each, payment, notice)]
    if amount > sum(each.amount for each in nameless):
        return None
    whole = min((each for each in nameless if each.amount >= amount), key=_size, default=None)
    if whole is None or not notice.refund_reference:
        return Decision(notice=notice, verdict=Verdict.KNOWN, reason=KNOWN_BEFORE)
    named = replace(whole, reference=notice.refund_reference)
    if whole.amount == amount:
        return Decision(notice=notice, verdict=Verdict.APPLIED, reason=KNOWN_BEFORE, refund=named)
    part = ids.derive(payment.id, "refund", notice.gateway, notice.refund_reference)
    return Decision(
        notice=notice,
        verdict=Verdict.APPLIED,
        reason=KNOWN_BEFORE,
        refund=replace(named, id=part, amount=amount),
        rest=replace(whole, amount=whole.amount - amount),
    )


def _is_nameless(refund: Refund, payment: Payment, notice: Notice) -> bool:
    of_it = refund.payment == payment.id and refund.gateway == notice.gateway
    return of_it and refund.imported and not refund.reference and refund.status is RefundStatus.SUCCEEDED


def _size(refund: Refund) -> int:
    return refund.amount
