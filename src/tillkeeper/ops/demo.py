"""The demo: everything on one machine, with no keys and nothing to configure."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tillkeeper import catalog, gateways, routing
from tillkeeper.access import UnauthenticatedError, staff
from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import authorize, issue
from tillkeeper.flows.employ import employ, reset_password
from tillkeeper.flows.guard import Listing, put_on_list
from tillkeeper.flows.offer import stock
from tillkeeper.flows.read import read
from tillkeeper.flows.steer import steer
from tillkeeper.fulfilment import packs
from tillkeeper.kernel import clock, logs, loop, trust
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations, scenarios
from tillkeeper.ops.embedded_postgres import APP_ROLE, EmbeddedPostgres
from tillkeeper.ops.seed import Ground, Progress, sow
from tillkeeper.ops.seed.plan import DAYS, PAYMENTS
from tillkeeper.risk import Side, Trait
from tillkeeper.settings import Settings
from tillkeeper.till import Till

DATABASE = "till"
HOST = "127.0.0.1"
ports_tried_max = 50
PREFERRED = ("stripe", "razorpay", "paypal", "square")
"""The order in which payments are offered to gateways until somebody decides otherwise; others come after them."""
FRIENDS = ("ana", "ben", "selftest")
"""Who plays with the demo, and buys as nobody does: they are never held up, and everybody else is judged."""
EMAIL = "admin@local"
"""Who may sign in to the dashboard of a demo."""
PASSWORD = "password"  # noqa: S105 (where it stands in secrets.json, not the password)
PRIORITY_STEP = 10
METRICS_PORT_DISTANCE = 1
SANDBOX_PORT_DISTANCE = 10
UNFINISHED = "unfinished"
"""A file that is there until a new installation is whole: who finds it at the start was killed over it."""
ready_timeout_seconds = 60
stop_timeout_seconds = 15
log_tail_lines = 12

Say = Callable[[str], None]


class DemoError(TillError):
    """Report a demo that could not start or go on."""

    code = "demo_failed"
    title = "The demo stopped"
    next_step = "Look at the log named above; `./till demo --reset` starts over, `./till doctor` looks for causes."


@dataclass(slots=True)
class Demo:
    """Hold a running demo: where it serves, and the processes that do."""

    data_dir: Path
    postgres: EmbeddedPostgres
    environment: dict[str, str]
    api: str
    sandbox: str
    metrics: str
    key: str = ""
    password: str = ""
    selftest: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def database_url(self) -> str:
        """Name the application's database."""
        return self.postgres.databases.app_url(DATABASE)

    def described(self) -> dict[str, object]:
        """List what scripts need, as demo.json holds it."""
        return {
            "api": self.api,
            "shop": f"{self.api}/shop",
            "admin": f"{self.api}/admin",
            "docs": f"{self.api}/docs",
            "sandbox": self.sandbox,
            "metrics": self.metrics,
            "key": self.key,
            "login": {"email": EMAIL, "password": self.password},
            "database_url": self.database_url,
            "environment": self.environment,
        }

    def check(self) -> None:
        """Raise DemoError when a part has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                message = f"{name} ended with code {process.returncode}. Its log, {self.log(name)}, ends with:\n"
                raise DemoError(message + "\n".join(self.log(name).read_text().splitlines()[-log_tail_lines:]))

    def mend(self) -> bool:
        """Start PostgreSQL again when it was killed; true when it was."""
        if self.postgres.pid is not None:
            return False
        self.postgres.start()
        return True

    def log(self, name: str) -> Path:
        """Name the log of a part."""
        return self.data_dir / f"{name}.log"


@contextmanager
def running(data_dir: Path, *, port: int, reset: bool, seeded: bool, say: Say, tell: Progress) -> Iterator[Demo]:
    """Start everything, buy something to prove that it works, and stop it all at the end.

    A new installation gets a history first, when it is to be `seeded`; one that was killed over it starts over.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_dir / "serve.log").touch(mode=0o600)
        (data_dir / "sandbox.log").touch(mode=0o600)
    except OSError as error:
        message = f"The data folder {data_dir} cannot be used: {error.strerror}."
        raise DemoError(message) from error
    fresh = reset or not (data_dir / "secrets.json").exists() or (data_dir / UNFINISHED).exists()
    if fresh:
        # Without its secrets a database could not be read: whoever removed the folder meant all of it. And what has
        # half a history cannot be told from what has a whole one, so it is not gone on with.
        EmbeddedPostgres(data_dir).destroy()
        for name in ("sandbox", "demo.json", "secrets.json"):
            _remove(data_dir / name)
        (data_dir / UNFINISHED).touch(mode=0o600)
    with ExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(data_dir))
        say("postgres")
        postgres.databases.create(DATABASE)
        owner_url = postgres.databases.owner_url(DATABASE)
        done = migrations.upgrade(owner_url, app_role=APP_ROLE)
        say(f"{len(done)} migrations" if done else "migrated")
        demo = _prepare(data_dir, postgres, port)
        stack.callback(_stop, demo)
        asyncio.run(_stock(demo))
        say(f"{len(catalog.DEMO) + len(catalog.DEMO_PACKS)} packages for sale")
        _start(demo, "sandbox", "sandbox", "--port", _port_of(demo.sandbox), "--books", str(data_dir / "sandbox"))
        _await(demo, f"{demo.sandbox}/health")
        if fresh and seeded:
            say(f"seeded {DAYS} days, {_seed(demo, tell):,} payments")
        (data_dir / UNFINISHED).unlink(missing_ok=True)
        _start(demo, "serve", "serve", "--port", _port_of(demo.api))
        _await(demo, f"{demo.api}/ready")
        demo.selftest = scenarios.selftest(scenarios.Target(api=demo.api, sandbox=demo.sandbox, key=demo.key))
        say(demo.selftest)
        _write(data_dir / "demo.json", demo.described())
        yield demo


