"""What an installation needs to run, looked at one by one, with a way out of each problem."""

import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from tillkeeper.kernel.errors import TillError
from tillkeeper.ops import embedded_postgres, migrations

PYTHON_OLDEST = (3, 11)
POSTGRES_OLDEST = 15
PORTS = (8000, 8001)
CLOCK_OLDEST = datetime(2026, 11, 1, tzinfo=UTC)  # this version did not exist before
clock_ahead_max = timedelta(days=3650)
disk_free_min_bytes = 1_000_000_000
differences_shown_max = 5
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?P<marker> ;)?", re.MULTILINE)


class State(StrEnum):
    """Grade a finding; only a problem makes the visit fail."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """Hold what was looked at, how it is and, unless all is well, what to do."""

    what: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Place:
    """Hold where to look."""

    checkout: Path
    data_dir: Path
    database_url: str | None
    now: datetime


def examine(place: Place) -> list[Finding]:
    """Look at everything and change nothing."""
    return [
        check_python(sys.version_info[:3]),
        check_packages(place.checkout / "requirements.lock"),
        check_postgres(),
        check_data_folder(place.data_dir),
        check_disk(place.data_dir),
        *(check_port(port) for port in PORTS),
        check_clock(place.now),
        check_user(os.geteuid()),
        check_database(place.database_url),
    ]


def check_python(version: tuple[int, ...]) -> Finding:
    """Check that this Python is new enough."""
    shown = ".".join(map(str, version))
    if version < PYTHON_OLDEST:
        return Finding(
            "Python", State.PROBLEM, shown, "Install Python 3.11 or newer, delete .venv and run ./till again."
        )
    return Finding("Python", State.OK, shown)


def check_packages(lock: Path) -> Finding:
    """Compare the installed packages with the lock file, version by version."""
    if not lock.is_file():
        return Finding(
            "packages", State.NOTE, "no lock file here", "Nothing, if you installed the package without its repository."
        )
    different, locked = [], defaultdict(list)
    for pin in PIN.finditer(lock.read_text()):
        locked[pin["name"]].append(pin)
    for name, pins in locked.items():
        installed, versions = _installed(name), [pin["version"] for pin in pins]
        if installed not in versions and (installed or not pins[0]["marker"]):  # a marker: not meant for every system
            different.append(f"{name} {installed or 'is missing'} (locked: {' or '.join(versions)})")
    if different:
        more = ", …" if len(different) > differences_shown_max else ""
        found = ", ".join(different[:differences_shown_max]) + more
        return Finding("packages", State.PROBLEM, found, "Delete .venv and run ./till again.")
    return Finding("packages", State.OK, f"{len(locked)} as locked")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_postgres() -> Finding:
    """Find the PostgreSQL that demo and tests run on."""
    try:
        binaries = embedded_postgres.find_binaries()
        version = embedded_postgres.read_version(binaries)
    except TillError as error:
        return Finding("PostgreSQL programs", State.PROBLEM, error.detail, error.next_step)
    found = f"{version} in {binaries}"
    if int(version.split(".")[0]) < POSTGRES_OLDEST:
        fix = f"Install PostgreSQL {POSTGRES_OLDEST} or newer, or unset {embedded_postgres.BINARIES_VARIABLE}."
        return Finding("PostgreSQL programs", State.PROBLEM, found, fix)
    return Finding("PostgreSQL programs", State.OK, found)


def check_data_folder(data_dir: Path) -> Finding:
    """Write and remove a file where the demo keeps its data."""
    try:
        with tempfile.TemporaryFile(dir=_existing(data_dir)):
            return Finding("data folder", State.OK, f"{data_dir} is writable")
    except OSError as error:
        fix = "Choose another with `./till demo --data-dir FOLDER`, or make its owner run ./till."
        return Finding("data folder", State.PROBLEM, f"{data_dir} is not writable: {error.strerror}", fix)


def check_disk(data_dir: Path) -> Finding:
    """Check that the disk has room for the demo's data."""
    free = shutil.disk_usage(_existing(data_dir)).free
    found = f"{free // 1_000_000_000} GB free"
    if free < disk_free_min_bytes:
        return Finding("disk", State.PROBLEM, found, f"Free at least {disk_free_min_bytes // 1_000_000} MB.")
    return Finding("disk", State.OK, found)


def _existing(folder: Path) -> Path:
    """Name the folder, or the nearest one above it that exists already."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def check_port(port: int) -> Finding:
    """Try to take a port for a moment."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as error:
            fix = "Nothing for the demo, which takes the next free port; `till serve --port` chooses another."
            return Finding(f"port {port}", State.NOTE, f"taken: {error.strerror}", fix)
    return Finding(f"port {port}", State.OK, "free")


def check_clock(now: datetime) -> Finding:
    """Check that the clock is not years off, as after a dead battery: signatures and tokens expire by it."""
    found = now.isoformat(timespec="seconds")
    if not CLOCK_OLDEST <= now <= CLOCK_OLDEST + clock_ahead_max:
        return Finding(
            "clock", State.PROBLEM, found, "Set the clock, best with NTP; webhook signatures fail otherwise."
        )
    return Finding("clock", State.OK, found)


def check_user(uid: int) -> Finding:
    """Say what running as root means here."""
    if uid == 0:
        fix = "Nothing here: the embedded PostgreSQL drops to a system user. In production use an ordinary user."
        return Finding("user", State.NOTE, "running as root", fix)
    return Finding("user", State.OK, f"ordinary user (uid {uid})")


def check_database(url: str | None) -> Finding:
    """Check that the configured database answers and has every migration; the URL itself is never shown."""
    if not url:
        return Finding("database", State.OK, "DATABASE_URL is not set: demo and tests bring their own")
    try:
        missing = migrations.pending(url)
    except TillError as error:
        return Finding(
            "database", State.PROBLEM, error.detail, "Start PostgreSQL, and check host, port and role in DATABASE_URL."
        )
    if missing:
        return Finding("database", State.PROBLEM, f"{len(missing)} migrations are missing", "Run ./till migrate.")
    return Finding("database", State.OK, "answers, all migrations are in")
