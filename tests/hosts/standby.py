"""A streaming replica of a stage's PostgreSQL, which can be killed, paused and started again."""

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path

import asyncpg

from tillkeeper.kernel import clock
from tillkeeper.ops.embedded_postgres import APP_ROLE, PORT, SUPERUSER, EmbeddedPostgres

start_seconds_max = 30


class Standby:
    """Run a replica beside a server, as the same user."""

    def __init__(self, server: EmbeddedPostgres, database: str) -> None:
        self.server = server
        self.home = server.home / "standby"
        self.data = self.home / "data"
        self.url = f"postgresql://{APP_ROLE}@/{database}?host={self.home}&port={PORT}"
        self._control_url = f"postgresql://{SUPERUSER}@/{database}?host={self.home}&port={PORT}"
        self._process: subprocess.Popen[bytes] | None = None

    def copy(self) -> None:
        """Copy the server's data, with the note that the copy is to follow it."""
        self.home.mkdir(mode=0o700)
        if self.server.user:
            shutil.chown(self.home, self.server.user.pw_uid, self.server.user.pw_gid)
        source = f"host={self.server.databases.socket_folder} port={PORT} user={SUPERUSER}"
        command = ["pg_basebackup", "-D", str(self.data), "-d", source, "-R", "-X", "stream", "-c", "fast"]
        assert self._spawn(*command).wait() == 0, self.log.read_text()

    @property
    def log(self) -> Path:
        return self.server.home / "standby.log"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        place = f"--unix_socket_directories={self.home}"
        options = [f"--port={PORT}", "--listen_addresses=", "--hot_standby=on", "--wal_receiver_status_interval=1s"]
        self._process = self._spawn("postgres", "-D", str(self.data), place, *options)
        waited_ms = clock.timer_ms()
        while True:
            try:
                await self.ask("SELECT 1")
            except (OSError, asyncpg.PostgresError):
                assert waited_ms() < start_seconds_max * 1000, self.log.read_text()
                await asyncio.sleep(0.1)
            else:
                return

    async def ask(self, sql: str) -> object:
        """Ask it something as its superuser."""
        connection = await asyncpg.connect(self._control_url, timeout=5)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    def kill(self) -> None:
        """End it at once, with all its processes."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def _spawn(self, program: str, *words: str) -> "subprocess.Popen[bytes]":
        user = self.server.user
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.server.binaries / program), *words],
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=[] if user else None,
                umask=0o077,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
