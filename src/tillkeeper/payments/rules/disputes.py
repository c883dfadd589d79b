"""Disputes: what a customer's bank takes back, stage by stage, in whatever order the stages are told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tillkeeper.facts import Change, DisputeFacts, DisputeMoves, DisputeStatus, Notice, Step, Verdict
from tillkeeper.kernel import ids, money
from tillkeeper.payments.rules.moves import change, quarantined, waiting
from tillkeeper.payments.rules.refunds import undo_reversal
from tillkeeper.payments.values import Decision, Dispute, Payment, Refund, RefundStatus

RANKS = {
    DisputeStatus.WARNING: 0,
    DisputeStatus.NEEDS_RESPONSE: 1,
    DisputeStatus.UNDER_REVIEW: 2,
    DisputeStatus.PREVENTED: 3,
    DisputeStatus.WON: 3,
    DisputeStatus.LOST: 3,
}
ENDS = frozenset({DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.PREVENTED})
UNDECIDED = frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW})
"""The stages in which the money is claimed and nobody has decided yet."""
STEPS = {DisputeStatus.WON: Step.DISPUTE_WON, DisputeStatus.LOST: Step.DISPUTE_LOST}


def decide_dispute(
    payment: Payment, refunds: Sequence[Refund], disputes: Iterable[Dispute], notice: Notice, now: datetime
) -> Decision:
    """Take in what a gateway says of a dispute; an end that comes first opens the dispute as well."""
    said = notice.dispute
    if said is None:
        return quarantined(notice, "It speaks of a dispute and does not say which.")
    if not payment.captured:
        return waiting(payment, notice, "A dispute")
    reversals = [refund for refund in refunds if _is_reversal(refund, payment, notice)]
    standing = next((refund for refund in reversals if refund.status is not RefundStatus.FAILED), None)
    if standing:
        return undo_reversal(payment, standing, notice, now)
    name = ids.derive(payment.id, "dispute", notice.gateway, said.id)
    known = next((dispute for dispute in disputes if dispute.id == name), None)
    if known is None:
        return _open(payment, notice, said, sum(refund.amount for refund in reversals), now)
    heard = _hear(known, said, now)
    if known.status in ENDS and said.status in ENDS and known.status is not said.status:
        return quarantined(notice, f"It says the dispute is {said.status}, and it was {known.status} already.")
    ended = known.status in ENDS or not _is_newer(known, said, now)
    after = heard if ended else replace(heard, status=said.status, closed_at=now if said.status in ENDS else None)
    return _move(payment, known, after, notice, now)


def behind_reversal(payment: Payment, disputes: Iterable[Dispute], notice: Notice) -> Dispute | None:
    """Find the dispute for which a gateway took money back by itself; first one of which it has not said how much."""
    if not notice.reversal:
        return None
    own = [each for each in disputes if (each.payment, each.gateway) == (payment.id, notice.gateway)]
    return min(own, key=lambda dispute: dispute.withdrawn is not None, default=None)


def take_reversal(payment: Payment, dispute: Dispute, notice: Notice, now: datetime) -> Decision:
    """Take money that a gateway took back by itself for that of the dispute behind it."""
    untold = dispute.withdrawn is None and notice.amount
    after = replace(dispute, withdrawn=notice.amount) if untold else dispute
    return _move(payment, dispute, after, notice, now)


def _open(payment: Payment, notice: Notice, said: DisputeFacts, reversed_: int, now: datetime) -> Decision:
    if not notice.amount or not notice.currency:
        return quarantined(notice, "A dispute was opened, and the gateway does not say of how much.")
    first = DisputeStatus.WARNING if said.status is DisputeStatus.PREVENTED else DisputeStatus.NEEDS_RESPONSE
    dispute = Dispute(
        id=ids.derive(payment.id, "dispute", notice.gateway, said.id),
        payment=payment.id,
        gateway=notice.gateway,
        reference=said.id,
        status=first if said.status in ENDS else said.status,
        amount=notice.amount,
        currency=notice.currency,
        reason=said.reason,
        due_at=said.due_at,
        withdrawn=reversed_ or None if said.withdrawn is None else said.withdrawn,
        fee=said.fee,
        opened_at=now,
        told_at=said.at or now,
        money_at=None if said.withdrawn is None and said.fee is None else said.at or now,
    )
    moved, dispute, moves = _count(payment, None, dispute)
    reason = f"disputed: {said.reason or 'no reason given'}{_told(dispute, moves)}"
    made = change(payment, moved, reason=reason, step=Step.DISPUTE_OPENED, at=now, event="dispute.opened")
    return _decision(notice, moved, dispute, replace(made, moves=moves))


def _move(payment: Payment, known: Dispute, after: Dispute, notice: Notice, now: datetime) -> Decision:
    moved, after, moves = _count(payment, known, after)
    quiet = known.status is after.status and (known.due_at == after.due_at or after.status in ENDS)
    if quiet and moved == payment and not (moves.withdrawn or moves.fee or moves.lost):
        verdict = Verdict.KNOWN if replace(after, steps=known.steps) == known else Verdict.APPLIED
        return Decision(
            notice=notice,
            verdict=verdict,
            reason=f"The dispute is {known.status} already.",
            payment=payment,
            dispute=replace(after, steps=known.steps),
        )
    step = Step.DISPUTE_UPDATED if quiet else STEPS.get(after.status, Step.DISPUTE_UPDATED)
    reason = f"dispute {after.status}{_told(after, moves)}"
    made = replace(change(payment, moved, reason=reason, step=step, at=now, event=None), moves=moves)
    if quiet:  # only money has moved: the books want it, and nobody else
        return _decision(notice, moved, after, made)
    ended = after.status in STEPS and after.status is not known.status
    due = after.due_at.isoformat() if after.due_at else ""
    event = f"dispute.{after.status}" if ended else "dispute.updated"
    # A stage can come back with the same last day, so the moment at which the gateway told it belongs to it.
    occasion = "" if ended else f"{after.status}:{due}:{after.told_at.isoformat()}"
    return _decision(notice, moved, after, replace(made, event=event, occasion=occasion))


def _count(payment: Payment, before: Dispute | None, after: Dispute) -> tuple[Payment, Dispute, DisputeMoves]:
    """Count what a dispute claims of its payment, and what of its money the books do not hold yet."""
    withdrawn, fee = after.withdrawn or 0, after.fee or 0
    moves = DisputeMoves(
        number=after.steps + 1,
        withdrawn=withdrawn - after.booked_withdrawn,
        fee=fee - after.booked_fee,
        lost=after.lost - after.booked_lost,
    )
    after = replace(
        after,
        claimed=_claim(payment, after),
        steps=moves.number,
        booked_withdrawn=withdrawn,
        booked_fee=fee,
        booked_lost=after.lost,
    )
    was, was_lost = (before.claimed, _is_lost(before)) if before else (0, False)
    moved = replace(
        payment,
        disputed=payment.disputed - was + after.claimed,
        lost=payment.lost - (was if was_lost else 0) + (after.claimed if _is_lost(after) else 0),
    )
    return moved, after, moves


def _claim(payment: Payment, dispute: Dispute) -> int:
    """Tell what a dispute claims of its payment: what the bank asks for, and in the end what it got.

    Of a dispute in another currency nobody can say which part of the payment it is; it claims all of it.
    """
    if dispute.status in UNDECIDED or (dispute.status is DisputeStatus.LOST and dispute.withdrawn is None):
        claimed = dispute.amount
    else:
        claimed = max(0, dispute.lost)
    return payment.captured if claimed and dispute.currency != payment.currency else claimed


def _is_lost(dispute: Dispute) -> bool:
    return dispute.status in ENDS


def _is_newer(known: Dispute, said: DisputeFacts, now: datetime) -> bool:
    """Tell whether a stage follows the one that is known; what was told in the same second goes by rank."""
    at = said.at or now
    if at == known.told_at or said.status in ENDS:
        return RANKS[said.status] > RANKS[known.status]
    return at > known.told_at


def _hear(known: Dispute, said: DisputeFacts, now: datetime) -> Dispute:
    """Take in what a gateway tells beside the stage: what is newer than what is known, or was not known.

    What is told in the same second goes by stage, so that whichever is heard first, the later one says the last day.
    """
    at = said.at or now
    is_newer = (at, RANKS[said.status]) >= (known.told_at, RANKS[known.status])
    newer, older = (said, known) if is_newer else (known, said)
    heard = replace(
        known,
        due_at=newer.due_at or older.due_at,
        reason=newer.reason or older.reason,
        conceded=max(said.conceded, known.conceded),
        told_at=max(at, known.told_at),
    )
    return heard if said.withdrawn is None and said.fee is None else _hear_money(heard, said, at)


def _hear_money(known: Dispute, said: DisputeFacts, at: datetime) -> Dispute:
    """Take in what a gateway says it holds back; what is told in the same second goes by stage, and then by size.

    While a dispute goes on, more and more is held back; once it has ended, money only comes home.
    """
    ahead = RANKS[said.status] - RANKS[known.status]
    if known.money_at is None or at > known.money_at or (at == known.money_at and ahead > 0):
        withdrawn, fee = _first(said.withdrawn, known.withdrawn), _first(said.fee, known.fee)
    elif at == known.money_at and not ahead:
        later = min if said.status in ENDS else max
        withdrawn, fee = _of(later, said.withdrawn, known.withdrawn), _of(later, said.fee, known.fee)
    else:
        withdrawn, fee = _first(known.withdrawn, said.withdrawn), _first(known.fee, said.fee)
    return replace(known, withdrawn=withdrawn, fee=fee, money_at=max(at, known.money_at or at))


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _of(later: Callable[[Iterable[int]], int], *amounts: int | None) -> int | None:
    told = [amount for amount in amounts if amount is not None]
    return later(told) if told else None


def _is_reversal(refund: Refund, payment: Payment, notice: Notice) -> bool:
    return refund.reversal and (refund.payment, refund.gateway) == (payment.id, notice.gateway)


def _told(dispute: Dispute, moves: DisputeMoves) -> str:
    """Say what moved, for the history of a payment."""
    words = (
        (moves.withdrawn, "withdrawn"),
        (-moves.withdrawn, "came back"),
        (moves.fee, "fee"),
        (-moves.fee, "of the fee came back"),
    )
    told = [f"{money.show(amount, dispute.currency)} {word}" for amount, word in words if amount > 0]
    return f"; {', '.join(told)}" if told else ""


def _decision(notice: Notice, payment: Payment, dispute: Dispute, made: Change) -> Decision:
    about = replace(made, dispute=dispute.id, amount=dispute.amount, gateway=dispute.gateway, currency=dispute.currency)
    return Decision(
        notice=notice, verdict=Verdict.APPLIED, reason=made.reason, payment=payment, dispute=dispute, change=about
    )
