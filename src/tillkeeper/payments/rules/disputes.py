"""Disputes: what a customer's bank takes back, stage by stage, in whatever order the stages are told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tillkeeper.facts import Change, DisputeFacts, DisputeMoves, DisputeStatus, Notice, Step, Verdict
from tillkeeper.kernel import ids, money
from tillkeeper.payments.rules.moves import change, quarantined, waiting
from tillkeeper.payments.rules.refunds import DISPUTED, let_go
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
OURS = frozenset({DisputeStatus.WON, DisputeStatus.PREVENTED})
"""The ends after which a gateway holds nothing, unless it says so itself."""
STEPS = {DisputeStatus.WON: Step.DISPUTE_WON, DisputeStatus.LOST: Step.DISPUTE_LOST}


def decide_dispute(
    payment: Payment, refunds: Sequence[Refund], disputes: Iterable[Dispute], notice: Notice, now: datetime
) -> Decision:
    """Take in what a gateway says of a dispute; an end that comes first opens the dispute as well."""
    if notice.dispute is None:
        return quarantined(notice, "It speaks of a dispute and does not say which.")
    if not payment.captured:
        return waiting(payment, notice, "A dispute")
    return _decide(payment, refunds, disputes, notice, notice.dispute, now)


def _decide(
    payment: Payment,
    refunds: Sequence[Refund],
    disputes: Iterable[Dispute],
    notice: Notice,
    said: DisputeFacts,
    now: datetime,
) -> Decision:
    """Make room for a dispute first, where a refund was booked for the same money or is owed; each is a step."""
    name = ids.derive(payment.id, "dispute", notice.gateway, said.id)
    known = next((dispute for dispute in disputes if dispute.id == name), None)
    surplus = disputed_surplus(payment, refunds, notice)
    reversals = [] if surplus else [refund for refund in refunds if _is_reversal(refund, payment, notice)]
    standing = next((refund for refund in reversals if refund.status is not RefundStatus.FAILED), None)
    if standing and _takes_over(known, said):
        return let_go(payment, standing, notice, now)
    # Of those that were let go before, the money is that of other disputes.
    reversed_ = sum(each.amount for each in reversals if (each.error_code, each.settled_at) == (DISPUTED, now))
    if known is None:
        return _open(payment, notice, said, surplus, reversed_, now)
    if _contradicts(known, said):
        return quarantined(notice, f"It says the dispute is {said.status}, and it was {known.status} already.")
    after = _advance(known, said, reversed_, now)
    if surplus and surplus.status is RefundStatus.PENDING and _is_gone(after):
        return let_go(payment, surplus, notice, now)
    return _move(payment, known, after, notice, now, surplus=surplus)


def disputed_surplus(payment: Payment, refunds: Iterable[Refund], notice: Notice) -> Refund | None:
    """Find the second capture that a notice is about, as the refund that is to give it back."""
    return next(
        (
            refund
            for refund in refunds
            if refund.surplus
            and (refund.payment, refund.gateway) == (payment.id, notice.gateway)
            and refund.capture in notice.references
        ),
        None,
    )


def behind_reversal(
    payment: Payment, disputes: Iterable[Dispute], notice: Notice, *, surplus: Refund | None = None
) -> Dispute | None:
    """Find the dispute for which a gateway took money back by itself: one that goes on, or was lost.

    Of several it is one of which the gateway has not said how much, and then the newest. Where none fits, as after all
    were won, it is a refund that the gateway forced; a dispute that is told of later takes it over.
    """
    if not notice.reversal:
        return None
    own = [
        dispute
        for dispute in disputes
        if (dispute.payment, dispute.gateway) == (payment.id, notice.gateway)
        and dispute.of_surplus is (surplus is not None)
        and dispute.status not in OURS
        and (dispute.status is not DisputeStatus.LOST or dispute.withdrawn != 0)
    ]
    return max(own, key=_nearness, default=None)


def _nearness(dispute: Dispute) -> tuple[bool, bool, datetime]:
    return dispute.status not in ENDS, dispute.withdrawn is None, dispute.opened_at


def take_reversal(
    payment: Payment, dispute: Dispute, notice: Notice, now: datetime, *, surplus: Refund | None = None
) -> Decision:
    """Take money that a gateway took back by itself for that of the dispute behind it."""
    # What came home with an earlier end of the dispute may be taken again.
    is_told = dispute.withdrawn is not None and (dispute.withdrawn or not _had_ended(dispute))
    untold = not is_told and notice.amount
    after = replace(dispute, withdrawn=notice.amount) if untold else dispute
    return _move(payment, dispute, after, notice, now, surplus=surplus)


def _takes_over(known: Dispute | None, said: DisputeFacts) -> bool:
    """Tell whether a dispute is behind money that a gateway took by itself: not one that is over and took nothing."""
    if said.status is DisputeStatus.PREVENTED:
        return False
    if known is None or known.status not in OURS:
        return True
    return said.status not in OURS and _follows(known, said)


def _contradicts(known: Dispute, said: DisputeFacts) -> bool:
    """Tell whether a dispute is said to have ended in two ways, and nobody can say which of them came later."""
    both = known.status in ENDS and said.status in ENDS and known.status is not said.status
    return both and said.at in {None, known.told_at}


def _is_gone(dispute: Dispute) -> bool:
    """Tell whether money went with a dispute, or did as far as anybody knows."""
    return dispute.lost > 0 or (dispute.status is DisputeStatus.LOST and dispute.withdrawn is None)


def _advance(known: Dispute, said: DisputeFacts, reversed_: int, now: datetime) -> Dispute:
    """Take a stage in; an end is no end any more when the gateway says later that the dispute goes on.

    What was reversed is what it took, where nobody says so.
    """
    heard = _hear(known, said)
    if reversed_ and said.withdrawn is None and not heard.withdrawn:
        heard = replace(heard, withdrawn=reversed_)
    if said.status is known.status or not _follows(known, said):
        return heard
    return replace(heard, status=said.status, closed_at=now if said.status in ENDS else known.closed_at)


def _follows(known: Dispute, said: DisputeFacts) -> bool:
    """Tell whether a stage comes after the one that is known; of one second, or without a moment, it goes by rank.

    The first end is an end however it is dated. One that is older than a dispute that was opened again is old news.
    """
    if said.status in ENDS and not _had_ended(known):
        return True
    return (said.at or known.told_at, RANKS[said.status]) > (known.told_at, RANKS[known.status])


def _open(
    payment: Payment, notice: Notice, said: DisputeFacts, surplus: Refund | None, reversed_: int, now: datetime
) -> Decision:
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
    moved, dispute, moves = _count(payment, None, dispute, surplus)
    what = "second capture disputed" if surplus else "disputed"
    reason = f"{what}: {said.reason or 'no reason given'}{_told(dispute, moves)}"
    made = change(payment, moved, reason=reason, step=Step.DISPUTE_OPENED, at=now, event="dispute.opened")
    return _decision(notice, moved, dispute, replace(made, moves=moves))


def _move(
    payment: Payment, known: Dispute, after: Dispute, notice: Notice, now: datetime, *, surplus: Refund | None
) -> Decision:
    moved, after, moves = _count(payment, known, after, surplus)
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
    again = "opened again: " if known.status in ENDS and after.status not in ENDS else ""
    reason = f"dispute {again}{after.status}{_told(after, moves)}"
    made = replace(change(payment, moved, reason=reason, step=step, at=now, event=None), moves=moves)
    if quiet:  # only money has moved: the books want it, and nobody else
        return _decision(notice, moved, after, made)
    ended = after.status in STEPS and after.status is not known.status
    due = after.due_at.isoformat() if after.due_at else ""
    event = f"dispute.{after.status}" if ended else "dispute.updated"
    # A stage can come back with the same last day, so the moment at which the gateway told it belongs to it. So can an
    # end; the first one needs no more than its name.
    is_first_end = ended and not _had_ended(known)
    occasion = "" if is_first_end else f"{after.status}:{due}:{after.told_at.isoformat()}"
    return _decision(notice, moved, after, replace(made, event=event, occasion=occasion))


def _count(
    payment: Payment, before: Dispute | None, after: Dispute, surplus: Refund | None
) -> tuple[Payment, Dispute, DisputeMoves]:
    """Count what a dispute claims of its payment, and what of its money the books do not hold yet."""
    withdrawn, fee = after.withdrawn or 0, after.fee or 0
    moves = DisputeMoves(
        number=after.steps + 1,
        withdrawn=withdrawn - after.booked_withdrawn,
        fee=fee - after.booked_fee,
        lost=after.lost - after.booked_lost,
        owed=_owed(after, surplus, after.lost) - _owed(after, surplus, after.booked_lost),
    )
    after = replace(
        after,
        claimed=0 if surplus else _claim(payment, after),
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


def _owed(dispute: Dispute, surplus: Refund | None, lost: int) -> int:
    """Tell how much of what is lost only went home: a second capture is owed to the customer until it went back."""
    if surplus is None or surplus.status is RefundStatus.SUCCEEDED or surplus.currency != dispute.currency:
        return 0
    return min(max(0, lost), surplus.amount)


def _had_ended(dispute: Dispute) -> bool:
    return dispute.status in ENDS or dispute.closed_at is not None


def _is_lost(dispute: Dispute) -> bool:
    return dispute.status in ENDS


def _hear(known: Dispute, said: DisputeFacts) -> Dispute:
    """Take in what a gateway tells beside the stage: what is newer than what is known, or was not known.

    What is told in the same second goes by stage, so that whichever is heard first, the later one says the last day.
    """
    at = said.at or known.told_at
    told, before = (at, RANKS[said.status]), (known.told_at, RANKS[known.status])
    newer, older = (said, known) if told >= before else (known, said)
    heard = replace(
        known,
        due_at=newer.due_at or older.due_at,
        reason=newer.reason or older.reason,
        conceded=max(said.conceded, known.conceded) if told == before else newer.conceded,
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
