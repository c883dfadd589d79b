"""What an answer means for a delivery, and when it is tried again."""

from http import HTTPStatus

from tillkeeper.kernel import backoff
from tillkeeper.kernel.backoff import jitter_percent_max
from tillkeeper.outbox.deliveries.values import Status, Verdict

__all__ = ["asked_seconds_max", "jitter_percent_max", "judge"]

asked_seconds_max = 86_400
"""The longest pause that a receiver may ask for: as long as the longest of the schedule."""


def judge(
    answer: int | None,
    *,
    failures: int,
    jitter_percent: int,
    retry_after_seconds: int | None = None,
    moved: bool = False,
) -> Verdict:
    """Decide how a delivery goes on after an HTTP status, or after none, that followed so many failed tries.

    A receiver that says when to come again is left alone for that long, and never for less than the schedule says. What
    an address refuses from which the endpoint has `moved` is sent to the new one at once.
    """
    if answer is not None and HTTPStatus.OK <= answer < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(status=Status.SUCCEEDED)
    if moved:
        return Verdict(status=Status.PENDING)
    if answer == HTTPStatus.GONE:
        return Verdict(status=Status.DEAD, gone=True)
    delay_ms = backoff.standard_ms(failures, jitter_percent)
    if delay_ms is None:
        return Verdict(status=Status.DEAD)
    asked_ms = min(retry_after_seconds or 0, asked_seconds_max) * 1000
    return Verdict(status=Status.PENDING, delay_ms=max(delay_ms, asked_ms))
