"""Traces, for those who have the extra and say where to; everybody else loads nothing of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from tillkeeper.kernel import logs, traces

WHERE = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Under these names every program is told where its traces go."""
EXTRA = "pip install 'tillkeeper[otel]'"


@contextmanager
def sent() -> Iterator[None]:
    """Send what is done within to a collector, if one is named; a missing extra is said and stops nobody."""
    if not any(os.environ.get(name) for name in WHERE):
        yield
        return
    try:
        otel = import_module("tillkeeper.telemetry.otel")
    except ModuleNotFoundError as error:
        logs.worker.warning("traces_not_sent", module=error.name, next=EXTRA)
        yield
        return
    sender = otel.Sender()
    traces.listen(sender.send)
    try:
        yield
    finally:
        traces.listen(None)
        sender.close()