def _prepare(data_dir: Path, postgres: EmbeddedPostgres, port: int) -> Demo:
    """Choose ports and secrets; the secrets stay the same from one start to the next."""
    api_port = _free_port(port)
    metrics_port = _free_port(api_port + METRICS_PORT_DISTANCE)
    sandbox_port = _free_port(max(api_port + SANDBOX_PORT_DISTANCE, metrics_port + 1))
    api, sandbox = f"http://{HOST}:{api_port}", f"http://{HOST}:{sandbox_port}"
    invented = {name: value for stand in gateways.stands() for name, value in stand.invent(sandbox).items()}
    credentials = {name for stand in gateways.stands() for name in stand.variables}
    kept = _kept(data_dir / "secrets.json", {name: invented[name] for name in sorted(credentials)})
    environment = {
        "TILL_MODE": "sandbox",
        "TILL_SHOP": "1",
        "TILL_WEBHOOKS_ALLOW_PRIVATE": "1",
        "TILL_PUBLIC_URL": api,
        "TILL_METRICS_PORT": str(metrics_port),
        "DATABASE_URL": postgres.databases.app_url(DATABASE),
        "DATABASE_OWNER_URL": postgres.databases.owner_url(DATABASE),
        **invented,
        **kept,
    }
    metrics = f"http://{HOST}:{metrics_port}/metrics"
    return Demo(
        data_dir=data_dir, postgres=postgres, environment=environment, api=api, sandbox=sandbox, metrics=metrics
    )


def _seed(demo: Demo, tell: Progress) -> int:
    """Write the history of a new installation, before anybody else works on it; return how many payments it has."""
    ground = Ground(
        environment=demo.environment,
        sandbox=demo.sandbox,
        books=demo.data_dir / "sandbox" / "books.sqlite",
        port=int(_port_of(demo.api)),
    )
    logs.configure("CRITICAL")  # a history has errors on purpose, which would frighten whoever waits for the demo
    try:
        with loop.runner() as runner:
            return runner.run(sow(ground, payments=PAYMENTS, tell=tell))
    finally:
        logs.configure("ERROR")


