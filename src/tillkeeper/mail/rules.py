"""How a letter goes on, as pure functions."""

from tillkeeper.kernel import backoff
from tillkeeper.mail.values import Status, Verdict


def judge(error: str | None, *, final: bool, failures: int, jitter_percent: int, refused: str | None = None) -> Verdict:
    """Decide how a letter goes on after a try that followed so many failed ones; without an error it was taken.

    What was `refused` for some of its addresses only is sent: to try again would send it to the others twice.
    """
    if error is None:
        return Verdict(status=Status.SENT, reason=refused)
    delay_ms = backoff.standard_ms(failures, jitter_percent)
    if final or delay_ms is None:
        return Verdict(status=Status.DEAD, reason=error)
    return Verdict(status=Status.PENDING, reason=error, delay_ms=delay_ms)
