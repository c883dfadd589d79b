"""Forgive what a user owes: by a journal with a reason, and never by forgetting it."""

from dataclasses import dataclass, replace

from tillkeeper import customers, idempotency, ledger
from tillkeeper.audit import Action
from tillkeeper.flows.grant import check, grant_max, note
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.wallet import Adjustment, AdjustmentKind
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.ledger import recipes
from tillkeeper.reports import wallet as report
from tillkeeper.till import Till

OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgiving:
    """Hold whose debt to forgive and why, and who says so: all of it when no amount is named."""

    user: str
    reason: str
    made_by: str
    amount: int | None = None


@retry_conflicts
async def write_off(till: Till, wish: Wish, wanted: Forgiving) -> Replay:
    """Write a debt off, once per key; raises NotFoundError, InvalidStateError or InvalidFieldError."""
    check(grant_max if wanted.amount is None else wanted.amount, wanted.reason)
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        user = await customers.find(tx, wanted.user)
        if user is None:
            message = "No user has this name."
            raise NotFoundError(message)
        made = Adjustment(
            id=ids.new(),
            user=user,
            kind=AdjustmentKind.WRITE_OFF,
            amount=grant_max,
            reason=wanted.reason,
            made_by=wanted.made_by,
            at=till.now(),
        )
        made = replace(made, amount=await wallet.write_off(tx, made, wanted.amount))
        await ledger.post(tx, [recipes.debt_written_off(made.id, user=user, units=made.amount, at=made.at)])
        body = await report.show(tx, wanted.user) | report.adjusted(made)
        await idempotency.finish(tx, wish, OK, body)
        await note(tx, till, Action.DEBT_FORGIVEN, made)
        return Replay(status=OK, body=body)
