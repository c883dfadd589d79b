"""Letters to buyers and operators: owed with what they tell of, and sent until somebody takes them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from tillkeeper.kernel import backoff, ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.smtp import Receipt, is_address
from tillkeeper.mail import rules, store
from tillkeeper.mail.letters import compose, write
from tillkeeper.mail.office import Office, open_office
from tillkeeper.mail.values import Kind, Leased, Letter, Status, Verdict

__all__ = [
    "Kind",
    "Leased",
    "Letter",
    "Office",
    "Status",
    "Verdict",
    "claim",
    "compose",
    "drop_receipts",
    "erase",
    "gather",
    "is_address",
    "judge",
    "open_office",
    "owe",
    "record",
    "write",
]

lease_seconds = 300
"""Longer than a conversation with a slow server, each step of which may take 15 seconds."""
digest_every = timedelta(hours=1)
gathered_max = 50_000
samples_max = 20


async def owe(tx: Transaction, letters: Sequence[Letter]) -> None:
    """Owe letters, each once however often it is owed."""
    if letters:
        await store.insert(tx, letters)


async def claim(tx: Transaction, limit: int, *, alerts_per_day_max: int, now: datetime) -> list[Leased]:
    """Lease letters that are due; of new alerts no more than a day may have, which begins at midnight UTC."""
    left = await _alerts_left(tx, alerts_per_day_max, now)
    return await store.claim(tx, ids.new(), limit, new_alerts_max=left, lease_seconds=lease_seconds)


async def gather(tx: Transaction, *, alerts_per_day_max: int, now: datetime) -> int:
    """Put the alerts that a day has too many of into one letter, at most once an hour; return how many."""
    if await _alerts_left(tx, alerts_per_day_max, now) or await store.has_digest(tx, now - digest_every):
        return 0
    found = await store.gather(tx, gathered_max)
    if found:
        counts = Counter(topic for topic, _ in found)
        samples = [{"topic": topic, **data} for topic, data in found[:samples_max]]
        data = {"counts": dict(counts.most_common()), "samples": samples, "total": len(found)}
        await store.insert(tx, [Letter(kind=Kind.DIGEST, topic="alerts", source=ids.new(), data=data)])
    return len(found)


async def record(tx: Transaction, letter: Leased, verdict: Verdict) -> bool:
    """Write what came of a try; false when its lease was lost meanwhile, and then nothing is written."""
    return await store.record(tx, letter, verdict)


async def drop_receipts(tx: Transaction, reason: str) -> int:
    """Send no receipt that still waits; return how many there were."""
    return await store.drop_receipts(tx, reason)


async def erase(tx: Transaction, payments: Sequence[str], words: Sequence[str]) -> None:
    """Forget what mail servers said to letters about payments, which may name whom they were for, and these words."""
    await store.erase(tx, payments, words)


def judge(letter: Leased, receipt: Receipt) -> Verdict:
    """Decide how a letter goes on."""
    return rules.judge(
        receipt.error,
        final=receipt.final,
        failures=letter.failures,
        jitter_percent=backoff.jitter_percent(),
        refused=receipt.refused,
    )


async def _alerts_left(tx: Transaction, alerts_per_day_max: int, now: datetime) -> int:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return max(0, alerts_per_day_max - await store.alerts_begun(tx, midnight))
