"""Redis with Sentinel and PostgreSQL with a replica, from the very files of deploy/, at ports of this machine."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from cryptography import x509
from tests import certificates
from tests.brokers import await_port
from tests.crash.stage import free_ports
from tests.hosts import programs

from tillkeeper.kernel import clock

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BINARIES = Path("/usr/lib/postgresql")
GROUP = "tillkeeper"
sentinels = 3
patience_seconds = 40


def filled_in(file: Path, changes: Mapping[str, str]) -> str:
    """Read a file of deploy/ with other addresses and folders; fails where one of them is not in it."""
    text = file.read_text()
    for before, after in changes.items():
        assert before in text, f"{file.name} has no {before}"
        text = text.replace(before, after)
    return text


class RedisGroup:
    """Run two Redis and three Sentinels that watch them."""

    def __init__(self, folder: Path) -> None:
        self.server = programs.need("redis-server", "redis-server")
        self.sentinel = programs.need("redis-sentinel", "redis-sentinel")
        self.folder = folder
        self.password = "a-password-of-the-test"
        self.ports = free_ports(2)
        self.watching = free_ports(sentinels)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Name the group as CELERY_BROKER_URL does."""
        first, *others = (f"127.0.0.1:{port}" for port in self.watching)
        return ";".join([f"sentinel://:{self.password}@{first}/0", *(f"sentinel://{each}" for each in others)])

    def __enter__(self) -> Self:
        (self.folder / "password.conf").write_text(f"requirepass {self.password}\nmasterauth {self.password}\n")
        for number, port in enumerate(self.ports):
            own = filled_in(DEPLOY / "redis" / "redis.conf", {
                "bind * -::*": "bind 127.0.0.1",
                "port 6379": f"port {port}",
                "/etc/redis/password.conf": str(self.folder / "password.conf"),
                "/var/lib/redis": self._home(port),
            })  # fmt: skip
            self._start(self.server, port, own + f"\nreplicaof 127.0.0.1 {self.ports[0]}\n" * number)
        for port in self.watching:
            watch = f"sentinel monitor {GROUP} 127.0.0.1 {self.ports[0]} 2\nsentinel auth-pass {GROUP} {self.password}"
            told = filled_in(DEPLOY / "redis" / "sentinel.conf", {
                "bind * -::*": "bind 127.0.0.1",
                "port 26379": f"port {port}",
                "/var/lib/redis": self._home(port),
                "sentinel monitor tillkeeper 10.0.0.31 6379 2": watch,
            })  # fmt: skip
            self._start(self.sentinel, port, told)
        self.await_true(lambda: self.ask(self.ports[0], "INFO", "replication").count("state=online") == 1)
        knows = f"num-other-sentinels\n{sentinels - 1}\n"
        self.await_true(
            lambda: all(knows in self.ask(port, "SENTINEL", "MASTER", GROUP) + "\n" for port in self.watching)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def kill(self, port: int) -> None:
        """End one of them as `kill -9` does."""
        self._processes[port].kill()
        self._processes[port].wait()

    def primary(self) -> int:
        """Ask the Sentinels which port is the primary's."""
        return int(self.ask(self.watching[-1], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP).split()[-1])

    def ask(self, port: int, *words: str) -> str:
        """Ask one of them something."""
        known = [] if port in self.watching else ["--no-auth-warning", "-a", self.password]
        command = ["redis-cli", "-p", str(port), *known, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.replace("\r", "").strip()

    def await_true(self, what: Callable[[], bool]) -> int:
        """Wait until something is so; return after how many milliseconds."""
        waited_ms = clock.timer_ms()
        while not what():
            assert waited_ms() < patience_seconds * 1000, (self.folder / "log").read_text()[-2000:]
            clock.pause_ms(100)
        return waited_ms()

    def _home(self, port: int) -> str:
        home = self.folder / str(port)
        home.mkdir(exist_ok=True)
        return str(home)

    def _start(self, program: str, port: int, configuration: str) -> None:
        file = self.folder / f"{port}.conf"
        file.write_text(configuration)
        with (self.folder / "log").open("ab") as log:
            self._processes[port] = subprocess.Popen(
                [program, str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        await_port(port)


class PostgresPair:
    """Run Debian's PostgreSQL 15 as a primary with TLS, and a replica of it."""

    def __init__(self, folder: Path) -> None:
        found = sorted(BINARIES.glob("*/bin/pg_basebackup"))
        if not found:
            pytest.skip("PostgreSQL's own programs are absent: `apt-get install postgresql-15` brings them")
        self.binaries = found[0].parent
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.folder = folder
        self.secrets = folder / "secrets"
        self.certificate = certificates.certify(x509.DNSName("localhost"), folder / "server.pem")
        self.ports = free_ports(2)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def url(self, role: str = "") -> str:
        """Name both of them, of which whoever takes writes is meant, as the secrets do."""
        return (self.secrets / f"database_{role}url").read_text().strip()

    def begin(self) -> None:
        """Make the primary with its roles, and a replica that follows it."""
        hosts = ",".join(f"localhost:{port}" for port in self.ports)
        tls = f"sslmode=verify-full&sslrootcert={self.certificate}&target_session_attrs=primary"
        subprocess.run([DEPLOY / "secrets" / "make", self.secrets, hosts, tls], check=True, capture_output=True)
        self._hand_over(self.certificate, self.secrets)
        first, second = self.ports
        self._run("initdb", "-D", self.data(first), "-U", "postgres", "--data-checksums", "--no-instructions")
        self._configure(first)
        self._start(first)
        self.ask(first, "--file", str(DEPLOY / "postgresql" / "roles.sql"), database="postgres")
        source = (
            f"host=localhost port={first} user=tillkeeper_replica sslmode=verify-full sslrootcert={self.certificate}"
        )
        copy = ("-D", self.data(second), "-d", source, "-R", "-X", "stream", "-c", "fast", "-S", "tillkeeper_replica")
        self._run("pg_basebackup", *copy, PGPASSWORD=(self.secrets / "postgres_replica_password").read_text().strip())
        self._configure(second)
        self._start(second)
        self.await_answer(first, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")

    def wait_for_the_replica(self) -> None:
        """Let each commit wait for the replica, as the example offers to."""
        file = self._configuration(self.ports[0])
        file.write_text(file.read_text().replace("#synchronous_standby_names", "synchronous_standby_names"))
        self._run("pg_ctl", "-D", self.data(self.ports[0]), "reload")
        self.await_answer(self.ports[0], "SELECT sync_state FROM pg_stat_replication", "quorum")

    def promote(self) -> None:
        """Make the replica the primary."""
        self._run("pg_ctl", "-D", self.data(self.ports[1]), "-w", "promote")

    def kill(self, port: int) -> None:
        """End one of them at once, with all its processes."""
        self._processes[port].send_signal(signal.SIGQUIT)
        self._processes[port].wait()

    def close(self) -> None:
        """End both."""
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGQUIT)
            process.wait()

    def ask(self, port: int, *words: str, database: str = "tillkeeper") -> str:
        """Ask one of them something as its superuser, through its socket."""
        where = f"host={self.folder} port={port} user=postgres dbname={database}"
        return self._run("psql", "-wXqAt", "-v", "ON_ERROR_STOP=1", "-d", where, *words, TILL_SECRETS=str(self.secrets))

    def await_answer(self, port: int, sql: str, wanted: str) -> None:
        """Wait until it answers as wanted."""
        waited_ms = clock.timer_ms()
        while self.ask(port, "-c", sql) != wanted:
            assert waited_ms() < patience_seconds * 1000, "".join(
                self.log(each).read_text()[-1500:] for each in self.ports
            )
            clock.pause_ms(100)

    def data(self, port: int) -> str:
        return str(self.folder / f"data-{port}")

    def log(self, port: int) -> Path:
        return self.folder / f"{port}.log"

    @property
    def _environment(self) -> dict[str, str]:
        """Leave out the home of whoever tests: programs of PostgreSQL look for certificates there."""
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder)}

    def _configuration(self, port: int) -> Path:
        return Path(self.data(port)) / "conf.d" / "tillkeeper.conf"

    def _configure(self, port: int) -> None:
        main, own = Path(self.data(port)) / "postgresql.conf", self._configuration(port)
        if not own.exists():
            own.parent.mkdir()
            with main.open("a") as file:
                file.write(f"include_dir = 'conf.d'\nunix_socket_directories = '{self.folder}'\n")
        own.write_text(filled_in(DEPLOY / "postgresql" / "tillkeeper.conf", {
            "listen_addresses = '*'": "listen_addresses = '127.0.0.1'",
            "port = 5432": f"port = {port}",
            "/etc/postgresql/tls/server.crt": str(self.certificate),
            "/etc/postgresql/tls/server.key": str(self.certificate),
        }))  # fmt: skip
        who = {} if self.user else {"peer": "trust"}  # somebody else than root runs it under a name of their own
        hba = filled_in(DEPLOY / "postgresql" / "pg_hba.conf", {"10.0.0.0/24": "127.0.0.1/32", **who})
        (main.parent / "pg_hba.conf").write_text(hba)
        self._hand_over(own.parent, own)

    def _start(self, port: int) -> None:
        with self.log(port).open("ab") as log:
            self._processes[port] = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data(port)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", env=self._environment,
                user=self.user and self.user.pw_uid, group=self.user and self.user.pw_gid,
            )  # fmt: skip
        await_port(port)

    def _run(self, program: str, *words: str, **environment: str) -> str:
        done = subprocess.run(
            [self.binaries / program, *words], capture_output=True, text=True, check=False, cwd="/",
            env={**self._environment, **environment},
            user=self.user and self.user.pw_uid, group=self.user and self.user.pw_gid, umask=0o077,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout.strip()

    def _hand_over(self, *places: Path) -> None:
        """Give what only its owner may read to the user that the server runs as."""
        for place in places:
            place.chmod(0o700 if place.is_dir() else 0o600)
            if self.user:
                for each in (place, *(place.iterdir() if place.is_dir() else ())):
                    shutil.chown(each, self.user.pw_uid, self.user.pw_gid)


@contextmanager
def pair() -> Iterator[PostgresPair]:
    """Run a pair until the block ends, in a folder that the server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="till-pair-") as folder:
        place = Path(folder)
        postgres = PostgresPair(place)
        if postgres.user:
            shutil.chown(place, postgres.user.pw_uid, postgres.user.pw_gid)
        try:
            postgres.begin()
            yield postgres
        finally:
            postgres.close()


async def promoted(postgres: PostgresPair) -> None:
    """Kill the primary, and let the replica take its place."""
    await asyncio.to_thread(postgres.kill, postgres.ports[0])
    await asyncio.to_thread(postgres.promote)
