"""Two API hosts behind nginx, configured as `deploy/nginx` has it: one may die at any moment."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.crash.stage import Stage, free_ports
from tests.hosts import programs

from tillkeeper.web.intake import unverified_per_minute_max

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx" / "tillkeeper.conf"
AROUND = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tillkeeper.conf;
}}
"""
BAD_GATEWAY = 502
purchases = 80
OTHER = "127.0.0.2"
"""Another address of this machine, which no proxy of ours has."""


class Fronted(Stage):
    """Serve at two ports, with nginx before them where everybody calls."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ports = dict(zip(("api", "other"), free_ports(2), strict=True))
        self.nginx_port = self.api_port
        self.environment["TILL_TRUSTED_PROXIES"] = "127.0.0.1"

    def words(self, name: str) -> Sequence[str]:
        if name in self.ports:
            return ("serve", "--no-worker", "--port", str(self.ports[name]))
        return super().words(name)

    def configure(self) -> Path:
        """Write the example down with the addresses of this stage."""
        text = EXAMPLE.read_text().replace("listen 80;", f"listen 127.0.0.1:{self.nginx_port};")
        for address, name in (("10.0.0.11:8000", "api"), ("10.0.0.12:8000", "other")):
            assert address in text
            text = text.replace(address, f"127.0.0.1:{self.ports[name]}")
        (self.folder / "tillkeeper.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        file = self.folder / "nginx.conf"
        file.write_text(AROUND.format(folder=self.folder, user=user))
        return file


@pytest.fixture
async def fronted(tmp_path: Path) -> AsyncIterator[Fronted]:
    program = programs.need("nginx", "nginx")
    stage, log = Fronted(tmp_path), tmp_path / "nginx.log"
    try:
        with programs.running([program, "-c", stage.configure(), "-p", tmp_path], log):
            await programs.answers(stage.nginx_port, log)
            await stage.open()
            stage.start("other")
            await stage.await_up(f"http://127.0.0.1:{stage.ports['other']}/ready")
            yield stage
    finally:
        await asyncio.to_thread(stage.close)


async def webhooks(stage: Fronted, client: httpx2.AsyncClient) -> Counter[tuple[str, int]]:
    """Count the gateway's webhooks by what became of them and how often they were sent."""
    listed = (await client.get(f"{stage.sandbox}/_control/webhooks")).json()["data"]
    return Counter((each["state"], each["attempts"]) for each in listed)


@pytest.mark.timeout(300)
async def test_an_api_host_that_dies_under_load_costs_no_webhook_and_doubles_no_payment(fronted: Fronted) -> None:
    crowd = Crowd(fronted, random.Random(3), gone={BAD_GATEWAY})

    async def kill_in_turn() -> None:
        for number, name in enumerate(("api", "other"), start=1):
            await crowd.has_acknowledged(number * purchases // 3)
            fronted.kill(name)
            await asyncio.sleep(1)
            fronted.start(name)
            await fronted.await_up(f"http://127.0.0.1:{fronted.ports[name]}/ready")

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=0.1))
            tasks.create_task(kill_in_turn())
        await converge(fronted, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(fronted, told)
        check_books((await client.get(f"{fronted.sandbox}/_control/books/stripe")).json(), told)
        delivered = await webhooks(fronted, client)
    assert set(delivered) == {("delivered", 1)}, f"the gateway saw a failure: {delivered}"
    assert fronted.run("ledger", "check").returncode == 0


@pytest.mark.timeout(120)
async def test_what_a_caller_says_of_its_address_is_not_believed(fronted: Fronted) -> None:
    elsewhere = httpx2.AsyncHTTPTransport(local_address=OTHER)
    async with httpx2.AsyncClient(transport=elsewhere, timeout=30) as client:
        for number in range(unverified_per_minute_max * 2):
            answer = await client.post(
                f"{fronted.api}/webhooks/stripe", content=b"{}", headers={"X-Forwarded-For": f"198.51.100.{number}"}
            )
            if answer.status_code == 429:
                break
    assert answer.status_code == 429, "whoever invents an address for each call is counted as one"
    assert OTHER in answer.json()["detail"]


@pytest.mark.timeout(120)
async def test_the_answer_to_a_body_that_is_too_large_is_ours(fronted: Fronted) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {fronted.key}", "Content-Type": "application/json", "Idempotency-Key": "x"}
        answer = await client.post(f"{fronted.api}/api/v1/payments", content=b" " * 100_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_the_example_is_told_about_in_the_guide() -> None:
    guide = (EXAMPLE.parents[2] / "docs" / "many-machines.md").read_text()

    assert str(EXAMPLE.relative_to(EXAMPLE.parents[2])) in guide
