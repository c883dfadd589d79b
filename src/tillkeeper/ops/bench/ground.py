"""The ground of a measurement: a PostgreSQL that really writes, a database of its own, and the real processes."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tillkeeper.kernel import clock, trust
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE, EmbeddedPostgres, find_binaries
from tillkeeper.settings import Settings
from tillkeeper.till import Till

HOST = "127.0.0.1"
OURS = ("TILL_", "STRIPE_", "DATABASE_", "MAINTENANCE_MODE", "PAYMENTS_ENABLED")
NOWHERE = f"http://{HOST}:9/stripe"
"""Where no gateway is called while measuring; if one were, it would be heard of."""
MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")
SHOWN_SETTINGS = (
    *("server_version", "fsync", "full_page_writes", "synchronous_commit", "wal_sync_method", "wal_level"),
    *("data_checksums", "shared_buffers", "max_wal_size", "commit_delay", "max_connections"),
)
ready_timeout_seconds = 30
stop_timeout_seconds = 15
poll_ms = 20
log_tail_lines = 8
requests_per_minute_max = 1_000_000
"""Whoever measures asks more often than any one person may."""


class BenchError(TillError):
    """Report a measurement that could not be made."""

    code = "bench_failed"
    title = "The measurement was not made"
    next_step = "Mend what is named above and run `till bench` again; nothing outside its own database was touched."


class NotDurableError(BenchError):
    """Report a PostgreSQL whose commits are not on the disk: its figures would mean nothing."""

    code = "bench_not_durable"
    title = "This PostgreSQL does not wait for the disk"
    next_step = "Set fsync, full_page_writes and synchronous_commit to on, or leave --database-url out."


@dataclass(slots=True, kw_only=True)
class Ground:
    """Hold a migrated database of our own on a durable server, and where its programs and logs are."""

    folder: Path
    binaries: Path
    owner_url: str
    app_url: str
    postgres: EmbeddedPostgres | None
    secret: str
    port: int
    gateway: str = NOWHERE

    @property
    def environment(self) -> dict[str, str]:
        """Name what a process of this installation sees, and nothing of the caller's own installation."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return kept | self._settings()

    def _settings(self) -> dict[str, str]:
        return {
            "TILL_MODE": "sandbox",
            "TILL_PUBLIC_URL": f"http://{HOST}:{self.port}",
            "TILL_SECRET_KEY": self.secret,
            "TILL_USER_REQUESTS_PER_MINUTE_MAX": str(requests_per_minute_max),
            "DATABASE_URL": self.app_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "STRIPE_SECRET_KEY": "sk_test_never_used_while_measuring",
            "STRIPE_WEBHOOK_SECRET": self.secret,
            "STRIPE_API_BASE": self.gateway,
        }

    async def open_till(self) -> Till:
        """Open a till in this process, as the worker does in its own."""
        settings = self._settings()
        return await Till.open(Settings.model_validate(settings), secrets=Secrets(settings))

    def sql(self, text: str) -> str:
        """Run SQL as the owner of the database and return what psql prints."""
        return _psql(self.binaries, self.owner_url, text)

    def count(self, sql: str) -> int:
        """Ask for one number."""
        return int(self.sql(sql) or 0)

    def shown_settings(self) -> dict[str, str]:
        """Read what the server is set to."""
        names = ", ".join(f"'{name}'" for name in SHOWN_SETTINGS)
        lines = self.sql(f"SELECT name || '=' || current_setting(name) FROM pg_settings WHERE name IN ({names})")  # noqa: S608 (constants)
        return dict(sorted(line.split("=", 1) for line in lines.splitlines()))

    @contextmanager
    def process(self, name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a part of the product until the block ends, on a leash so that it never outlives us."""
        running = self.start(name, *words)
        try:
            yield running
        finally:
            end(running)

    def start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a part of the product."""
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tillkeeper", *words, "--leash"],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @contextmanager
    def api(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run one API process without a worker, and wait until it answers."""
        with self.process("api", "serve", "--no-worker", "--host", HOST, "--port", str(self.port)) as running:
            self.await_ready(running)
            yield running

    def await_ready(self, api: subprocess.Popen[bytes]) -> None:
        """Wait until the API answers; raises BenchError with the end of its log."""
        elapsed_ms = clock.timer_ms()
        while elapsed_ms() < ready_timeout_seconds * 1000 and api.poll() is None:
            with suppress(httpx2.HTTPError):
                if httpx2.get(
                    f"http://{HOST}:{self.port}/ready", timeout=2, trust_env=False, verify=trust.authorities()
                ).is_success:
                    return
            clock.pause_ms(poll_ms)
        tail = (self.folder / "api.log").read_text().splitlines()[-log_tail_lines:]
        message = "The API did not become ready. Its log ends with:\n" + "\n".join(tail)
        raise BenchError(message)


@contextmanager
def opened(database_url: str | None) -> Iterator[Ground]:
    """Open a ground on a private PostgreSQL, or on a database that is made for this run on the server named."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="till-bench-")))
        name = f"till_bench_{secrets.token_hex(4)}"
        ground = _embedded(stack, folder, name) if database_url is None else _foreign(stack, folder, name, database_url)
        check_durable(ground.shown_settings())
        migrations.upgrade(ground.owner_url, app_role=APP_ROLE if ground.postgres else None)
        yield ground


def end(running: subprocess.Popen[bytes]) -> None:
    """End a part: politely, then at once."""
    running.terminate()
    try:
        running.wait(stop_timeout_seconds)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.wait()
    if running.stdin:
        running.stdin.close()


def _embedded(stack: ExitStack, folder: Path, name: str) -> Ground:
    postgres = EmbeddedPostgres(folder)
    stack.callback(postgres.destroy)
    postgres.start()
    postgres.databases.create(name)
    return Ground(
        folder=folder,
        binaries=_checked(postgres.databases.binaries),
        owner_url=postgres.databases.owner_url(name),
        app_url=postgres.databases.app_url(name),
        postgres=postgres,
        secret=secrets.token_urlsafe(32),
        port=free_port(),
    )


def _foreign(stack: ExitStack, folder: Path, name: str, url: str) -> Ground:
    """Make a database on somebody's server and drop it at the end; what is in the named one stays untouched."""
    binaries = _checked(find_binaries())
    _psql(binaries, url, f"CREATE DATABASE {name} TEMPLATE template0")
    stack.callback(_psql, binaries, url, f"DROP DATABASE {name} WITH (FORCE)")
    own = urlsplit(url)._replace(path=f"/{name}").geturl()
    return Ground(
        folder=folder,
        binaries=binaries,
        owner_url=own,
        app_url=own,
        postgres=None,
        secret=secrets.token_urlsafe(32),
        port=free_port(),
    )


def _checked(binaries: Path) -> Path:
    """Make sure that the references can be measured with programs of the same build."""
    if not os.access(binaries / "pgbench", os.X_OK) and shutil.which("pgbench") is None:
        message = f"pgbench is not in {binaries}; it measures what the ratios are ratios to."
        raise BenchError(message)
    return binaries


def check_durable(settings: Mapping[str, str]) -> None:
    """Refuse a server whose commits can be lost; raises NotDurableError."""
    off = [name for name in MUST_BE_ON if settings[name] != "on"]
    if off:
        message = f"Off: {', '.join(off)}."
        raise NotDurableError(message)


def _psql(binaries: Path, url: str, text: str) -> str:
    command = [str(binaries / "psql"), "-wXqAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"]
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise BenchError(answer.stderr.strip())
    return answer.stdout.strip()


def free_port() -> int:
    """Find a port on which nobody listens."""
    with closing(socket.create_server((HOST, 0))) as probe:
        port: int = probe.getsockname()[1]
        return port
