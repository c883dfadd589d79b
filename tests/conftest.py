"""One PostgreSQL for the whole run, a fresh database for each test, and no network beyond this machine."""

import ipaddress
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
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
DAY = os.environ.get(SLICE)
"""The number of a day, which `.ci/run` gives: tests/slices.py says whose turn it is. Empty: all that was asked for."""
FULL = bool(os.environ.get("TILL_TEST_FULL"))
FAILURES = "TILL_TEST_FAILURES"
"""Names a file, into which a line for each failure is written: whether it came late or is final, and of which test."""
LATE, FINAL = "late", "final"
OUT_OF_TIME = {
    "builtins.TimeoutError",
    "httpx2.TimeoutException",
    "playwright._impl._errors.TimeoutError",
    "subprocess.TimeoutExpired",
}
"""What says that time ran out; by their names, for few runs need them all."""

RUNNING = pytest.StashKey[EmbeddedPostgres]()
numbers = itertools.count(1)


# How long an example takes says more about what else the machine does than about the program.
settings.register_profile("till", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("till")


class Failures:
    """The file of those who decide what may be looked at once more."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_text("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down each failure, whichever worker saw it."""
        if report.failed:
            late = any(name == LATE for name, _ in report.user_properties)
            with self.file.open("a") as file:
                file.write(f"{LATE if late else FINAL} {report.nodeid}\n")


def pytest_configure(config: pytest.Config) -> None:
    """Let no test reach beyond this machine; an audit hook also sees what libraries do."""
    sys.addaudithook(refuse_strangers)
    if file := os.environ.pop(FAILURES, ""):  # neither a worker nor a test that runs tests writes there
        config.pluginmanager.register(Failures(Path(file)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the server and its data."""
    if server := config.stash.get(RUNNING, None):
        server.destroy()
        shutil.rmtree(server.data_dir, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has its turn on another day; a run by hand leaves out only cases that are many and not named."""
    tests = [item.nodeid for item in items]
    os.environ[SLICE] = ""  # a test that runs tests runs all that it asks for
    if DAY:
        chosen = slices.on_day(tests, int(DAY))
    elif DAY is None and not FULL and not names_tests(config):
        chosen = slices.by_hand(tests, slices.today())
    else:
        return
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in chosen])
    items[:] = [item for item in items if item.nodeid in chosen]


def names_tests(config: pytest.Config) -> bool:
    """Tell whether a run was asked for tests by file, by name or because they failed, and not for whole folders."""
    return bool(
        config.option.keyword or config.getoption("lf", default=False) or any(".py" in place for place in config.args)
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark the report of what failed because time ran out, where the error itself is still at hand."""
    report = yield
    if call.excinfo and is_late(call.excinfo.value):
        report.user_properties.append((LATE, True))
    return report


def is_late(error: BaseException) -> bool:
    """Tell whether time ran out and no check had failed, neither beside it nor before it while doors were closing."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_late, error.exceptions))
    if any(isinstance(each, AssertionError) for each in before(error)):
        return False
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    stopped = isinstance(error, pytest.fail.Exception) and str(error).endswith("from pytest-timeout.")
    return stopped or bool(kinds & OUT_OF_TIME)


def before(error: BaseException) -> Iterator[BaseException]:
    """List what was being dealt with when an error came."""
    while error.__context__:
        error = error.__context__
        yield error


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
