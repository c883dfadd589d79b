"""Calls that gateways must hear: committed before they are made, made again until an answer is known."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.operations import store
from tillkeeper.operations.values import Kind, Operation

__all__ = [
    "Kind",
    "Operation",
    "ask",
    "call_off_expiry",
    "canceling",
    "claim",
    "close",
    "confirming",
    "doubt_all",
    "erase",
    "finish",
    "given_up",
    "given_up_call",
    "postpone",
    "refund_calls",
    "renew",
    "take_over",
    "take_over_answering",
    "take_over_ending",
    "unfinished",
    "unfinished_ending",
    "unresolved",
]

lease_seconds = 45
"""Longer than the longest gateway call (30 s); whoever makes several for one operation renews it meanwhile."""
retry_seconds = (5, 60, 300, 3600, 21600, 43200)
"""How long a gateway that certainly did nothing is left alone before it is told again."""
ask_seconds = (2, 300, 3600, 86400)
"""When a gateway is asked what became of a call that got no answer."""


fee_patience_seconds = 60
"""Nobody waits for a fee: calls that move money go first."""


async def ask(tx: Transaction, operations: Sequence[Operation]) -> list[Operation]:
    """Remember calls to be made; one with a token is leased to the caller, who makes it at once.

    Return those that were dropped: a payment has one unfinished capture or ending at a time, one confirmation and one
    question after its fee, and a dispute one answer. The caller says what that means.
    """
    if not operations:
        return []
    taken = await store.insert(tx, operations, lease_seconds, fee_patience_seconds)
    return [operation for operation in operations if operation.id not in taken]


async def doubt_all(tx: Transaction) -> int:
    """Take it of every unfinished call that it may have been made: its gateway is asked first. Return how many."""
    return await store.doubt_all(tx)


async def any_due(tx: Transaction, gateway: str) -> bool:
    """Tell whether a call is due at a gateway."""
    return await store.any_due(tx, gateway)


async def claim(tx: Transaction, gateway: str, limit: int) -> list[Operation]:
    """Lease the calls that are due at a gateway."""
    return await store.claim(tx, gateway, limit, lease_seconds)


async def take_over(tx: Transaction, subject: UUID) -> Operation | None:
    """Lease the unfinished call of a payment or refund whose caller has died."""
    return await store.take_over(tx, subject, lease_seconds)


async def take_over_ending(tx: Transaction, payment: UUID) -> Operation | None:
    """Lease the unfinished capture or cancellation of a payment whose caller has died."""
    return await store.take_over_ending(tx, payment, lease_seconds)


async def take_over_answering(tx: Transaction, response: UUID) -> Operation | None:
    """Lease the unfinished call of an answer to a dispute whose caller has died."""
    return await store.take_over_answering(tx, response, lease_seconds)


async def unfinished(tx: Transaction, subject: UUID) -> bool:
    """Tell whether the call of a payment or refund is still being tried."""
    return await store.unfinished(tx, subject)


async def unfinished_ending(tx: Transaction, payment: UUID) -> bool:
    """Tell whether the capture or cancellation of a payment is still being tried."""
    return await store.unfinished_ending(tx, payment)


async def canceling(tx: Transaction, payments: Iterable[UUID]) -> frozenset[UUID]:
    """Tell which of these payments somebody is canceling."""
    return await store.canceling(tx, sorted(payments))


async def confirming(tx: Transaction, payments: Iterable[UUID]) -> frozenset[UUID]:
    """Tell which of these payments are being charged, or may have been without anybody knowing."""
    return await store.confirming(tx, sorted(payments))


async def call_off_expiry(tx: Transaction, payments: Iterable[UUID]) -> None:
    """Let our own expiry give way to whoever pays: what it is told from now on is written nowhere."""
    await store.call_off_expiry(tx, sorted(payments))


async def renew(tx: Transaction, operation: Operation) -> bool:
    """Lengthen the lease of an operation that is being carried out; false when it was lost, or is over."""
    return await store.renew(tx, operation, lease_seconds)


async def unresolved(tx: Transaction) -> list[UUID]:
    """List the payments and refunds of which nobody knows yet what the gateway did."""
    return await store.unresolved(tx)


async def refund_calls(tx: Transaction, payment: UUID) -> list[Operation]:
    """List the calls that told a gateway to refund a payment, and were answered or given up."""
    return await store.refund_calls(tx, payment)


async def given_up(tx: Transaction, payments: Iterable[UUID]) -> frozenset[UUID]:
    """Tell which refunds of these payments were given up: nobody can tell from here whether they were made."""
    return await store.given_up(tx, sorted(payments))


async def given_up_call(tx: Transaction, refund: UUID) -> Operation | None:
    """Read the call of a refund that was given up, if it was."""
    return await store.given_up_call(tx, refund)


async def close(tx: Transaction, refunds: Iterable[UUID]) -> None:
    """Note that it became known after all what came of refunds that were given up."""
    await store.close(tx, sorted(refunds))


async def finish(tx: Transaction, operation: Operation, state: str, *, error: str | None = None) -> bool:
    """End a call; false when its lease was lost meanwhile, and then nothing may be written for it."""
    return await store.finish(tx, operation, state, error)


async def postpone(tx: Transaction, operation: Operation, *, error: str, doubtful: bool) -> bool:
    """Come back to the call later; false when its lease was lost meanwhile.

    A doubtful call may have arrived: next time the gateway is asked what became of it before it is told again.
    """
    delays = ask_seconds if doubtful else retry_seconds
    seen = operation.doubts if doubtful else operation.tries - 1
    return await store.postpone(tx, operation, delays[min(seen, len(delays) - 1)], error, doubtful=doubtful)


async def erase(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Forget in what words gateways answered about payments; their codes stay."""
    await store.erase(tx, payments)
