"""When a message is tried again, and when we stop."""

from uuid import UUID

from tillkeeper.inbox.values import Ending, Message

retry_seconds = (60, 300, 900, 3600, 7200)
park_seconds = (2, 10, *retry_seconds)
"""Parked messages usually wait for something that is seconds away, so the first looks are early."""


def retry(message: Message, reason: str, *, jitter_percent: int) -> Ending:
    """Try a failed message again later, or give it up as a dead letter."""
    if message.attempts >= len(retry_seconds):
        return Ending(message=message.id, status="dead", reason=reason)
    delay = _delay_ms(retry_seconds[message.attempts], jitter_percent)
    return Ending(message=message.id, status="received", reason=reason, delay_ms=delay)


def park(
    message: Message, reason: str, *, waits_for: str | None, ours: bool, payment: UUID | None, jitter_percent: int
) -> Ending:
    """Let a message wait for what it speaks of; in the end a foreign one is ignored, one of ours is a dead letter."""
    if message.attempts < len(park_seconds):
        delay = _delay_ms(park_seconds[message.attempts], jitter_percent)
        return Ending(
            message=message.id, status="parked", reason=reason, payment=payment, waits_for=waits_for, delay_ms=delay
        )
    if ours:
        return Ending(message=message.id, status="dead", reason=reason, payment=payment)
    return Ending(message=message.id, status="ignored", reason="foreign: it speaks of no payment of ours")


def _delay_ms(seconds: int, jitter_percent: int) -> int:
    return seconds * 10 * (100 + jitter_percent)
