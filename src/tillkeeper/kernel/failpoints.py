"""Places where a test may break this process; inert unless TILL_FAILPOINTS names them, and always in live mode.

`settle:a` is a place. `settle._settle/commit` is that place only where the function `_settle` of the flow `settle`
meets it, and `settle/commit` where any function of that flow does. `commit@17` is only the 17th time that this process
meets it, and `commit=raise` fails as by a bug where the others die as in a crash. Commas part several.
"""

import inspect
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

FLOWS = "tillkeeper.flows."
"""Places are told apart by the flow that comes to them: each of them commits."""
STANDARD_ERROR = 2
DIED = "died_at_failpoint"

_met: Counter[str] = Counter()


class FailpointError(Exception):
    """Report a bug that is none: a test asked for it."""


def reach(name: str) -> None:
    """Die here as in a crash, or fail as by a bug, when TILL_FAILPOINTS says so."""
    told = os.environ.get("TILL_FAILPOINTS")
    if not told or os.environ.get("TILL_MODE") == "live":
        return
    for each in told.split(","):
        place, _, act = each.partition("=")
        if _is_meant(place, name):
            if act == "raise":
                raise FailpointError(name)
            _die(name, place)


def _is_meant(place: str, name: str) -> bool:
    """Tell whether a place that was asked for is met here, this time."""
    where, _, nth = place.partition("@")
    flow, _, wanted = where.rpartition("/")
    if wanted != name or (flow and not any(flow in {each, each.partition(".")[0]} for each in _flows())):
        return False
    _met[place] += 1
    return not nth or _met[place] == int(nth)


def _die(name: str, asked: str) -> None:
    """Say where this process dies, whatever its logs are set to, and die."""
    told = {"event": DIED, "place": _place(name), "asked": asked}
    with suppress(OSError):
        os.write(STANDARD_ERROR, f"{json.dumps(told)}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _place(name: str) -> str:
    """Name a place by the flows that lead to it, the outermost first, and by the function of the last one."""
    found = list(_flows())[::-1]
    if not found:
        return name
    flows = [flow for flow, _ in groupby(each.partition(".")[0] for each in found)]
    return f"{'>'.join([*flows[:-1], found[-1]])}/{name}"


def _flows() -> Iterator[str]:
    """List the functions of flows that wait for this one, as `settle._settle`, the innermost first."""
    frame = inspect.currentframe()
    while frame:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(FLOWS):
            yield f"{module.removeprefix(FLOWS)}.{frame.f_code.co_name}"
        frame = frame.f_back
