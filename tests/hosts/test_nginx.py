"""Two API hosts behind nginx, configured as `deploy/nginx` has it: one may die at any moment."""

import asyncio
import os
import random
import ssl
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from tests import certificates
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.crash.stage import Stage, free_ports
from tests.hosts import programs

from tillkeeper.web.intake import unverified_per_minute_max

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx" / "tillkeeper.conf"
UPSTREAM = EXAMPLE.with_name("upstream.conf")
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
    include {folder}/conf.d/*.conf;
}}
"""
BAD_GATEWAY = 502
purchases = 80
burst = 20
OTHER, THIRD = "127.0.0.2", "127.0.0.3"
"""Other addresses of this machine, which no proxy of ours has."""
TRUSTED = "127.0.0.1"
"""The address of the proxy, from which somebody else may call as well."""


class Fronting(Stage):
    """Have nginx before a stage where everybody calls: with TLS, and without for those who trust nobody."""

    def be_fronted(self, rate: str) -> None:
        """Serve at two ports behind it."""
        self.rate = rate
        self.ports = dict(zip(("api", "other"), free_ports(2), strict=True))
        self.nginx_port = self.api_port
        self.plain_port, self.tls_port = free_ports(2)
        self.certificate = certificates.certify(x509.IPAddress(ip_address("127.0.0.1")), self.folder / "tls.pem")
        self.https = f"https://127.0.0.1:{self.tls_port}"
        self.environment["TILL_TRUSTED_PROXIES"] = TRUSTED

    def words(self, name: str) -> Sequence[str]:
        if name in self.ports:
            return ("serve", "--no-worker", "--port", str(self.ports[name]))
        return super().words(name)

    def configure(self) -> Path:
        """Write the examples down with the addresses, the certificate and the limit of this stage."""
        changes = {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.tls_port} ssl http2; listen 127.0.0.1:{self.nginx_port};",
            "/etc/nginx/tls/tillkeeper.pem": str(self.certificate),
            "/etc/nginx/tls/tillkeeper.key": str(self.certificate),
            "rate=10r/s": f"rate={self.rate}",
            "10.0.0.11:8000": f"127.0.0.1:{self.ports['api']}",
            "10.0.0.12:8000": f"127.0.0.1:{self.ports['other']}",
        }
        (self.folder / "conf.d").mkdir()
        for example in (EXAMPLE, UPSTREAM):
            text = example.read_text()
            for before, after in changes.items():
                assert before in EXAMPLE.read_text() + UPSTREAM.read_text(), before
                text = text.replace(before, after)
            (self.folder / "conf.d" / example.name).write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        file = self.folder / "nginx.conf"
        file.write_text(AROUND.format(folder=self.folder, user=user))
        return file

    def caller(self, address: str = "127.0.0.1") -> httpx2.AsyncClient:
        """Make what calls over TLS, from one of this machine's addresses."""
        trust = ssl.create_default_context(cafile=self.certificate)
        way = httpx2.AsyncHTTPTransport(local_address=address, verify=trust)
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.AsyncClient(transport=way, timeout=30, base_url=self.https, headers=headers)


class Fronted(Fronting):
    """Hold a stage behind nginx."""

    def __init__(self, folder: Path, rate: str) -> None:
        super().__init__(folder)
        self.be_fronted(rate)


@asynccontextmanager
async def opened(folder: Path, rate: str) -> AsyncIterator[Fronted]:
    program = programs.need("nginx", "nginx")
    stage, log = Fronted(folder, rate), folder / "nginx.log"
    try:
        with programs.running([program, "-c", stage.configure(), "-p", folder], log):
            await programs.answers(stage.nginx_port, log)
            await stage.open()
            stage.start("other")
            await stage.await_up(f"http://127.0.0.1:{stage.ports['other']}/ready")
            yield stage
    finally:
        await asyncio.to_thread(stage.close)


@pytest.fixture
async def fronted(tmp_path: Path) -> AsyncIterator[Fronted]:
    """Let a crowd come from one address."""
    async with opened(tmp_path, "10000r/s") as stage:
        yield stage


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fronted]:
    """Keep the limit of the example."""
    async with opened(tmp_path_factory.mktemp("strict"), "10r/s") as stage:
        yield stage


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
async def test_a_machine_that_is_back_is_asked_at_once_though_each_had_failed(fronted: Fronted) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        for name in fronted.ports:
            fronted.kill(name)
        nobody = await client.post(f"{fronted.api}/webhooks/stripe", content=b"{}")
        async with await asyncio.start_server(answer, "127.0.0.1", fronted.ports["other"]):
            told = [await client.post(f"{fronted.api}/webhooks/stripe", content=b"{}") for _ in range(4)]
    assert nobody.status_code == BAD_GATEWAY
    assert [each.status_code for each in told] == [204] * 4


@pytest.mark.timeout(120)
@pytest.mark.parametrize("own", [OTHER, TRUSTED])
async def test_what_a_caller_says_of_its_address_is_not_believed(strict: Fronted, own: str) -> None:
    elsewhere = httpx2.AsyncHTTPTransport(local_address=own)
    async with httpx2.AsyncClient(transport=elsewhere, timeout=30) as client:
        for number in range(unverified_per_minute_max * 2):
            answer = await client.post(
                f"{strict.api}/webhooks/stripe", content=b"{}", headers={"X-Forwarded-For": f"198.51.100.{number}"}
            )
            if answer.status_code == 429:
                break
    assert answer.status_code == 429, "whoever invents an address for each call is counted as one"
    assert own in answer.json()["detail"]


@pytest.mark.timeout(120)
async def test_the_answer_to_a_body_that_is_too_large_is_ours(strict: Fronted) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {strict.key}", "Content-Type": "application/json", "Idempotency-Key": "x"}
        answer = await client.post(f"{strict.api}/api/v1/payments", content=b" " * 100_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.timeout(120)
async def test_everybody_is_led_to_tls_and_told_to_stay_there(strict: Fronted) -> None:
    async with strict.caller() as client:
        served = await client.get("/health")
        led = await client.post(f"http://127.0.0.1:{strict.plain_port}/api/v1/payments?a=b", content=b"{}")
    assert served.json() == {"status": "alive"}
    assert served.headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]
    for name, value in {"x-content-type-options": "nosniff", "x-frame-options": "DENY"}.items():
        assert served.headers.get_list(name) == [value], "said once, by us or by nginx"
    assert "nginx/" not in served.headers["server"]
    assert (led.status_code, led.headers["location"]) == (308, "https://127.0.0.1/api/v1/payments?a=b")


async def spoken(stage: Fronted, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> str:
    """Tell in which version and with which cipher nginx speaks with somebody who knows no other, or how it refuses."""
    context = ssl.create_default_context(cafile=stage.certificate)
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is what this is about
        context.minimum_version = context.maximum_version = version
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", stage.tls_port, ssl=context)
    except ssl.SSLError as refusal:
        return str(refusal.reason)
    made: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    cipher, *_ = made.cipher() or ("none",)
    return f"{made.version()} {cipher}"


@pytest.mark.timeout(120)
async def test_only_tls_of_today_is_spoken_and_with_new_keys_for_each_connection(strict: Fronted) -> None:
    old = [await spoken(strict, version) for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)]
    assert old == ["TLSV1_ALERT_PROTOCOL_VERSION"] * 2, "it is nginx who does not want to"
    assert (await spoken(strict, ssl.TLSVersion.TLSv1_2)).startswith("TLSv1.2 ECDHE-")
    assert (await spoken(strict, ssl.TLSVersion.TLSv1_3)).startswith("TLSv1.3 TLS_")
    for weak in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "AES256-SHA"):
        refused = await spoken(strict, ssl.TLSVersion.TLSv1_2, f"{weak}:@SECLEVEL=0")
        assert refused == "SSLV3_ALERT_HANDSHAKE_FAILURE", weak
    context = ssl.create_default_context(cafile=strict.certificate)
    _, writer = await asyncio.open_connection("127.0.0.1", strict.tls_port, ssl=context)
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3", "the newest of what both speak"
    writer.close()


@pytest.mark.timeout(120)
async def test_an_address_has_ten_api_calls_a_second_and_webhooks_as_many_as_come(strict: Fronted) -> None:
    async with strict.caller(THIRD) as client:
        posts = [client.post("/webhooks/stripe", content=b"{}") for _ in range(unverified_per_minute_max - 1)]
        told = Counter(answer.status_code for answer in await asyncio.gather(*posts))
        assert told == {400: unverified_per_minute_max - 1}, "more than a burst, and each is looked at"
        answers = await asyncio.gather(*(client.get("/api/v1/packages") for _ in range(3 * burst)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert burst <= len(answers) - len(refused) < 2 * burst
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["x-content-type-options"] == "nosniff"
    assert refused[0].json()["code"] == "rate_limited"
    assert refused[0].json()["retryable"] is True


def test_the_example_is_told_about_in_the_guide() -> None:
    guide = (EXAMPLE.parents[2] / "docs" / "deployment.md").read_text()

    assert str(EXAMPLE.relative_to(EXAMPLE.parents[2])) in guide
