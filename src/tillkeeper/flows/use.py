"""Mark a card as used, once: what was used is still taken back when its money goes back, and says so."""

from uuid import UUID

from tillkeeper import audit, customers, idempotency
from tillkeeper.audit import Action
from tillkeeper.fulfilment import packs
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import cards as report
from tillkeeper.till import Till

OK = 200


@retry_conflicts
async def use(till: Till, wish: Wish, *, user: str, card: UUID) -> Replay:
    """Use a card of a user; raises NotFoundError, or InvalidStateError when it is used, suspended or revoked."""
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        owner = await customers.find(tx, user)
        if owner is None:
            raise NotFoundError(packs.UNKNOWN)
        await packs.use(tx, owner, card, at=till.now())
        body = await report.show(tx, card)
        await idempotency.finish(tx, wish, OK, body)
        if till.by.is_person:
            await audit.record(tx, till.by, Action.CARD_USED, ids.text("card", card), at=till.now())
        return Replay(status=OK, body=body)
