"""One PostgreSQL for the whole run, a fresh database for each test, and no network beyond this machine."""

import ipaddress
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests import slices
from tests.laundry import Laundry

from tillkeeper.kernel.db import Database
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE, Databases, EmbeddedPostgres, PostgresInUseError

ORACLES = Path(__file__).parents[2] / "shared" / "oracles"
TEMPLATE = "tillkeeper_template"
FOLDERS = "till-test-"
TOLD = "told"
leftover_age_seconds = 3600
SLICE = "TILL_TEST_SLICE"
DAY = os.environ.get(SLICE, "")
"""The number of a day, which `.ci/run` gives: tests/slices.py says which tests have their turn on it."""

RUNNING = pytest.StashKey[EmbeddedPostgres]()
numbers = itertools.count(1)


# How long an example takes says more about what else the machine does than about the program.
settings.register_profile("till", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("till")


def pytest_configure() -> None:
    """Let no test reach beyond this machine; an audit hook also sees what libraries do."""
    sys.addaudithook(refuse_strangers)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the server and its data."""
    if server := config.stash.get(RUNNING, None):
        server.destroy()
        shutil.rmtree(server.data_dir, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave those out of what runs on every change whose turn is on another day; elsewhere run all of them."""
    if not DAY:
        return
    chosen = slices.on_day((item.nodeid for item in items), int(DAY))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in chosen])
    items[:] = [item for item in items if item.nodeid in chosen]
    os.environ.pop(SLICE, None)  # a test that runs tests runs all of them


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests had to tell, also those that passed in a parallel worker."""
    ended = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    for report in ended:
        for name, text in getattr(report, "user_properties", ()):
            if name == TOLD and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a parallel worker where the one server is."""
    databases = running(node.config)
    node.workerinput["databases"] = (str(databases.binaries), str(databases.socket_folder))


def running(config: pytest.Config) -> Databases:
    """Start the server when it is first needed, with one migrated database to copy from."""
    if RUNNING not in config.stash:
        remove_leftovers()
        server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix=FOLDERS)))
        config.stash[RUNNING] = server
        server.start()
        server.databases.create(TEMPLATE)
        migrations.upgrade(server.databases.owner_url(TEMPLATE), app_role=APP_ROLE)
    return config.stash[RUNNING].databases


def remove_leftovers() -> None:
    """Remove servers of earlier runs that were killed; one that is still in use stays."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        with suppress(PostgresInUseError, OSError):
            if time.time() - folder.stat().st_mtime > leftover_age_seconds:  # noqa: TID251 (the age of a real file)
                EmbeddedPostgres(folder).destroy()
                shutil.rmtree(folder)


def refuse_strangers(event: str, values: tuple[Any, ...]) -> None:
    """Fail whatever connects to, sends to or looks up another machine."""
    if event == "socket.getaddrinfo":
        check_is_local(values[0])
    elif event in {"socket.connect", "socket.sendto"} and isinstance(values[1], tuple):
        check_is_local(values[1][0])


def check_is_local(host: Any) -> None:
    """Accept the loopback addresses, and the empty ones that servers listen on."""
    name = host.decode() if isinstance(host, bytes) else host
    if not isinstance(name, str) or name in {"", "localhost", "0.0.0.0", "::"}:  # noqa: S104 (what servers listen on)
        return
    with suppress(ValueError):
        if ipaddress.ip_address(name).is_loopback:
            return
    message = f"a test tried to reach {name}; tests talk to this machine only"
    raise AssertionError(message)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def async_fixtures(anyio_backend: str) -> None:
    """Let a test that is not async stand on what is, also where it is the first of its file."""
    del anyio_backend


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Lend what prints a sentence at the end of the whole run."""
    return lambda text: record_property(TOLD, text)


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Databases:
    """Lend the server of this run, on which a test can make and copy databases itself."""
    told = getattr(pytestconfig, "workerinput", {}).get("databases")
    return Databases(*map(Path, told)) if told else running(pytestconfig)


@pytest.fixture(scope="session")
def laundry(databases: Databases) -> Laundry:
    return Laundry(databases, TEMPLATE)


@pytest.fixture
def database(laundry: Laundry) -> Iterator[str]:
    """Name a migrated database that belongs to this test alone."""
    name, uses = laundry.take(f"test_{os.getpid()}_{next(numbers)}")
    yield name
    laundry.give_back(name, uses)


@pytest.fixture
def database_url(databases: Databases, database: str) -> str:
    """Name the test's database as the application sees it."""
    return databases.app_url(database)


@pytest.fixture
def owner_url(databases: Databases, database: str) -> str:
    """Name the same database as its owner sees it."""
    return databases.owner_url(database)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """Connect to the test's database as the application does."""
    database = await Database.connect(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def oracles() -> Path:
    """Find the folder of independent judges, which is not part of the project."""
    if not ORACLES.is_dir():
        pytest.skip(f"the oracles are not here: {ORACLES.parent.name}/{ORACLES.name} beside the checkout is absent")
    return ORACLES
