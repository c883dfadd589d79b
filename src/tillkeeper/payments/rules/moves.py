"""The transition table, and the shapes of a decision."""

from dataclasses import replace
from datetime import datetime

from tillkeeper.facts import Change, Notice, NoticeKind, Step, Taxes, Verdict
from tillkeeper.kernel import money
from tillkeeper.payments.values import Decision, OwnMove, Payment, Status

Move = NoticeKind | OwnMove

UNPAID = (Status.CREATED, Status.REQUIRES_ACTION, Status.PROCESSING, Status.OUTCOME_UNKNOWN)
HELD = (Status.REQUIRES_CAPTURE, Status.IN_REVIEW)
ENDED = (Status.EXPIRED, Status.CANCELED, Status.FAILED)

MOVES: dict[Move, dict[Status, Status]] = {
    OwnMove.OPENED: dict.fromkeys((Status.CREATED, Status.OUTCOME_UNKNOWN), Status.REQUIRES_ACTION),
    OwnMove.UNCLEAR: {Status.CREATED: Status.OUTCOME_UNKNOWN},
    OwnMove.REFUSED: dict.fromkeys((Status.CREATED, Status.OUTCOME_UNKNOWN), Status.FAILED),
    # A checkout that was opened was told to charge, and nobody knows whether it did.
    OwnMove.DOUBTED: {Status.REQUIRES_ACTION: Status.OUTCOME_UNKNOWN},
    OwnMove.CLEARED: {Status.OUTCOME_UNKNOWN: Status.REQUIRES_ACTION},
    # The customer agreed and the gateway waits to be told to go on.
    NoticeKind.PAYMENT_APPROVED: dict.fromkeys(
        (Status.CREATED, Status.REQUIRES_ACTION, Status.OUTCOME_UNKNOWN), Status.PROCESSING
    ),
    NoticeKind.PAYMENT_PENDING: dict.fromkeys(UNPAID, Status.PROCESSING),
    NoticeKind.PAYMENT_AUTHORIZED: dict.fromkeys(UNPAID, Status.REQUIRES_CAPTURE),
    # A declined card ends an attempt, not the payment: the customer may try another.
    NoticeKind.PAYMENT_FAILED: dict.fromkeys(UNPAID, Status.REQUIRES_ACTION),
    NoticeKind.PAYMENT_CANCELED: dict.fromkeys((*UNPAID, *HELD), Status.CANCELED),
    NoticeKind.PAYMENT_LET_GO: dict.fromkeys((*UNPAID, *HELD), Status.REQUIRES_ACTION),
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


def change(
    before: Payment, after: Payment, *, reason: str, step: Step, at: datetime, event: str | None = None
) -> Change:
    """Say what one step of a payment changed; the amount is what was captured by it."""
    amount = after.captured - before.captured
    return Change(
        payment=before.id,
        before=before.status,
        after=after.status,
        reason=reason,
        step=step,
        at=at,
        gateway=after.gateway,
        currency=after.currency,
        user=after.user,
        sale=after.sale,
        amount=amount,
        tax=after.sale.tax_in(amount) if after.sale else 0,
        taxes=_taxes(before, after),
        paid_in=after.currency,
        captured_total=after.captured,
        refunded_total=after.refunded + after.refunding,
        refunded_more=after.refunded + after.refunding - before.refunded - before.refunding,
        lost_total=after.lost,
        lost_more=after.lost - before.lost,
        claimed_total=after.disputed - after.lost,
        event=event,
    )


def dated(decision: Decision) -> Decision:
    """Say when a change happened at the gateway: never later than now, nor before we had begun with it."""
    notice, made, payment, refund = decision.notice, decision.change, decision.payment, decision.refund
    if notice is None or notice.occurred_at is None or made is None or payment is None:
        return decision
    asked_here = refund is not None and refund.origin == "us" and made.step is not Step.SURPLUS_CAPTURED
    begun_at = refund.created_at if refund and asked_here else payment.created_at
    occurred_at = min(max(notice.occurred_at, begun_at), made.at)
    return replace(decision, change=replace(made, occurred_at=occurred_at))


def _taxes(before: Payment, after: Payment) -> Taxes:
    was, now = before.taxes, after.taxes
    return replace(now, refunded_more=now.refunded - was.refunded, lost_more=now.lost - was.lost)


def named(payment: Payment, notice: Notice) -> Payment:
    """Take the name that the gateway gives to money; until there is some, the checkout's own name can end it."""
    if payment.reference and notice.kind not in MONEY_KINDS:
        return payment
    return replace(payment, reference=next(iter(notice.references), payment.reference))


def told(amount: int | None, currency: str | None) -> str:
    """Write an amount for people, as far as a gateway has told it."""
    return "no amount" if amount is None or currency is None else money.show(amount, currency)


def linked(payment: Payment, notice: Notice, reason: str) -> Decision:
    """Change nothing but what the gateway calls this payment."""
    return Decision(notice=notice, verdict=Verdict.KNOWN, reason=reason, payment=payment)


def applied(notice: Notice, payment: Payment, changed: Change) -> Decision:
    """Take a fact in."""
    return Decision(notice=notice, verdict=Verdict.APPLIED, reason=changed.reason, payment=payment, change=changed)


def parked(notice: Notice, reason: str, waits_for: str | None) -> Decision:
    """Let a fact wait for the payment that it speaks of."""
    return Decision(notice=notice, verdict=Verdict.PARKED, reason=reason, waits_for=waits_for)


def waiting(payment: Payment, notice: Notice, what: str) -> Decision:
    """Let a fact wait for the money that it speaks of."""
    reason = f"{what} arrived before its capture; it waits for it."
    return Decision(notice=notice, verdict=Verdict.PARKED, reason=reason, payment=payment, waits_for=str(payment.id))


def quarantined(notice: Notice, reason: str) -> Decision:
    """Set a fact aside that contradicts what is known: a person must look."""
    return Decision(notice=notice, verdict=Verdict.QUARANTINED, reason=reason)
