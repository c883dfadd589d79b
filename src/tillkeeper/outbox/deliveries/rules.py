"""What an answer means for a delivery, and when it is tried again."""

from http import HTTPStatus

from tillkeeper.outbox.deliveries.values import Status, Verdict

retry_seconds = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The schedule that Standard Webhooks recommends: ten tries in three days, the first one at once."""
jitter_percent_max = 20


def judge(answer: int | None, *, failures: int, jitter_percent: int) -> Verdict:
    """Decide how a delivery goes on after an HTTP status, or after none, that followed so many failed tries."""
    if answer is not None and HTTPStatus.OK <= answer < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(status=Status.SUCCEEDED)
    if answer == HTTPStatus.GONE:
        return Verdict(status=Status.DEAD, gone=True)
    if failures >= len(retry_seconds):
        return Verdict(status=Status.DEAD)
    return Verdict(status=Status.PENDING, delay_ms=retry_seconds[failures] * 10 * (100 + jitter_percent))
