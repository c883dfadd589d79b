"""Keep a restored copy apart until a person says that it is the truth now: it calls, sends and sells nothing."""

from datetime import datetime

from tillkeeper import audit, backups, inbox, mail, operations, outbox
from tillkeeper.audit import Action
from tillkeeper.backups import Isolation
from tillkeeper.flows.notify import PLACE
from tillkeeper.flows.sequence import sequence
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.till import Till

BY_HAND = "restored by hand"
RESTORED = "It waited in a backup that was restored, and has most likely been sent since."


class NotCaughtUpError(InvalidStateError):
    """Report a copy that does not yet know what gateways know."""

    code = "not_caught_up"
    title = "The gateways have not been asked yet"
    next_step = "Let `till worker` run for some minutes: it fetches what was lost. `till isolation status` shows it."


async def isolate(till: Till, *, source: str = BY_HAND, taken_at: datetime | None = None) -> None:
    """Keep this database apart, as one that was restored by other means than `till restore`."""
    async with till.db.transaction() as tx:
        await backups.isolate(tx, source, taken_at, now=till.now())
        await audit.record(tx, till.by, Action.COPY_ISOLATED, "isolation", after={"source": source}, at=till.now())
    logs.worker.warning("isolated", source=source, by=till.by.name)


async def release(till: Till, *, force: bool = False) -> None:
    """Let a restored copy act, once it knows what gateways know.

    Whatever a gateway was to be told when the backup was made, it may have been told since: it is asked first. Receipts
    that waited, and letters about what is known again, were sent by the one that was lost; alerts that waited go out.
    Raises InvalidStateError, and NotCaughtUpError.
    """
    await sequence(till, limit=None)
    async with till.db.transaction() as tx:
        found = await backups.isolation(tx)
        if found is None:
            message = "This database is not kept apart."
            raise InvalidStateError(message)
        behind = [name for name in till.gateways if not _knows(found, await inbox.seen_until(tx, name))]
        if behind and not force:
            message = f"Not asked since this copy was restored: {', '.join(sorted(behind))}."
            raise NotCaughtUpError(message)
        doubted = await operations.doubt_all(tx)
        await outbox.move(tx, PLACE, await outbox.newest(tx))
        unsent = await mail.drop_receipts(tx, RESTORED)
        await backups.release(tx)
        before = {"source": found.source, "since": found.since}
        await audit.record(
            tx, till.by, Action.COPY_RELEASED, "isolation", before=before, after={"forced": force}, at=till.now()
        )
    logs.worker.warning("released", source=found.source, asked_first=doubted, receipts_not_sent=unsent, by=till.by.name)


def _knows(found: Isolation, seen_until: datetime | None) -> bool:
    """Tell whether a gateway was asked about everything up to the moment of the restore."""
    return seen_until is not None and seen_until >= found.since
