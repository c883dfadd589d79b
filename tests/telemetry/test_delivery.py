"""A real alert goes its whole way: from the metrics port over Prometheus and AlertManager to Slack and PagerDuty."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from tests.hosts.programs import answers, need, running
from tests.telemetry.conftest import free_port

from tillkeeper import telemetry
from tillkeeper.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
patience_seconds = 60
DEAD = """
INSERT INTO inbox_message (id, gateway, event_id, content_sha, type, status, reason, finished_at)
SELECT gen_random_uuid(), 'stripe', 'evt_' || n, sha256(n::text::bytea), 'charge.succeeded', 'dead', 'broken', now()
FROM generate_series(1, 51) AS n
"""


class Ear(BaseHTTPRequestHandler):
    """Take what AlertManager sends, as Slack and PagerDuty would."""

    heard: dict[str, list[dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.setdefault(self.path, []).append(json.loads(body))
        self.send_response(202 if self.path == "/v2/enqueue" else 200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def listening() -> Iterator[tuple[str, dict[str, list[dict[str, Any]]]]]:
    """Listen for as long as the block lasts."""
    heard: dict[str, list[dict[str, Any]]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OurEar", (Ear,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def quickened(name: str, **changes: str) -> str:
    """Take one of our files as it is, but with other places and with seconds where minutes stand."""
    text = (DEPLOY / name).read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.timeout(180)
async def test_a_critical_alert_reaches_slack_and_pagerduty(
    configured: Settings, owner_url: str, tmp_path: Path
) -> None:
    prometheus, manager = need("prometheus", "prometheus"), need("prometheus-alertmanager", "prometheus-alertmanager")
    seen_at, sent_at = free_port(), free_port()
    owner = await asyncpg.connect(owner_url)
    await owner.execute(DEAD)
    await owner.close()
    with listening() as (ear, heard), telemetry.exposed(configured):
        settings = {
            "/etc/alertmanager/secrets/pagerduty-routing-key": f"{tmp_path}/pagerduty",
            "/etc/alertmanager/secrets/slack-url": f"{tmp_path}/slack",
            "https://events.pagerduty.com": ear,
            "group_wait: 10s": "group_wait: 1s",
        }
        (tmp_path / "pagerduty").write_text("a routing key of this test")
        (tmp_path / "slack").write_text(f"{ear}/slack")
        (tmp_path / "alertmanager.yml").write_text(quickened("alertmanager.yml", **settings))
        places = {
            '"127.0.0.1:8001", "127.0.0.1:8002"': f'"127.0.0.1:{configured.metrics_port}"',
            "127.0.0.1:9093": f"127.0.0.1:{sent_at}",
            "15s": "1s",
            "- alerts.yml": f"- {DEPLOY / 'alerts.yml'}",
        }
        (tmp_path / "prometheus.yml").write_text(quickened("prometheus.yml", **places))
        to_send = [manager, f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/sent",
                   f"--web.listen-address=127.0.0.1:{sent_at}", "--cluster.listen-address="]  # fmt: skip
        to_see = [prometheus, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/seen",
                  f"--web.listen-address=127.0.0.1:{seen_at}"]  # fmt: skip
        with running(to_send, tmp_path / "manager.log"):
            await answers(sent_at, tmp_path / "manager.log")
            with running(to_see, tmp_path / "prometheus.log"):
                async with asyncio.timeout(patience_seconds):
                    while len(heard) < 2:  # noqa: ASYNC110 (other processes)
                        await asyncio.sleep(0.2)

    page = heard["/v2/enqueue"][0]
    assert page["routing_key"] == "a routing key of this test"
    assert page["payload"]["severity"] == "critical"
    assert page["payload"]["summary"] == "Webhooks were given up"
    assert page["payload"]["custom_details"]["runbook"] == "docs/runbooks/webhook-dead-letters.md"
    [note] = heard["/slack"][0]["attachments"]
    assert note["title"] == "FIRING: Webhooks were given up"
    assert "51 webhooks are dead or in quarantine" in note["text"]
    assert "Look within 30 min: docs/runbooks/webhook-dead-letters.md" in note["text"]


def test_the_files_that_are_tried_are_those_that_are_read_by_name() -> None:
    assert yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["rule_files"] == ["alerts.yml"]
