"""Close a disagreement in somebody's name: the books follow the gateway, or stay as they are."""

from uuid import UUID

from tillkeeper import audit, ledger
from tillkeeper.audit import Action as Audited
from tillkeeper.flows.book_lines import book_accepted
from tillkeeper.kernel import ids, logs
from tillkeeper.ledger import Journal
from tillkeeper.settlement import runs
from tillkeeper.settlement.runs import Action
from tillkeeper.till import Till


async def clear_up(till: Till, discrepancy: UUID, *, action: Action, reason: str, by: str) -> list[Journal]:
    """Close a discrepancy and post what that corrects, once; raises NotFoundError or InvalidStateError."""
    now = till.now()
    async with till.db.transaction() as tx:
        found = await runs.close(tx, discrepancy, action=action, reason=reason, by=by, now=now)
        journals = book_accepted(found, now) if action is Action.ACCEPT else []
        await ledger.post(tx, journals)
        await audit.record(
            tx,
            till.by,
            Audited.DISCREPANCY_CLOSED,
            ids.text("discrepancy", discrepancy),
            after={"action": action, "kind": found.kind, "by": by},
            reason=reason,
            at=now,
        )
    logs.reconciliation.warning("discrepancy_closed", kind=found.kind, gateway=found.gateway, action=action, by=by)
    return journals


async def preview(till: Till, discrepancy: UUID) -> list[Journal]:
    """Say what accepting a discrepancy would post; raises NotFoundError, or InvalidStateError where it is refused."""
    async with till.db.transaction(read_only=True) as tx:
        return book_accepted(await runs.find(tx, discrepancy), till.now())
