"""Places where a test may kill this process; inert unless TILL_FAILPOINTS names them, and always in live mode."""

import os
import signal


def reach(name: str) -> None:
    """Die here, as a crash would, when TILL_FAILPOINTS names this place."""
    named = os.environ.get("TILL_FAILPOINTS")
    if named and name in named.split(",") and os.environ.get("TILL_MODE") != "live":
        os.kill(os.getpid(), signal.SIGKILL)
