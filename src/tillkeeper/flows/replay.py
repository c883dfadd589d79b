"""Bring webhooks back to work, or set them aside, by hand."""

from uuid import UUID

from tillkeeper import inbox
from tillkeeper.inbox import Selection
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.till import Till

reason_length_max = 200


async def replay(till: Till, message: UUID) -> None:
    """Work on one webhook again; an effect that it had already is not repeated. Raises NotFoundError."""
    async with till.db.transaction() as tx:
        await inbox.replay(tx, message)


async def replay_all(till: Till, selection: Selection) -> int:
    """Work on every selected webhook again; return how many."""
    async with till.db.transaction() as tx:
        return len(await inbox.requeue(tx, selection))


async def ignore(till: Till, message: UUID, *, reason: str) -> None:
    """Set one webhook aside for good, saying why; raises InvalidFieldError or NotFoundError."""
    if not 1 <= len(reason) <= reason_length_max:
        text = f"A reason has 1 to {reason_length_max} characters."
        raise InvalidFieldError(text, param="reason")
    async with till.db.transaction() as tx:
        await inbox.ignore(tx, message, reason)
