"""Webhooks in: stored before they are acknowledged, worked on exactly once."""

import random
from collections.abc import Sequence
from uuid import UUID

from tillkeeper.inbox import rules, store
from tillkeeper.inbox.values import Arrival, Ending, Message
from tillkeeper.kernel.db import Transaction

__all__ = ["Arrival", "Ending", "Message", "claim", "claim_one", "finish", "park", "receive", "release", "retry"]


async def receive(tx: Transaction, arrivals: Sequence[Arrival]) -> set[UUID]:
    """Store a batch of verified webhooks; return the ids of those that are new."""
    in_order = sorted(arrivals, key=lambda arrival: (arrival.gateway, arrival.event_id))
    new = await store.insert(tx, in_order)
    known = [arrival for arrival in in_order if arrival.id not in new]
    if known:
        await store.insert_duplicates(tx, known)
    if new:
        await tx.execute("NOTIFY till_work")
    return new


async def claim(tx: Transaction, limit: int) -> list[Message]:
    """Lock the oldest messages that are due, skipping those that another worker holds."""
    return await store.claim(tx, limit)


async def claim_one(tx: Transaction, message: UUID) -> list[Message]:
    """Lock one message by its id, if it is still to be done."""
    return await store.claim_one(tx, message)


async def finish(tx: Transaction, endings: Sequence[Ending]) -> None:
    """Write how messages ended."""
    await store.finish(tx, endings)


async def release(tx: Transaction, waited_for: Sequence[str]) -> None:
    """Wake parked messages whose payment has become known."""
    await store.release(tx, waited_for)


def park(message: Message, reason: str, *, waits_for: str | None, ours: bool, payment: UUID | None) -> Ending:
    """Let a message wait for what it speaks of."""
    return rules.park(
        message, reason, waits_for=waits_for, ours=ours, payment=payment, jitter_percent=_jitter_percent()
    )


def retry(message: Message, reason: str) -> Ending:
    """Try a failed message again later, or give it up as a dead letter."""
    return rules.retry(message, reason, jitter_percent=_jitter_percent())


def _jitter_percent() -> int:
    return random.randint(0, rules.jitter_percent_max)  # noqa: S311 (jitter, not a secret)
