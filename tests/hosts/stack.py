"""The whole of production on one machine, each part from the file of deploy/ that people copy.

PostgreSQL with TLS and a replica, Redis with three Sentinels, nginx with TLS before two APIs, two Celery workers and
beat, Prometheus with our alerts, and an AlertManager that tells a Slack and a PagerDuty of our own.
`python -m tests.hosts.stack` starts it and waits for Ctrl-C.
"""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.crash.stage import free_ports
from tests.crash.workshop import WORKERS, Workshop
from tests.hosts import programs, redundant
from tests.hosts.redundant import PostgresPair, RedisGroup
from tests.hosts.test_nginx import Fronting
from tests.telemetry.test_delivery import listening, quickened

from tillkeeper.ops import migrations
from tillkeeper.ops.chaos.processes import bury

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
COUNTED = ("api", "other", *WORKERS, "beat")
"""What has a metrics port."""


class Stack(Fronting, Workshop):
    """Hold every part of it."""

    PARTS: tuple[str, ...] = ("sandbox", "api", "other")

    def __init__(self, folder: Path, postgres: PostgresPair, redis: RedisGroup) -> None:
        super().__init__(folder, redis.url)
        self.be_fronted("10r/s")
        self.pair, self.redis = postgres, redis
        self.owner_url = postgres.url("owner_")
        self.metrics = dict(zip(COUNTED, free_ports(len(COUNTED)), strict=True))
        self.prometheus_port, self.manager_port, self.flower_port = free_ports(3)
        self.told: Mapping[str, list[dict[str, Any]]] = {}
        self.environment |= {
            "DATABASE_URL": postgres.url(),
            "DATABASE_OWNER_URL": self.owner_url,
            "TILL_WEBHOOKS_ALLOW_PRIVATE": "1",
        }

    def _begin(self) -> None:
        """Take the pair as it is; its database stands already."""
        migrations.upgrade(self.owner_url, app_role="tillkeeper_app")

    def particulars(self, name: str) -> Mapping[str, str]:
        """Give each process a metrics port of its own, as hosts of their own would have."""
        return {"TILL_METRICS_PORT": str(self.metrics.get(name, 0))}

    def close(self) -> None:
        """End our own parts."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            bury(process)

    def watching(self, ear: str) -> tuple[list[str], list[str]]:
        """Write down how Prometheus and AlertManager are configured, and how they are started.

        Only places differ from the files of deploy/, and seconds stand where minutes do.
        """
        seen, sent = self.folder / "prometheus", self.folder / "alertmanager"
        for each in (seen, sent):
            each.mkdir()
        (sent / "pagerduty").write_text("a routing key")
        (sent / "slack").write_text(f"{ear}/slack")
        places = {
            "/etc/alertmanager/secrets/pagerduty-routing-key": str(sent / "pagerduty"),
            "/etc/alertmanager/secrets/slack-url": str(sent / "slack"),
            "https://events.pagerduty.com": ear,
            "group_wait: 10s": "group_wait: 1s",
            "group_interval: 5m": "group_interval: 1s",
        }
        (sent / "own.yml").write_text(quickened("alertmanager.yml", **places))
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in self.metrics.values())
        where = {
            '"127.0.0.1:8001", "127.0.0.1:8002"': targets,
            "127.0.0.1:9093": f"127.0.0.1:{self.manager_port}",
            "15s": "2s",
        }
        (seen / "own.yml").write_text(quickened("prometheus.yml", **where))
        rules = (PROMETHEUS / "alerts.yml").read_text()
        (seen / "alerts.yml").write_text(re.sub(r"for: \w+", "for: 2s", rules))
        prometheus = programs.need("prometheus", "prometheus")
        manager = programs.need("prometheus-alertmanager", "prometheus-alertmanager")
        return (
            [manager, f"--config.file={sent}/own.yml", f"--storage.path={sent}/kept",
             f"--web.listen-address=127.0.0.1:{self.manager_port}", "--cluster.listen-address="],
            [prometheus, f"--config.file={seen}/own.yml", f"--storage.tsdb.path={seen}/kept",
             f"--web.listen-address=127.0.0.1:{self.prometheus_port}"],
        )  # fmt: skip

    async def firing(self, client: httpx2.AsyncClient) -> set[str]:
        """List the alerts that Prometheus has fired and that are not over."""
        answer = (await client.get(f"http://127.0.0.1:{self.prometheus_port}/api/v1/alerts")).json()
        return {each["labels"]["alertname"] for each in answer["data"]["alerts"] if each["state"] == "firing"}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stack]:
    """Start all of it, and end all of it."""
    nginx, log = programs.need("nginx", "nginx"), folder / "nginx.log"
    (folder / "redis").mkdir()
    async with AsyncExitStack() as parts:
        pair = parts.enter_context(redundant.pair())
        redis = parts.enter_context(RedisGroup(folder / "redis"))
        stack = Stack(folder, pair, redis)
        ear, stack.told = parts.enter_context(listening())
        parts.push_async_callback(asyncio.to_thread, stack.close)
        parts.enter_context(programs.running([nginx, "-c", stack.configure(), "-p", folder], log))
        await programs.answers(stack.nginx_port, log)
        await stack.open()
        manager, prometheus = stack.watching(ear)
        parts.enter_context(programs.running(manager, folder / "alertmanager.log"))
        parts.enter_context(programs.running(prometheus, folder / "prometheus.log"))
        await programs.answers(stack.prometheus_port, folder / "prometheus.log")
        yield stack


async def main() -> None:
    """Stay until somebody presses Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="till-stack-") as folder:
        async with opened(Path(folder)) as stack:
            print(f"API behind nginx   {stack.https}   (certificate {stack.certificate})")  # noqa: T201
            print(f"API key            {stack.key}")  # noqa: T201
            print(f"Sandbox            {stack.sandbox}/_control/docs")  # noqa: T201
            print(f"Prometheus         http://127.0.0.1:{stack.prometheus_port}/alerts")  # noqa: T201
            print(f"AlertManager       http://127.0.0.1:{stack.manager_port}")  # noqa: T201
            print("Ctrl-C stops all of it.")  # noqa: T201
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
