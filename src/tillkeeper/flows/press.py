"""Press a button: what has no Idempotency-Key of its own is done once, however often its form is sent."""

from collections.abc import Awaitable, Callable

from tillkeeper import idempotency
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.till import Till

Answer = dict[str, object]
DONE = 200


async def press(till: Till, wish: Wish, act: Callable[[], Awaitable[Answer]]) -> Replay:
    """Act, unless this wish was granted before: then the first answer is given again. What failed may be tried again.

    Raises KeyReusedError, and InProgressError while the first press is still at work.
    """
    async with till.db.transaction() as tx:
        claimed = await idempotency.claim(tx, wish)
    if isinstance(claimed, Replay):
        return claimed
    try:
        answer = await act()
    except BaseException:
        async with till.db.transaction() as tx:
            await idempotency.forget(tx, wish)
        raise
    async with till.db.transaction() as tx:
        await idempotency.finish(tx, wish, DONE, answer)
    return Replay(status=DONE, body=answer)