async def _stock(demo: Demo) -> None:
    """Put the demo catalogue up for sale, and see to a key that works."""
    till = await Till.open(Settings.model_validate(demo.environment), secrets=Secrets(demo.environment))
    try:
        await stock(till, (*catalog.DEMO, *catalog.DEMO_PACKS), packs=packs.DEMO)
        await _prefer(till)
        for user in FRIENDS:
            note = "plays with the demo"
            await put_on_list(till, Listing(side=Side.ALLOW, trait=Trait.USER, value=user, note=note))
        demo.key = str(_read(demo.data_dir / "demo.json").get("key", ""))
        try:
            await authorize(till, demo.key)
        except UnauthenticatedError:
            _, demo.key = await issue(till, "demo", scopes=["admin"])
        demo.password = await _let_in(till, demo.data_dir / "secrets.json")
    finally:
        await till.close()


async def _let_in(till: Till, file: Path) -> str:
    """See to a login that works, the same at each start; one that somebody has changed is replaced by a new one."""
    kept = str(_read(file).get(PASSWORD, ""))
    member = await read(till, lambda tx: staff.look_up(tx, EMAIL))
    if member and kept and not member.disabled_at and await staff.fits(kept, member.password):
        return kept
    made = await reset_password(till, EMAIL) if member else (await employ(till, EMAIL, role=Role.ADMIN))[1]
    _write(file, _read(file) | {PASSWORD: made})
    return made


async def _prefer(till: Till) -> None:
    """Put the gateways in order, unless somebody has done so."""
    states = await read(till, lambda tx: routing.states(tx, list(till.gateways)))
    if len({state.priority for state in states.values()}) == 1:
        for place, name in enumerate(name for name in PREFERRED if name in states):
            await steer(till, name, priority=(place + 1) * PRIORITY_STEP)


def _start(demo: Demo, name: str, *command: str) -> None:
    """Start a part on a leash: it ends when this process does, however that ends."""
    ours = ("TILL_", *(f"{stand.name.upper()}_" for stand in gateways.stands()))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    with demo.log(name).open("ab") as log:
        demo.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "tillkeeper", *command, "--leash"],
            env=environment | demo.environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C goes to this process alone, which then stops the parts in order
        )


def _stop(demo: Demo) -> None:
    for process in reversed(demo.processes.values()):
        process.terminate()
    for process in demo.processes.values():
        try:
            process.wait(stop_timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(demo: Demo, url: str) -> None:
    """Wait until a part answers."""
    read_ms = clock.timer_ms()
    while read_ms() < ready_timeout_seconds * 1000:
        demo.check()
        with suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=2, trust_env=False, verify=trust.authorities()).is_success:
                return
        clock.pause_ms(30)
    message = f"{url} did not answer within {ready_timeout_seconds} s."
    raise DemoError(message)


def _free_port(first: int) -> int:
    """Find the next free port instead of failing on a taken one."""
    for port in range(first, first + ports_tried_max):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    message = f"No port from {first} to {first + ports_tried_max - 1} is free."
    raise DemoError(message)


def _port_of(url: str) -> str:
    return url.rpartition(":")[2]


def _kept(file: Path, invented: Mapping[str, str]) -> dict[str, str]:
    """Make secrets once, and keep them readable by their owner alone; a gateway that is new here gets its own."""
    known = _read(file)
    found = {"TILL_SECRET_KEY": secrets.token_urlsafe(32), **invented}
    found |= {name: str(value) for name, value in known.items() if name in found}
    if known | found != known:
        _write(file, known | found)
    return found


def _read(file: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _write(file: Path, content: Mapping[str, object]) -> None:
    """Write whole or not at all, with mode 0600."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:  # noqa: PTH123 (a file descriptor)
        out.write(json.dumps(content, indent=2) + "\n")
    new.replace(file)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
