"""What the figures were measured on."""

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path

BYTES_PER_GIB = 1024**3


def describe() -> dict[str, object]:
    """Read what this machine, this Python and this version are, and how busy the machine is with other things."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / BYTES_PER_GIB),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "revision": _revision(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    """Name the commit, with a plus when files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return answer.stdout.strip() or "unknown"
