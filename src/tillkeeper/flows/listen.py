"""Forward events to one address, strictly in their order, and remember how far that went."""

from collections.abc import Callable
from datetime import datetime

from tillkeeper import outbox
from tillkeeper.flows.deliver import post
from tillkeeper.flows.notify import PLACE
from tillkeeper.flows.sequence import sequence
from tillkeeper.kernel.egress import Reply
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.outbox import Numbered
from tillkeeper.outbox.endpoints import derive_secret
from tillkeeper.till import Till

listen_batch_max = 100

Heard = Callable[[Numbered, Reply], None]


async def tune_in(till: Till, name: str, *, since: datetime | None = None) -> tuple[int, int]:
    """Find the place of a listener, and how many events wait after it.

    A new listener starts from now; with a moment, a new or known one starts with the events since then. Raises
    InvalidFieldError for the name under which our own letters go on: whoever moved their place would lose some.
    """
    if name == PLACE:
        message = f"“{PLACE}” is the place of this installation's own letters; choose another name."
        raise InvalidFieldError(message, param="name")
    await sequence(till, limit=None)
    async with till.db.transaction() as tx:
        newest = await outbox.newest(tx)
        place = await outbox.place(tx, name)
        if place is None or since:
            place = min(newest, await outbox.last_before(tx, since)) if since else newest
            await outbox.move(tx, name, place)
    return place, newest - place


async def listen(till: Till, name: str, *, url: str, heard: Heard) -> bool:
    """Forward all that happened, each event once the one before was taken; false when one was not, which stays next."""
    sealed = till.box.seal(secret_of(till, name).encode())
    while events := await _following(till, name):
        for event in events:
            reply = await post(till, event, url=url, secrets=(sealed,))
            heard(event, reply)
            if not reply.delivered:
                return False
            async with till.db.transaction() as tx:
                await outbox.move(tx, name, event.seq)
    return True


async def _following(till: Till, name: str) -> list[Numbered]:
    # What was just committed has no number until somebody gives it one, and a busy worker may be late with that.
    await sequence(till, limit=None)
    async with till.db.transaction() as tx:
        place = await outbox.place(tx, name)
        return await outbox.following(tx, place or 0, listen_batch_max)


def secret_of(till: Till, name: str) -> str:
    """Make the secret by which a listener signs: the same for the same name, for as long as this installation lives."""
    return derive_secret(till.settings.secret_key, name)
