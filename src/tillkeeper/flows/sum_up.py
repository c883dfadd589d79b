"""Add up what is new for the overview, so that no page has to: each change once, whoever dies meanwhile."""

from dataclasses import dataclass

from tillkeeper import figures
from tillkeeper.figures import Mark
from tillkeeper.flows.read import read, wait_for_writers
from tillkeeper.kernel import failpoints
from tillkeeper.reports import turnover
from tillkeeper.till import Till

blocks_max = 8
changes_max = 20_000


@dataclass(frozen=True, slots=True)
class Share:
    """Hold how much is added up at once: blocks of sealed journals, and changes of payments."""

    blocks: int = blocks_max
    changes: int = changes_max


AT_ONCE = Share()


async def sum_up(till: Till, share: Share = AT_ONCE) -> bool:
    """Add what is new and closed to the figures; tell whether more of it waits.

    Ids are given out in another order than they are committed in, so up to the newest change everybody who writes one
    is waited for. Seals have one writer and stand in order.
    """
    closed = await read(till, turnover.newest)
    await wait_for_writers(till, turnover.writers)
    async with till.db.transaction() as tx:
        known = await figures.hold(tx)
        until = Mark(
            seal=max(known.seal, min(closed.seal, known.seal + share.blocks)),
            change=max(known.change, min(closed.change, known.change + share.changes)),
        )
        if until != known:
            await figures.add(tx, await turnover.count(tx, known, until))
            failpoints.reach("sum_up:added")
            await figures.move(tx, until)
    failpoints.reach("sum_up:committed")
    return closed.seal > until.seal or closed.change > until.change
