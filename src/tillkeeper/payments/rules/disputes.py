"""Disputes: what a customer's bank takes back, stage by stage, in whatever order the stages are told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tillkeeper.facts import Change, DisputeFacts, DisputeStatus, Notice, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.payments.rules.moves import change, parked, quarantined
from tillkeeper.payments.values import Decision, Dispute, Payment

RANKS = {
    DisputeStatus.WARNING: 0,
    DisputeStatus.NEEDS_RESPONSE: 1,
    DisputeStatus.UNDER_REVIEW: 2,
    DisputeStatus.PREVENTED: 3,
    DisputeStatus.WON: 3,
    DisputeStatus.LOST: 3,
}
ENDS = frozenset({DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.PREVENTED})
CLAIMING = frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST})
"""The stages in which the money of a dispute is not ours."""
STEPS = {DisputeStatus.WON: Step.DISPUTE_WON, DisputeStatus.LOST: Step.DISPUTE_LOST}


def decide_dispute(payment: Payment, disputes: Iterable[Dispute], notice: Notice, now: datetime) -> Decision:
    """Take in what a gateway says of a dispute; an end that comes first opens the dispute as well."""
    said = notice.dispute
    if said is None:
        return quarantined(notice, "It speaks of a dispute and does not say which.")
    if not payment.captured:
        return parked(notice, "A dispute arrived before its capture; it waits for it.", str(payment.id))
    name = ids.derive(payment.id, "dispute", notice.gateway, said.id)
    known = next((dispute for dispute in disputes if dispute.id == name), None)
    if known is None:
        return _open(payment, notice, said, now)
    heard = _hear(known, said, now)
    if known.status in ENDS and said.status in ENDS and known.status is not said.status:
        return quarantined(notice, f"It says the dispute is {said.status}, and it was {known.status} already.")
    ended = known.status in ENDS or not _is_newer(known, said, now)
    after = heard if ended else replace(heard, status=said.status, closed_at=now if said.status in ENDS else None)
    if after == known:
        return Decision(notice=notice, verdict=Verdict.KNOWN, reason=f"The dispute is {known.status} already.")
    return _move(payment, known, after, notice, now)


def _open(payment: Payment, notice: Notice, said: DisputeFacts, now: datetime) -> Decision:
    if not notice.amount or not notice.currency:
        return quarantined(notice, "A dispute was opened, and the gateway does not say of how much.")
    dispute = Dispute(
        id=ids.derive(payment.id, "dispute", notice.gateway, said.id),
        payment=payment.id,
        gateway=notice.gateway,
        reference=said.id,
        status=DisputeStatus.NEEDS_RESPONSE if said.status in ENDS else said.status,
        amount=notice.amount,
        currency=notice.currency,
        reason=said.reason,
        due_at=said.due_at,
        withdrawn=said.withdrawn,
        fee=said.fee,
        opened_at=now,
        told_at=said.at or now,
    )
    moved = _claimed(payment, None, dispute)
    reason = f"disputed: {said.reason or 'no reason given'}"
    made = change(payment, moved, reason=reason, step=Step.DISPUTE_OPENED, at=now, event="dispute.opened")
    return _decision(notice, moved, dispute, made)


def _move(payment: Payment, known: Dispute, after: Dispute, notice: Notice, now: datetime) -> Decision:
    if (known.status, known.due_at) == (after.status, after.due_at):
        # Only what the gateway holds back has changed: the books will want it, and nobody else.
        return Decision(notice=notice, verdict=Verdict.APPLIED, reason="the dispute's money moved", dispute=after)
    moved = _claimed(payment, known, after)
    step = STEPS.get(after.status, Step.DISPUTE_UPDATED)
    ended = after.status in STEPS and after.status is not known.status
    event = f"dispute.{after.status}" if ended else "dispute.updated"
    made = change(payment, moved, reason=f"dispute {after.status}", step=step, at=now, event=event)
    due = after.due_at.isoformat() if after.due_at else ""
    return _decision(notice, moved, after, replace(made, occasion="" if ended else f"{after.status}:{due}"))


def _claimed(payment: Payment, before: Dispute | None, after: Dispute) -> Payment:
    """Count what is claimed of a payment."""
    was = before.amount if before and before.status in CLAIMING else 0
    return replace(payment, disputed=payment.disputed - was + (after.amount if after.status in CLAIMING else 0))


def _is_newer(known: Dispute, said: DisputeFacts, now: datetime) -> bool:
    """Tell whether a stage follows the one that is known; what was told in the same second goes by rank."""
    at = said.at or now
    if at == known.told_at or said.status in ENDS:
        return RANKS[said.status] > RANKS[known.status]
    return at > known.told_at


def _hear(known: Dispute, said: DisputeFacts, now: datetime) -> Dispute:
    """Take in what a gateway tells beside the stage: what is newer than what is known, or was not known."""
    at = said.at or now
    newer, older = (said, known) if at >= known.told_at else (known, said)
    withdrawn, fee = _first(newer.withdrawn, older.withdrawn), _first(newer.fee, older.fee)
    if at == known.told_at:  # nobody can tell which of the two came later: what is held back only grows at first
        withdrawn = _most(said.withdrawn, known.withdrawn)
        fee = _most(said.fee, known.fee)
    return replace(
        known,
        due_at=newer.due_at or older.due_at,
        reason=newer.reason or older.reason,
        withdrawn=withdrawn,
        fee=fee,
        told_at=max(at, known.told_at),
    )


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _most(*amounts: int | None) -> int | None:
    return max((amount for amount in amounts if amount is not None), default=None)


def _decision(notice: Notice, payment: Payment, dispute: Dispute, made: Change) -> Decision:
    about = replace(made, dispute=dispute.id, amount=dispute.amount, gateway=dispute.gateway, currency=dispute.currency)
    return Decision(
        notice=notice, verdict=Verdict.APPLIED, reason=made.reason, payment=payment, dispute=dispute, change=about
    )
