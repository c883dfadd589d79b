"""Rule on a payment that was held for a person to look at: take its money, or let it go."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from tillkeeper import audit, payments, risk
from tillkeeper.audit import Action
from tillkeeper.flows.capture import conclude
from tillkeeper.flows.reconsider import end_open
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.operations import Kind
from tillkeeper.payments import Payment
from tillkeeper.risk import Entry, Side
from tillkeeper.till import Till


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold what a person decided, and why; `block` keeps the same buyer from paying again."""

    approved: bool
    reason: str | None = None
    block: bool = False


async def review(till: Till, wish: Wish, payment: UUID, verdict: Verdict) -> Replay:
    """Approve a payment, which captures it, or reject it, which voids it; once per key.

    Raises NotFoundError, or InvalidStateError for a payment that nobody has to rule on.
    """
    kind = Kind.CAPTURE if verdict.approved else Kind.CANCEL
    return await conclude(till, wish, payment, kind=kind, ruling=partial(_rule, till, verdict))


async def _rule(till: Till, verdict: Verdict, tx: Transaction, payment: Payment) -> Payment:
    decision = payments.rule_on(
        payment, approved=verdict.approved, by=till.by.name, reason=verdict.reason, now=till.now()
    )
    await payments.record(tx, [decision], causes=[f"review by {till.by.name}"])
    if verdict.block:
        await _block(tx, till, payment, verdict)
    action = Action.REVIEW_APPROVED if verdict.approved else Action.REVIEW_REJECTED
    subject, after = ids.text("payment", payment.id), {"blocked": verdict.block}
    await audit.record(tx, till.by, action, subject, after=after, reason=verdict.reason, at=till.now())
    assert decision.payment, "a ruling has a payment"
    return decision.payment


async def _block(tx: Transaction, till: Till, payment: Payment, verdict: Verdict) -> None:
    shown = ids.text("payment", payment.id)
    keys = await risk.keys_of(tx, payment.id)
    entries = [
        Entry(
            id=ids.new(),
            side=Side.BLOCK,
            trait=trait,
            key=key,
            shown=f"the {trait} of {shown}",
            note=verdict.reason or "rejected in review",
            added_by=till.by.name,
            at=till.now(),
        )
        for trait, key in keys.items()
    ]
    await risk.put(tx, entries)
    await end_open(tx, till, keys.values())
