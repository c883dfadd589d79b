"""Places where a test may break this process; inert unless TILL_FAILPOINTS names them, and always in live mode."""

import os
import signal


class FailpointError(Exception):
    """Report a bug that is none: a test asked for it."""


def reach(name: str) -> None:
    """Die here as in a crash, or fail as by a bug, when TILL_FAILPOINTS says so: `settle:a,settle:b=raise`."""
    told = os.environ.get("TILL_FAILPOINTS")
    if not told or os.environ.get("TILL_MODE") == "live":
        return
    places = dict(each.partition("=")[::2] for each in told.split(","))
    if places.get(name) == "raise":
        raise FailpointError(name)
    if name in places:
        os.kill(os.getpid(), signal.SIGKILL)
