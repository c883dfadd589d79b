"""Take credits away from a user by hand; never more than there are."""

from dataclasses import dataclass

from tillkeeper import customers, idempotency, ledger
from tillkeeper.audit import Action
from tillkeeper.flows.grant import check, note
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.wallet import Adjustment, AdjustmentKind, InsufficientCreditsError
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.ledger import recipes
from tillkeeper.reports import wallet as report
from tillkeeper.till import Till

OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Hold how much to take from whom and why, and who says so."""

    user: str
    amount: int
    reason: str
    made_by: str


@retry_conflicts
async def take(till: Till, wish: Wish, wanted: Taking) -> Replay:
    """Take credits, once per key; raises InsufficientCreditsError, and then nothing was taken."""
    check(wanted.amount, wanted.reason)
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        user = await customers.find(tx, wanted.user)
        if user is None:
            message = f"{wanted.amount} credits were to be taken; the wallet holds 0."
            raise InsufficientCreditsError(message, param="amount")
        made = Adjustment(
            id=ids.new(),
            user=user,
            kind=AdjustmentKind.ADJUSTMENT,
            amount=-wanted.amount,
            reason=wanted.reason,
            made_by=wanted.made_by,
            at=till.now(),
        )
        earned = await wallet.take(tx, made)
        await ledger.post(
            tx, [recipes.credits_taken(made.id, user=user, units=wanted.amount, earned=earned, at=made.at)]
        )
        body = await report.show(tx, wanted.user) | report.adjusted(made)
        await idempotency.finish(tx, wish, OK, body)
        await note(tx, till, Action.CREDITS_TAKEN, made)
        return Replay(status=OK, body=body)
