"""Give a user credits that nobody paid for: a bonus, or a correction; debt is repaid first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tillkeeper import audit, customers, idempotency, ledger
from tillkeeper.audit import Action
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.wallet import Adjustment, AdjustmentKind
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.ledger import recipes
from tillkeeper.reports import wallet as report
from tillkeeper.till import Till

OK = 200
grant_max = 10**12
reason_length_max = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """Hold what to give whom and why, and who says so; without `expires_at` the credits last."""

    user: str
    amount: int
    reason: str
    made_by: str
    kind: Literal["bonus", "adjustment"] = "bonus"
    expires_at: datetime | None = None


@retry_conflicts
async def grant(till: Till, wish: Wish, gift: Gift) -> Replay:
    """Give credits, once per key; raises InvalidFieldError."""
    check(gift.amount, gift.reason)
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if gift.expires_at and gift.expires_at <= till.now():
            message = "Credits that expire do so in the future."
            raise InvalidFieldError(message, param="expires_at")
        made = Adjustment(
            id=ids.new(),
            user=await customers.ensure(tx, gift.user),
            kind=AdjustmentKind(gift.kind),
            amount=gift.amount,
            reason=gift.reason,
            made_by=gift.made_by,
            at=till.now(),
            expires_at=gift.expires_at,
        )
        repaid = await wallet.give(tx, made)
        booked = recipes.credits_given(
            made.id, kind=gift.kind, user=made.user, units=made.amount, debt_repaid=repaid, at=made.at
        )
        await ledger.post(tx, [booked])
        body = await report.show(tx, gift.user) | report.adjusted(made) | {"debt_repaid": repaid}
        await idempotency.finish(tx, wish, OK, body)
        await note(tx, till, Action.CREDITS_GRANTED, made)
        return Replay(status=OK, body=body)


async def note(tx: Transaction, till: Till, action: Action, made: Adjustment) -> None:
    """Write down in the audit log what somebody did to a wallet by hand."""
    what = {"user": ids.text("user", made.user), "kind": made.kind, "amount": made.amount}
    subject = ids.text("adjustment", made.id)
    await audit.record(tx, till.by, action, subject, after=what, reason=made.reason, at=made.at)


def check(amount: int, reason: str) -> None:
    """Raise InvalidFieldError for what cannot be given, taken or forgiven, or for no reason."""
    if not 0 < amount <= grant_max:
        message = f"An amount of credits is from 1 to {grant_max}."
        raise InvalidFieldError(message, param="amount")
    if not 1 <= len(reason) <= reason_length_max or not reason.isprintable() or reason != reason.strip():
        message = f"A reason is 1 to {reason_length_max} printable characters without spaces around them."
        raise InvalidFieldError(message, param="reason")
