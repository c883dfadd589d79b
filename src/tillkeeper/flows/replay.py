"""Bring webhooks back to work, or set them aside, by hand."""

from dataclasses import asdict
from uuid import UUID

from tillkeeper import audit, inbox
from tillkeeper.audit import Action
from tillkeeper.inbox import Selection
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.till import Till

reason_length_max = 200


@retry_conflicts
async def replay(till: Till, message: UUID) -> None:
    """Work on one webhook again; an effect that it had already is not repeated. Raises NotFoundError."""
    async with till.db.transaction() as tx:
        await inbox.replay(tx, message)
        await audit.record(tx, till.by, Action.WEBHOOK_REPLAYED, ids.text("message", message), at=till.now())


@retry_conflicts
async def replay_all(till: Till, selection: Selection) -> int:
    """Work on every selected webhook again; return how many."""
    async with till.db.transaction() as tx:
        count = len(await inbox.requeue(tx, selection))
        chosen = {name: str(value) for name, value in asdict(selection).items() if value is not None}
        await audit.record(
            tx, till.by, Action.WEBHOOKS_REPLAYED, "inbox", after={"replayed": count, **chosen}, at=till.now()
        )
        return count


@retry_conflicts
async def ignore(till: Till, message: UUID, *, reason: str) -> None:
    """Set one webhook aside for good, saying why; raises InvalidFieldError or NotFoundError."""
    if not 1 <= len(reason) <= reason_length_max:
        text = f"A reason has 1 to {reason_length_max} characters."
        raise InvalidFieldError(text, param="reason")
    async with till.db.transaction() as tx:
        await inbox.ignore(tx, message, reason)
        subject = ids.text("message", message)
        await audit.record(tx, till.by, Action.WEBHOOK_IGNORED, subject, reason=reason, at=till.now())
