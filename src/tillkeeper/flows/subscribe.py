"""Decide where events are sent: add an endpoint, change it, give it a new secret, try it, take it away."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from tillkeeper import audit, outbox
from tillkeeper.audit import Action
from tillkeeper.flows.deliver import post
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.egress import Reply
from tillkeeper.outbox import Numbered, deliveries, endpoints
from tillkeeper.till import Till

grace_hours = 24
grace_hours_max = 24 * 7


async def subscribe(till: Till, *, url: str, types: Sequence[str], description: str | None) -> tuple[UUID, str]:
    """Add an endpoint; its secret is returned once and can never be shown again. Raises InvalidFieldError."""
    till.egress.check(url)
    secret = endpoints.new_secret()
    async with till.db.transaction() as tx:
        await outbox.sequence(tx, None)  # what happened before has its place before, and is not told
        endpoint = await endpoints.create(
            tx, url=url, types=types, description=description, secret=till.box.seal(secret.encode())
        )
        made = {"url": url, "types": list(types), "description": description}
        await _note(tx, till, Action.ENDPOINT_CREATED, endpoint, after=made)
    logs.events.info("webhook_endpoint_created", endpoint=ids.text("endpoint", endpoint))
    return endpoint, secret


@retry_conflicts
async def change(till: Till, endpoint: UUID, **decided: Any) -> None:
    """Change what is named of `url`, `types`, `description` and `enabled`; raises NotFoundError."""
    if "url" in decided:
        till.egress.check(decided["url"])
    async with till.db.transaction() as tx:
        if decided.get("enabled"):
            await outbox.sequence(tx, None)  # as for a new one
        before = await endpoints.lock(tx, endpoint)
        await endpoints.change(tx, replace(before, **decided))
        was = {name: getattr(before, name) for name in decided}
        await _note(tx, till, Action.ENDPOINT_CHANGED, endpoint, before=was, after=decided)


@retry_conflicts
async def rotate(till: Till, endpoint: UUID, *, grace: timedelta = timedelta(hours=grace_hours)) -> str:
    """Give an endpoint a new secret, returned once; while the grace lasts the one before signs as well.

    Raises NotFoundError, and InvalidStateError while an earlier secret has its grace.
    """
    secret = endpoints.new_secret()
    async with till.db.transaction() as tx:
        found = await endpoints.lock(tx, endpoint)
        await endpoints.rotate(tx, found, till.box.seal(secret.encode()), grace_seconds=int(grace.total_seconds()))
        await _note(tx, till, Action.ENDPOINT_ROTATED, endpoint)
    logs.events.info("webhook_endpoint_rotated", endpoint=ids.text("endpoint", endpoint))
    return secret


@retry_conflicts
async def unsubscribe(till: Till, endpoint: UUID) -> None:
    """Take an endpoint away, and end what is owed to it; raises NotFoundError."""
    async with till.db.transaction() as tx:
        found = await endpoints.lock(tx, endpoint)
        await endpoints.remove(tx, endpoint)
        await deliveries.cancel(tx, endpoint)
        await _note(tx, till, Action.ENDPOINT_DELETED, endpoint, before={"url": found.url})
    logs.events.info("webhook_endpoint_deleted", endpoint=ids.text("endpoint", endpoint))


async def try_out(till: Till, endpoint: UUID) -> tuple[UUID, Reply]:
    """Send an endpoint an event that means nothing, and return its id with what came of it; raises NotFoundError."""
    async with till.db.transaction() as tx:
        found = await endpoints.find(tx, endpoint)
        await _note(tx, till, Action.ENDPOINT_TESTED, endpoint)
    data: dict[str, object] = {"endpoint": ids.text("endpoint", endpoint)}
    event = Numbered(id=ids.new(), seq=0, type="endpoint.test", data=data, created_at=till.now())
    return event.id, await post(till, event, url=found.url, secrets=found.secrets)


async def _note(
    tx: Transaction,
    till: Till,
    action: Action,
    endpoint: UUID,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write down who decided, last in the transaction."""
    shown = ids.text("endpoint", endpoint)
    await audit.record(tx, till.by, action, shown, before=before, after=after, at=till.now())
