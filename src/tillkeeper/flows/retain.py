"""Forget what was said of payments and deeds of long ago; that they were, their amounts and the books stay for ever."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tillkeeper import adoption, audit, inbox, mail, operations, outbox, refund_requests, responses, retention, risk
from tillkeeper.audit import Action
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.payments import traces
from tillkeeper.payments.traces import Traces
from tillkeeper.reports import loose
from tillkeeper.reports import retention as report
from tillkeeper.retention import Kind, Mark
from tillkeeper.settings import Settings
from tillkeeper.settlement import lines, runs
from tillkeeper.till import Till

retain_batch_max = 500
year_days = 365
LEFT = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Hold what is older than its time."""

    what: str
    before: datetime
    count: int


async def retain(till: Till, *, limit: int = retain_batch_max) -> int:
    """Take the words out of a batch of each kind that is old enough; return how many records that were."""
    done = 0
    for kind in (Kind.UNPAID, Kind.PAID):
        done += await _payments(till, kind, limit)
    return done + await _audit(till, limit) + await _lines(till, limit)


async def preview(till: Till) -> list[Due]:
    """Count what would lose its words now, and change nothing."""
    async with till.db.transaction(read_only=True) as tx:
        found = []
        for kind in Kind:
            before = cut(till.settings, kind, till.now())
            count = await report.due(tx, kind, await retention.look(tx, kind), before)
            found.append(Due(what=kind, before=before, count=count))
        before = till.now() - timedelta(days=till.settings.webhook_days_kept)
        found.append(Due(what="webhooks", before=before, count=await report.bodies_due(tx, before)))
    return found


def cut(settings: Settings, kind: Kind, now: datetime) -> datetime:
    """Tell up to which moment a kind has had its time."""
    match kind:
        case Kind.UNPAID:
            return now - timedelta(days=settings.unpaid_days_kept)
        case Kind.PAID:
            return now - timedelta(days=settings.payment_years_kept * year_days)
        case Kind.AUDIT:
            return now - timedelta(days=settings.audit_years_kept * year_days)
        case Kind.LINES:
            return now - timedelta(days=settings.webhook_days_kept)


@retry_conflicts
async def _payments(till: Till, kind: Kind, limit: int) -> int:
    """Go on behind the last one; where money may still move, nothing is forgotten.

    Behind the last of all the mark goes to where this look ended, or the next one would begin with all that was kept.
    """
    before = cut(till.settings, kind, till.now())
    async with till.db.transaction() as tx:
        mark = await retention.hold(tx, kind)
        old = await traces.old(tx, unpaid=kind is Kind.UNPAID, before=before, after=(mark.at, mark.id), limit=limit)
        last = old[-1] if len(old) == limit else None
        reached = Mark(at=last.created_at, id=last.id) if last else Mark(at=before)
        if (reached.at, reached.id) > (mark.at, mark.id):
            await retention.move(tx, kind, reached)
        if not old:
            return 0
        found = await traces.of_payments(tx, [each.id for each in old])
        await _forget(tx, found)
        await _record(tx, till, kind, before, {"payments": len(found.payments)})
    return len(old)


async def _forget(tx: Transaction, found: Traces) -> None:
    """Forget as an erasure does, but nobody in particular: users and customers are erased when they ask for it."""
    await traces.erase(tx, None, found)
    await operations.erase(tx, found.payments)
    await responses.erase(tx, found.payments)
    await risk.forget_payments(tx, found.payments)
    await outbox.erase(tx, found.payments, found.words)
    await mail.erase(tx, found.shown, found.words)
    await lines.erase(tx, found.objects)
    await runs.erase(tx, found.objects)
    await adoption.forget(tx, found.payments)
    await inbox.erase(tx, found.payments, [])
    requests, _ = await refund_requests.of_payments(tx, found.payments)
    await refund_requests.erase(tx, requests, name=LEFT, left=LEFT)


@retry_conflicts
async def _audit(till: Till, limit: int) -> int:
    """Take the words out of old entries; a new one vouches for what is left of them."""
    before = cut(till.settings, Kind.AUDIT, till.now())
    async with till.db.transaction() as tx:
        mark = await retention.hold(tx, Kind.AUDIT)
        vouched, reached = await retention.retire_audit(tx, mark, before, limit)
        if reached.number == mark.number:
            return 0
        await retention.move(tx, Kind.AUDIT, reached)
        if vouched:
            await _record(tx, till, Kind.AUDIT, before, {"entries": vouched})
    return reached.number - mark.number


@retry_conflicts
async def _lines(till: Till, limit: int) -> int:
    """Take the words out of lines of accounts that belong to nothing of ours, once nobody has to look at them."""
    before = cut(till.settings, Kind.LINES, till.now())
    async with till.db.transaction() as tx:
        mark = await retention.hold(tx, Kind.LINES)
        reached = await loose.reach(tx, after=mark.number, before=before, limit=limit)
        if reached > mark.number:
            found = await loose.between(tx, after=mark.number, until=reached)
            await retention.move(tx, Kind.LINES, Mark(at=before, number=reached))
        else:
            found = await loose.seen_to(tx, until=reached, before=before, limit=limit)
        unread = await loose.unread(tx, before=before, limit=limit)
        await lines.empty(tx, found, unread)
        if found or unread:
            await _record(tx, till, Kind.LINES, before, {"lines": len(found) + len(unread)})
    return max(reached - mark.number, len(found)) + len(unread)


async def _record(tx: Transaction, till: Till, kind: Kind, before: datetime, after: dict[str, object]) -> None:
    told = {"before": before.isoformat(), **after}
    await audit.record(tx, till.by, Action.RECORDS_RETAINED, kind, after=told, at=till.now())
