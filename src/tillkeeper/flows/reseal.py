"""Seal again, with the present TILL_SECRET_KEY, whatever the previous one sealed; then that one can be thrown away."""

from tillkeeper import audit, credentials
from tillkeeper.audit import Action
from tillkeeper.credentials import Place, Sealed
from tillkeeper.till import Till

reseal_batch_max = 500
KEY = "TILL_SECRET_KEY"


async def reseal(till: Till, *, limit: int = reseal_batch_max) -> int:
    """Go through every place where something sealed is kept, in batches; return how many were of the previous key.

    Harmless to repeat or to end in between. Raises cryptography's InvalidTag for what neither key opens.
    """
    renewed = 0
    for place in credentials.PLACES:
        after: object = None
        while True:
            seen, count, after = await _page(till, place, after, limit)
            renewed += count
            if seen < limit:
                break
    if renewed:
        async with till.db.transaction() as tx:
            after_ = {"sealed_again": renewed}
            await audit.record(tx, till.by, Action.SECRET_ROTATED, KEY, after=after_, at=till.now())
    return renewed


async def _page(till: Till, place: Place, after: object, limit: int) -> tuple[int, int, object]:
    async with till.db.transaction() as tx:
        found = await credentials.page(tx, place, after, limit)
        opened = [(each.key, till.box.renew(each.content)) for each in found]
        renewed = [Sealed(key, content) for key, content in opened if content is not None]
        if renewed:
            await credentials.replace(tx, place, renewed)
    return len(found), len(renewed), found[-1].key if found else after
