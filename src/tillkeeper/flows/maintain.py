"""Keep new payments waiting for a while; webhooks, refunds and everything else go on."""

from tillkeeper import audit, backups, routing
from tillkeeper.audit import Action
from tillkeeper.kernel import logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import TillError
from tillkeeper.routing import Maintenance
from tillkeeper.till import Till

MODE = "MAINTENANCE_MODE is set"
ENABLED = "PAYMENTS_ENABLED is false"
RESTORED = "this is a restored copy, and nobody has released it yet: see `till isolation status`"


class MaintenanceError(TillError):
    """Report that no new payments are taken for a while."""

    code = "maintenance"
    status = 503
    title = "No new payments are taken right now"
    retryable = True
    retry_after_seconds = 60
    next_step = "Try again later. Webhooks, refunds and everything else still work."


async def maintain(till: Till, *, active: bool, reason: str | None) -> Maintenance:
    """Begin or end maintenance, for every process at once; return what is in force, which the environment can keep."""
    wanted = Maintenance(active=active, reason=reason, changed_by=till.by.name, at=till.now())
    async with till.db.transaction() as tx:
        before = await routing.maintenance(tx)
        await routing.set_maintenance(tx, wanted)
        found = await state(tx, till)
        was, now = {"active": before.active}, {"active": active}
        action = Action.MAINTENANCE_SET
        await audit.record(tx, till.by, action, "maintenance", before=was, after=now, reason=reason, at=till.now())
    logs.intent.warning("maintenance", active=found.active, by=till.by.name)
    return found


async def state(tx: Transaction, till: Till) -> Maintenance:
    """Tell whether new payments are kept waiting, and why."""
    apart = await backups.isolation(tx)
    if apart:
        return Maintenance(active=True, reason=RESTORED, changed_by=None, at=apart.since)
    if till.settings.payments_enabled and not till.settings.maintenance_mode:
        return await routing.maintenance(tx)
    reason = MODE if till.settings.maintenance_mode else ENABLED
    return Maintenance(active=True, reason=reason, changed_by="environment")


async def check(tx: Transaction, till: Till) -> None:
    """Raise MaintenanceError while new payments are kept waiting."""
    found = await state(tx, till)
    if found.active:
        raise MaintenanceError(found.reason or "")
