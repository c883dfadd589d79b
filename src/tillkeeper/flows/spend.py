"""Let a user spend credits: never more than there are, earned money recognised with them."""

from tillkeeper import audit, customers, idempotency, ledger
from tillkeeper.audit import Action
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.ledger import recipes
from tillkeeper.reports import wallet as report
from tillkeeper.till import Till

OK = 200
spend_max = 10**12


@retry_conflicts
async def spend(till: Till, wish: Wish, *, user: str, amount: int, reason: str) -> Replay:
    """Spend credits, once per key; raises InsufficientCreditsError, and then nothing was spent."""
    if not 0 < amount <= spend_max:
        message = f"An amount of credits is from 1 to {spend_max}."
        raise InvalidFieldError(message, param="amount")
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        buyer = await customers.find(tx, user)
        if buyer is None:
            message = f"{amount} credits were to be spent; the wallet holds 0."
            raise InsufficientCreditsError(message, param="amount")
        made, now = ids.new(), till.now()
        _, earned = await wallet.spend(tx, buyer, amount, source=made, reason=reason, at=now)
        await ledger.post(tx, [recipes.spend(made, user=buyer, units=amount, earned=earned, at=now)])
        body = await report.show(tx, user) | {"spend": ids.text("spend", made), "spent": amount, "reason": reason}
        await idempotency.finish(tx, wish, OK, body)
        if till.by.is_person:
            subject, spent = ids.text("user", buyer), {"amount": amount}
            await audit.record(tx, till.by, Action.CREDITS_SPENT, subject, after=spent, reason=reason, at=now)
        return Replay(status=OK, body=body)
