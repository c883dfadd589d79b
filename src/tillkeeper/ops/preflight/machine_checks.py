"""The machine on which it runs: Python, packages, disk, clock, logs, user."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tillkeeper.kernel import logs
from tillkeeper.ops import doctor
from tillkeeper.ops.doctor import Finding, State
from tillkeeper.ops.preflight.ground import Ground

free_bytes_min = 5_000_000_000
free_percent_min = 10
PROBE = {
    "authorization": "Bearer abcdefgh12345678",
    "note": "paid with 4242424242424242 by key sk_live_abcdefgh12345678",
    "email": "ana@example.com",
}
TELLING = ("abcdefgh12345678", "4242424242424242", "ana@example.com")


def python(_: Ground) -> Finding:
    """Check that this Python is new enough."""
    return doctor.check_python(sys.version_info[:3])


def packages(ground: Ground) -> Finding:
    """Check that what is installed is what was locked and tested."""
    return doctor.check_packages(ground.checkout / "requirements.lock")


def disks(ground: Ground) -> Finding:
    """Check that there is room to work, and for backups where they go."""
    places = {Path(ground.environment.get("BACKUP_PATH") or "/"), Path("/")}
    wrong: list[str] = []
    found: list[str] = []
    for place in sorted(places):
        if not place.is_dir():
            wrong.append(f"{place} is no folder")
            continue
        usage = shutil.disk_usage(place)
        percent = 100 * usage.free // max(usage.total, 1)
        said = f"{usage.free // 1_000_000_000} GB free at {place} ({percent} %)"
        (wrong if usage.free < free_bytes_min or percent < free_percent_min else found).append(said)
    if wrong:
        fix = f"Leave {free_bytes_min // 1_000_000_000} GB and {free_percent_min} % free; BACKUP_PATH is a folder."
        return Finding("disk", State.PROBLEM, "; ".join(wrong), fix)
    return Finding("disk", State.OK, "; ".join(found))


def clock(ground: Ground) -> Finding:
    """Check that this clock goes right: signatures and tokens expire by it."""
    years = doctor.check_clock(ground.now)
    if years.state is not State.OK:
        return years
    if ground.synchronized is False:
        fix = "Switch NTP on: `timedatectl set-ntp true`, or install chrony."
        return Finding("clock", State.PROBLEM, "it follows no other clock", fix)
    said = "it is set by NTP" if ground.synchronized else "nobody here says what sets it; a container has its host's"
    return Finding("clock", State.OK, said)


def logging(_: Ground) -> Finding:
    """Try whether logs hide what they must."""
    shown = repr(logs.clean(PROBE))
    if any(each in shown for each in TELLING):
        return Finding(
            "logging", State.PROBLEM, "secrets are not masked", "Reinstall this version: its masks are broken."
        )
    return Finding("logging", State.OK, "JSON lines on standard error, with secrets and card numbers masked")


def user(ground: Ground) -> Finding:
    """Check that what serves strangers may not change the whole machine."""
    if ground.uid == 0:
        fix = "Run it as an ordinary user of its own; the files in deploy/ do."
        return Finding("user", State.PROBLEM if ground.production else State.NOTE, "root", fix)
    return Finding("user", State.OK, f"uid {ground.uid}")


CHECKS: tuple[Callable[[Ground], Finding | None], ...] = (python, packages, disks, clock, logging, user)
