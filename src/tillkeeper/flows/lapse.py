"""End credits whose time is over."""

from tillkeeper import ledger
from tillkeeper.fulfilment import wallet
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.ledger import recipes
from tillkeeper.till import Till

lapse_batch_max = 500


@retry_conflicts
async def lapse(till: Till, *, limit: int = lapse_batch_max) -> int:
    """Take what expired out of the wallets; return how many lots ended.

    The database tells the time. Until they are taken here, seconds after their time, credits can still be spent.
    """
    async with till.db.transaction() as tx:
        ended, at = await wallet.lapse(tx, limit)
        if at is None:
            return 0
        await ledger.post(
            tx,
            [
                recipes.credits_expired(each.lot, user=each.user, units=each.units, earned=each.earned, at=at)
                for each in ended
            ],
        )
    return len(ended)
