"""When something that failed outside is tried again."""

import random

STANDARD_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The schedule that Standard Webhooks recommends: ten tries in three days, the first one at once."""
jitter_percent_max = 20


def jitter_percent() -> int:
    """Draw by how much a pause is longer, so that what failed together does not come back together."""
    return random.randint(0, jitter_percent_max)  # noqa: S311 (jitter, not a secret)


def standard_ms(failures: int, jitter: int) -> int | None:
    """Tell how many milliseconds to wait after so many failed tries and one more; None when that was the last."""
    if failures >= len(STANDARD_SECONDS):
        return None
    return STANDARD_SECONDS[failures] * 10 * (100 + jitter)
