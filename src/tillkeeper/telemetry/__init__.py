"""What operators see from outside: numbers at a port of their own. Only this package knows Prometheus."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from tillkeeper.kernel import logs, meters
from tillkeeper.settings import Settings
from tillkeeper.telemetry import counters, traces
from tillkeeper.telemetry.facts import Facts
from tillkeeper.telemetry.port import Port

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes count together; prometheus_client has given it this name."""


@contextmanager
def exposed(configured: Settings) -> Iterator[None]:
    """Count what this process does, and show it at the metrics port together with what the database knows."""
    logs.keep(configured.log_file)
    if not configured.metrics_port:
        with traces.sent():
            yield
        return
    registry = CollectorRegistry()
    meters.listen(counters.alone(registry))
    registry.register(Facts(configured))
    try:
        with traces.sent(), Port(registry, configured.metrics_host, configured.metrics_port).open():
            yield
    finally:
        meters.listen(None)


@contextmanager
def shared(configured: Settings) -> Iterator[bool]:
    """Lend a folder to processes that are forked from here, in which they count together; tell whether they do."""
    logs.keep(configured.log_file)
    if not configured.metrics_port:
        yield False
        return
    try:
        folder = tempfile.mkdtemp(prefix="till-metrics-")
    except OSError as error:  # nobody stops taking payments because of it
        logs.worker.warning("metrics_not_shown", reason=error.strerror, next="let TMPDIR be writable")
        yield False
        return
    os.environ[FOLDER] = folder
    try:
        yield True
    finally:
        del os.environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def counted_as(place: str) -> Iterator[None]:
    """Count what this process does in the shared folder, if there is one, where whoever had its place before left off.

    No two processes that are alive may have the same place.
    """
    if FOLDER in os.environ:
        meters.listen(counters.together(place))
    try:
        with traces.sent():
            yield
    finally:
        meters.listen(None)


def show(configured: Settings) -> None:
    """Show what all processes have counted together, until standard input ends."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, os.environ[FOLDER])  # type: ignore[no-untyped-call]  # it says nothing of its types
    registry.register(Facts(configured))
    folder = Path(os.environ[FOLDER])
    with Port(registry, configured.metrics_host, configured.metrics_port).open():
        while os.read(sys.stdin.fileno(), 1):
            pass
    shutil.rmtree(folder, ignore_errors=True)  # whoever lent it is gone
