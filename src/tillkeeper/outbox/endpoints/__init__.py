"""Where the merchant wants to be told: addresses with a secret each, and how far each has been served."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.outbox.endpoints import store
from tillkeeper.outbox.endpoints.signing import derive_secret, new_secret, sign
from tillkeeper.outbox.endpoints.values import Endpoint, Span
from tillkeeper.outbox.values import TYPES

__all__ = [
    "ALL",
    "Endpoint",
    "Span",
    "advance",
    "behind",
    "change",
    "check_types",
    "create",
    "derive_secret",
    "disable",
    "find",
    "lock",
    "new_secret",
    "note_failure",
    "note_success",
    "remove",
    "rewind",
    "rotate",
    "sign",
]

endpoints_max = 16
"""A slow one occupies a few places of a worker; there are enough places for all of them."""
failing_hours_max = 120
"""An endpoint that has taken nothing for this long is switched off."""
ALL = "*"
"""Stands for every type of event."""


async def create(tx: Transaction, *, url: str, types: Sequence[str], description: str | None, secret: bytes) -> UUID:
    """Add an endpoint that is told of what happens from now on; `secret` is sealed."""
    check_types(types)
    if await store.count(tx) >= endpoints_max:
        message = f"There are {endpoints_max} endpoints already; delete one first."
        raise InvalidStateError(message)
    id_ = ids.new()
    await store.insert(tx, id_, url, sorted(set(types)), description, secret)
    return id_


async def find(tx: Transaction, endpoint: UUID) -> Endpoint:
    """Read an endpoint; raises NotFoundError."""
    return _found(await store.read(tx, endpoint))


async def lock(tx: Transaction, endpoint: UUID) -> Endpoint:
    """Lock an endpoint; raises NotFoundError."""
    return _found(await store.lock(tx, endpoint))


async def change(tx: Transaction, endpoint: Endpoint) -> None:
    """Write what was decided about a locked endpoint; one that is switched on again is told of what happens from now.

    What it missed meanwhile is sent when somebody asks for it (`rewind`).
    """
    check_types(endpoint.types)
    await store.change(tx, endpoint)


async def remove(tx: Transaction, endpoint: UUID) -> None:
    """Forget an endpoint and its secrets; its deliveries stay readable."""
    await store.remove(tx, endpoint)


async def rotate(tx: Transaction, endpoint: Endpoint, secret: bytes, *, grace_seconds: int) -> None:
    """Sign with a new sealed secret, and with the one of a locked endpoint as well while the grace lasts.

    Raises InvalidStateError while an earlier one has its grace: receivers may know no other, and it would end at once.
    """
    if grace_seconds and len(endpoint.secrets) > 1:
        message = (
            "The secret before this one is still valid, and another rotation would end it at once. Rotate again when "
            "its grace is over, or with grace_hours 0, which ends every earlier secret now."
        )
        raise InvalidStateError(message)
    await store.rotate(tx, endpoint.id, secret, grace_seconds)


async def behind(tx: Transaction, limit: int) -> list[Span]:
    """Lock the endpoints that have not been served all numbered events, each with the next stretch of them."""
    return await store.behind(tx, limit)


async def advance(tx: Transaction, spans: Sequence[Span]) -> None:
    """Note that endpoints were served their stretches."""
    await store.advance(tx, spans)


async def rewind(tx: Transaction, endpoint: UUID, seq: int) -> None:
    """Serve a locked endpoint again from a place in the order on; it never skips anything forward."""
    await store.rewind(tx, endpoint, seq)


async def note_success(tx: Transaction, endpoint: UUID, url: str) -> None:
    """Note that an endpoint has taken something at an address; nothing that is said of an earlier one counts."""
    await store.note_success(tx, endpoint, url)


async def note_failure(tx: Transaction, endpoint: UUID, url: str) -> bool:
    """Note that an endpoint has not taken something; true when it was switched off for doing so all the time."""
    reason = f"Nothing was taken for {failing_hours_max} hours."
    return await store.note_failure(tx, endpoint, url, failing_hours_max, reason)


async def disable(tx: Transaction, endpoint: UUID, url: str, reason: str) -> bool:
    """Switch an endpoint off; false when it was off already, or has another address by now."""
    return await store.disable(tx, endpoint, url, reason)


def check_types(types: Sequence[str]) -> None:
    """Raise InvalidFieldError unless these are types of events, or all of them."""
    unknown = sorted(set(types) - {ALL, *TYPES})
    if unknown or not types:
        wrong = f"There is no type of event “{unknown[0][:64]}”. " if unknown else ""
        message = f"{wrong}Name one or more of {', '.join(TYPES)}, or * for all."
        raise InvalidFieldError(message, param="types")


def _found(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        message = "No webhook endpoint has this id."
        raise NotFoundError(message)
    return endpoint
