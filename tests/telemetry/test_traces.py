"""A payment is one trace, from the call that begins it to the webhook that settles it; and none unless it is wanted."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.web.running import opened

from tillkeeper import telemetry
from tillkeeper.kernel import ids, traces
from tillkeeper.settings import Settings

SILENT = """
import sys
import tillkeeper.cli.serving
from tillkeeper import telemetry
with telemetry.traces.sent():
    pass
found = sys.modules.keys() & {"opentelemetry.sdk", "opentelemetry.exporter", "tillkeeper.telemetry.otel"}
assert not found, found
"""
WITHOUT = """
import sys
sys.modules["opentelemetry.sdk"] = None
from tillkeeper.kernel import logs, traces
from tillkeeper.telemetry.traces import sent
logs.configure()
with sent():
    assert not traces._listeners
"""


class Collector(BaseHTTPRequestHandler):
    """Take spans, as any collector does."""

    spans: list[Any]

    def do_POST(self) -> None:
        """Keep what comes."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = ExportTraceServiceRequest.FromString(body)
        self.spans += [span for whole in told.resource_spans for part in whole.scope_spans for span in part.spans]
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[tuple[str, list[Any]]]:
    """Collect for as long as the block lasts."""
    spans: list[Any] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OurCollector", (Collector,), {"spans": spans}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_purchase_is_one_trace_with_the_id_of_its_payment(
    configured: Settings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as (url, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with telemetry.exposed(configured):
            async with opened(database_url, tmp_path) as shop:
                paid = await shop.buy()
        trace = ids.parse("payment", paid["id"]).bytes
        ours = [span for span in spans if span.trace_id == trace]

        assert {"payment.checkout", "gateway.create", "payment.settle"} <= {span.name for span in ours}
        [first] = [span for span in ours if not span.parent_span_id]
        assert first.name == "payment.checkout"
        assert first.span_id == trace[8:]
        assert {span.parent_span_id for span in ours if span is not first} == {first.span_id}
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in ours)
        told = {attribute.key: attribute.value.string_value for span in ours for attribute in span.attributes}
        assert told == {"till.payment": paid["id"], "gateway": "stripe", "outcome": "accepted"}
    assert not traces._listeners


def test_nothing_of_it_is_loaded_unless_somebody_says_where_to() -> None:
    run(SILENT)


def test_a_missing_extra_is_said_with_what_to_do_and_stops_nobody() -> None:
    told = run(WITHOUT, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    assert "traces_not_sent" in told
    assert "tillkeeper[otel]" in told


def run(program: str, **environment: str) -> str:
    """Run a program in a process of its own; return what it logged."""
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return told.stderr
