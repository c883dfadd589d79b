"""A repeated request has one effect: keys, their claims, and the answers that are replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tillkeeper.idempotency import store
from tillkeeper.kernel import meters
from tillkeeper.kernel.crypto import same
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import TillError

lease_seconds = 45
kept_hours = 24


class KeyReusedError(TillError):
    """Report a key that was used before for another request."""

    code = "idempotency_key_reused"
    status = 422
    title = "This Idempotency-Key was used for a different request"
    category = "idempotency_error"
    next_step = "Use a new key for a new request, and the same key only to repeat the very same request."


class InProgressError(TillError):
    """Report a key whose first request is still running."""

    code = "idempotency_in_progress"
    status = 409
    title = "The first request with this Idempotency-Key is still running"
    category = "idempotency_error"
    retryable = True
    retry_after_seconds = 1
    next_step = "Wait a second and send the same request again: you will get the first one's answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Hold what identifies a request: whose key it is, the key, and a digest of what was asked."""

    scope: str
    key: str
    request_sha: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Hold the answer that the first request got; `repeated` when it is not the first time it is given."""

    status: int
    body: dict[str, object]
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Say that the caller now owns the key; `resource` is what a caller that died was making."""

    resource: UUID | None


async def claim(tx: Transaction, wish: Wish) -> Claim | Replay:
    """Own the key, or get the first answer; raises KeyReusedError or InProgressError."""
    if await store.insert(tx, wish.scope, wish.key, wish.request_sha, lease_seconds):
        return Claim(resource=None)
    row = await store.lock(tx, wish.scope, wish.key)
    if row is None:
        raise InProgressError
    if not same(row["request_sha"], wish.request_sha):
        raise KeyReusedError
    if row["status"] is not None:
        await store.count_replay(tx, wish.scope, wish.key)
        meters.count(meters.deduplicated)
        return Replay(status=row["status"], body=row["body"], repeated=True)
    if not row["lease_over"]:
        raise InProgressError
    await store.renew(tx, wish.scope, wish.key, lease_seconds)
    return Claim(resource=row["resource_id"])


async def attach(tx: Transaction, wish: Wish, resource: UUID) -> None:
    """Remember what is being made under the key, so that another can finish it."""
    await store.attach(tx, wish.scope, wish.key, resource)


async def finish(tx: Transaction, wish: Wish, status: int, body: dict[str, object]) -> None:
    """Keep the answer in the transaction of its effect."""
    await store.finish(tx, wish.scope, wish.key, status, body)


async def forget(tx: Transaction, wish: Wish) -> None:
    """Give the key back: nothing was done under it."""
    await store.delete(tx, wish.scope, wish.key)


async def purge(tx: Transaction, *, unresolved: Sequence[UUID], limit: int) -> int:
    """Forget the oldest answered keys after a day, except those of what is not resolved yet; return how many."""
    return await store.purge(tx, kept_hours, unresolved, limit)


async def erase(
    tx: Transaction, *, name: str, left: str, mode: str, objects: Sequence[UUID], shown: Sequence[str]
) -> None:
    """Forget the answers that speak of a user; their keys stay, and a repeat is told which object it made."""
    scopes = (f"user:{mode}:{name}", f"user:{mode}:{left}")
    await store.erase(tx, name, scopes, objects, shown)
