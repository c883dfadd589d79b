"""Webhooks in: stored before they are acknowledged, worked on exactly once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.inbox import rules, store
from tillkeeper.inbox.values import Arrival, Batch, Ending, Message, Selection
from tillkeeper.kernel import backoff, ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError

__all__ = [
    "Arrival",
    "Batch",
    "Ending",
    "Message",
    "Selection",
    "about",
    "any_lost",
    "claim",
    "close_batch",
    "count_copies",
    "finish",
    "forget_bodies",
    "ignore",
    "open_batch",
    "park",
    "receive",
    "recover",
    "release",
    "replay",
    "requeue",
    "retry",
    "save_seen_until",
    "see_versions",
    "seen_until",
    "suspect",
    "take_lost_batch",
]

deaths_max = 5
batch_lease_seconds = 20
"""Much longer than a batch takes, so that it runs out only under a dead worker; and no customer waits long for that."""
replay_max = 1000
NO_MESSAGE = "No webhook has this id."


async def receive(tx: Transaction, arrivals: Sequence[Arrival]) -> tuple[set[UUID], list[Arrival]]:
    """Store a batch of verified webhooks; return the ids of those that are new, and copies that are to be counted.

    It is one statement, which may be a transaction of its own.
    """
    new, unseen = await store.insert(tx, _in_order(arrivals), count=True)
    return new, [arrival for arrival in arrivals if arrival.id in unseen]


async def count_copies(tx: Transaction, arrivals: Sequence[Arrival]) -> None:
    """Count copies of webhooks that are stored."""
    await store.insert_duplicates(tx, arrivals)


async def see_versions(tx: Transaction, seen: Sequence[tuple[str, str]], at: datetime) -> None:
    """Remember in which versions of their APIs gateways write: pairs of gateway and version."""
    await store.see_versions(tx, sorted(seen), at)


async def recover(tx: Transaction, arrivals: Sequence[Arrival]) -> int:
    """Store events that a gateway never delivered; those that it did stay as they are. Return how many are new."""
    new, _ = await store.insert(tx, _in_order(arrivals), count=False)
    return len(new)


def _in_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Let everybody touch the same rows in the same order, so that nobody waits in a circle."""
    return sorted(arrivals, key=lambda arrival: (arrival.gateway, arrival.event_id))


async def open_batch(tx: Transaction, limit: int) -> Batch | None:
    """Write down which messages are about to be touched, the oldest that are due; None when there are none."""
    while due := await store.lock_due(tx, limit):
        batch = await store.open_batch(tx, ids.new(), due, batch_lease_seconds)
        if batch:
            return batch
    return None


async def any_lost(tx: Transaction) -> bool:
    """Tell in one statement whether there may be a batch to take over: mostly there is none."""
    return await store.any_lost(tx)


async def take_lost_batch(tx: Transaction) -> Batch | None:
    """Take over the batch of a worker that died over it, if there is one and no other is on trial anywhere.

    Two tried at once would die together when one of them kills, and the innocent one would be blamed as well. Several
    messages are laid apart first, each to be taken over on its own, so that none goes back among others.
    """
    lost = await store.take_lost_batch(tx)
    if lost and len(lost.messages) > 1:
        await store.lay_apart(tx, lost.messages)
    return lost


async def suspect(tx: Transaction, message: UUID) -> Batch | None:
    """Count a try at a message that may have killed its worker; None when it is done, or dead by now."""
    begun = await store.suspect(tx, message, deaths_max, batch_lease_seconds)
    return Batch(id=message, messages=(message,)) if begun else None


async def dead(tx: Transaction, message: UUID) -> dict[str, str] | None:
    """Tell gateway, type and reason of a message that was given up; None when it was not."""
    return await store.dead(tx, message)


async def absolve(tx: Transaction, batch: Batch) -> None:
    """Take back a try that said nothing about its message; it is tried on its own again."""
    await store.absolve(tx, batch.id)


async def close_batch(tx: Transaction, batch: Batch) -> None:
    """Forget a batch that was worked on."""
    await store.close_batch(tx, batch.id)


async def claim(tx: Transaction, messages: Sequence[UUID]) -> list[Message]:
    """Lock messages that are still to be done, skipping those that another worker holds."""
    return await store.claim(tx, messages)


async def requeue(tx: Transaction, selection: Selection) -> list[UUID]:
    """Make messages due again; return which."""
    return await store.requeue(tx, selection, replay_max)


async def replay(tx: Transaction, message: UUID) -> None:
    """Make one message due again, whatever became of it; raises NotFoundError or InvalidStateError."""
    if await store.is_emptied(tx, message):
        message_ = "What this webhook said is not kept any more: it was erased with its user, or is too old."
        raise InvalidStateError(message_)
    if not await store.set_status(tx, message, "received", "replayed by hand"):
        raise NotFoundError(NO_MESSAGE)


async def ignore(tx: Transaction, message: UUID, reason: str) -> None:
    """Set one message aside for good; raises NotFoundError."""
    if not await store.set_status(tx, message, "ignored", f"by hand: {reason}"):
        raise NotFoundError(NO_MESSAGE)


async def seen_until(tx: Transaction, gateway: str) -> datetime | None:
    """Tell up to when a gateway's own list of events was gone through."""
    return await store.seen_until(tx, gateway)


async def save_seen_until(tx: Transaction, gateway: str, moment: datetime) -> None:
    """Remember up to when a gateway's own list of events was gone through."""
    await store.save_seen_until(tx, gateway, moment)


async def finish(tx: Transaction, endings: Sequence[Ending]) -> None:
    """Write how messages ended."""
    await store.finish(tx, endings)


async def release(tx: Transaction, waited_for: Sequence[str]) -> None:
    """Wake parked messages whose payment has become known."""
    await store.release(tx, waited_for)


async def untied(tx: Transaction, *, since: datetime, after: UUID | None, limit: int) -> list[tuple[UUID, bytes]]:
    """List finished messages of which nobody knows what payment they are about, with their sealed bodies."""
    return await store.untied(tx, since, after, limit)


async def about(tx: Transaction, payments: Sequence[UUID]) -> list[UUID]:
    """List the messages about payments."""
    return await store.about(tx, payments)


async def erase(tx: Transaction, payments: Sequence[UUID], others: Sequence[UUID]) -> int:
    """Forget what finished messages about payments said, and these others; return how many. That they came stays."""
    return await store.erase(tx, payments, others)


async def forget_bodies(tx: Transaction, before: datetime, *, limit: int) -> int:
    """Forget what messages from before a moment said that need nobody any more; that they came stays."""
    return await store.forget_bodies(tx, ids.first_at(before), limit)


def park(message: Message, reason: str, *, waits_for: str | None, ours: bool, payment: UUID | None) -> Ending:
    """Let a message wait for what it speaks of."""
    return rules.park(
        message, reason, waits_for=waits_for, ours=ours, payment=payment, jitter_percent=backoff.jitter_percent()
    )


def retry(message: Message, reason: str) -> Ending:
    """Try a failed message again later, or give it up as a dead letter."""
    return rules.retry(message, reason, jitter_percent=backoff.jitter_percent())
