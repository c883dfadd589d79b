"""How far a payout is, whatever order the stages are told in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from tillkeeper.facts import Notice, NoticeKind, Verdict
from tillkeeper.kernel import ids, money
from tillkeeper.settlement.values import Payout, PayoutDecision, PayoutStatus

NAMESPACE = UUID("01935f2c-7c00-7000-8000-000000000000")
"""What ids of payouts are derived from: the same payout of a gateway has the same id, however often it is heard of."""
STAGES = {
    NoticeKind.PAYOUT_CREATED: PayoutStatus.CREATED,
    NoticeKind.PAYOUT_PAID: PayoutStatus.PAID,
    NoticeKind.PAYOUT_FAILED: PayoutStatus.FAILED,
}
RANKS = {status: rank for rank, status in enumerate(PayoutStatus)}
EVENTS = {PayoutStatus.PAID: "payout.paid", PayoutStatus.FAILED: "payout.failed"}


def name(notice: Notice) -> UUID:
    """Tell the one id of the payout that a notice speaks of."""
    assert notice.payout, "a notice about a payout says which"
    return ids.derive(NAMESPACE, "payout", notice.gateway, notice.payout.id)


def first_told(notices: Sequence[Notice]) -> list[Payout]:
    """List the payouts that notices tell of, each once, in the order of their ids and as far as the first one says."""
    found: dict[UUID, Payout] = {}
    for notice in notices:
        if notice.amount is not None and notice.currency is not None:
            found.setdefault(name(notice), _told(notice, notice.amount, notice.currency))
    return [found[id_] for id_ in sorted(found)]


def decide(known: Mapping[UUID, Payout], notices: Sequence[Notice]) -> list[PayoutDecision]:
    """Apply notices in order; each sees what the ones before it did."""
    payouts, decisions = dict(known), []
    for notice in notices:
        decision = _decide_one(payouts.get(name(notice)), notice)
        if decision.payout:
            payouts[decision.payout.id] = decision.payout
        decisions.append(decision)
    return decisions


def _decide_one(known: Payout | None, notice: Notice) -> PayoutDecision:
    if notice.amount is None or notice.currency is None:
        reason = "It speaks of a payout and does not say of how much."
        return PayoutDecision(notice=notice, verdict=Verdict.QUARANTINED, reason=reason)
    told = _told(notice, notice.amount, notice.currency)
    if known is None:
        return _applied(notice, told, None)
    if (told.amount, told.currency) != (known.amount, known.currency):
        now, before = money.show(told.amount, told.currency), money.show(known.amount, known.currency)
        reason = f"It says {now} is paid out; before it was {before}."
        return PayoutDecision(notice=notice, verdict=Verdict.QUARANTINED, reason=reason)
    if RANKS[told.status] > RANKS[known.status]:
        return _applied(notice, _with_more(told, known), known.status)
    better = _with_more(known, told)
    if better != known:
        reason = "more became known of the payout"
        return PayoutDecision(notice=notice, verdict=Verdict.APPLIED, reason=reason, payout=better, before=known.status)
    return PayoutDecision(notice=notice, verdict=Verdict.KNOWN, reason=f"The payout is {known.status} already.")


def _with_more(payout: Payout, other: Payout) -> Payout:
    """Add what only another telling says."""
    return replace(
        payout,
        bank_reference=payout.bank_reference or other.bank_reference,
        arrives_at=payout.arrives_at or other.arrives_at,
        automatic=payout.automatic and other.automatic,
    )


def _applied(notice: Notice, payout: Payout, before: PayoutStatus | None) -> PayoutDecision:
    return PayoutDecision(
        notice=notice,
        verdict=Verdict.APPLIED,
        reason=f"payout {payout.status}",
        payout=payout,
        before=before,
        event=EVENTS.get(payout.status),
    )


def _told(notice: Notice, amount: int, currency: str) -> Payout:
    assert notice.payout, "a notice about a payout says which"
    return Payout(
        id=name(notice),
        gateway=notice.gateway,
        reference=notice.payout.id,
        status=STAGES[notice.kind],
        amount=amount,
        currency=currency,
        arrives_at=notice.payout.arrives_at,
        bank_reference=notice.payout.bank_reference,
        automatic=notice.payout.automatic,
        error_code=notice.code,
    )
