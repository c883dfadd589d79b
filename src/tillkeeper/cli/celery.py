"""`till celery`: workers on many machines, what wakes them, and a look at them."""

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from importlib import import_module
from ipaddress import ip_address
from typing import Annotated, Any

import typer

from tillkeeper import settings, telemetry
from tillkeeper.cli import crew
from tillkeeper.cli.context import open_till
from tillkeeper.kernel import logs, loop
from tillkeeper.kernel.errors import DatabaseUnavailableError, TillError
from tillkeeper.schedules import Kind
from tillkeeper.settings import Settings, SettingsError
from tillkeeper.till import Till
from tillkeeper.worker.loop import work

QUEUES = "till,till.calls"
beat_connections_max = 2
Leash = Annotated[bool, typer.Option("--leash", hidden=True, help="Stop when standard input closes.")]
app = typer.Typer(help="Work on many machines, woken through Redis or RabbitMQ.", no_args_is_help=True)


class MissingExtraError(TillError):
    """Report that Celery is not installed."""

    code = "missing_extra"
    title = "Celery is not installed"
    next_step = "Install the extra: `pip install 'tillkeeper[celery]'`. `till worker` needs none of it."


class OpenDoorError(TillError):
    """Report a page that strangers could reach without a password."""

    code = "open_door"
    title = "Flower would be open to everybody"
    next_step = "Leave --address out, or set FLOWER_BASIC_AUTH=user:password and put TLS before it."


@app.command()
def worker(
    *,
    concurrency: Annotated[int, typer.Option(help="How many processes; 0 is TILL_CELERY_CONCURRENCY.", min=0)] = 0,
    queues: Annotated[str, typer.Option(help="What to work on: the database, calls to others, or both.")] = QUEUES,
    leash: Leash = False,
) -> None:
    """Run a worker: the same jobs as `till worker`, woken by messages. SIGTERM lets it finish what is under way."""
    if not set(queues.split(",")) <= set(QUEUES.split(",")):
        message = f"there is {QUEUES.replace(',', ' and ')}"
        raise typer.BadParameter(message, param_hint="--queues")
    celery_app, configured = _connected()
    asyncio.run(_look(configured))
    with telemetry.shared(configured) as counting, crew.beside(partial(telemetry.show, configured), wanted=counting):
        if leash:
            threading.Thread(target=_hold, daemon=True).start()
        running = celery_app.app.Worker(
            concurrency=concurrency or configured.celery_concurrency,
            pool="prefork",
            queues=queues,
            hostname=f"till-{os.getpid()}@%h",
            without_gossip=True,
            without_mingle=True,
            quiet=True,
        )
        running.start()
    asyncio.run(_end(celery_app.child.pulse, configured))
    raise SystemExit(running.exitcode or 0)


@app.command()
def beat(*, leash: Leash = False) -> None:
    """Wake the workers: at once when webhooks come, and by the clock. Several may run; the work is done once."""
    celery_app, configured = _connected()
    with telemetry.exposed(configured), loop.runner() as runner:
        runner.run(_beat(celery_app, configured, leash=leash))


@app.command()
def flower(
    *,
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 5555,
    address: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    leash: Leash = False,
) -> None:
    """Look at workers and tasks in a browser."""
    if not _is_loopback(address) and not os.environ.get("FLOWER_BASIC_AUTH"):
        message = f"It would listen on {address}, and FLOWER_BASIC_AUTH is not set: whoever finds it can stop workers."
        raise OpenDoorError(message)
    celery_app, _ = _connected()
    if leash:
        threading.Thread(target=_hold, daemon=True).start()
    celery_app.app.start(["flower", f"--port={port}", f"--address={address}"])


def _connected() -> tuple[Any, Settings]:
    """Find Celery and its broker; raises MissingExtraError or SettingsError."""
    logs.configure()
    configured = settings.load()
    if not configured.broker_url:
        message = "CELERY_BROKER_URL is not set, nor REDIS_URL: nobody would wake the workers."
        raise SettingsError(message)
    try:
        celery_app = import_module("tillkeeper.worker.celery_app")
    except ModuleNotFoundError as error:
        message = f"There is no module {error.name}."
        raise MissingExtraError(message) from error
    logging.captureWarnings(capture=True)
    celery_app.connect(configured)
    return celery_app, configured


async def _look(configured: Settings) -> None:
    """Find out before any process is made whether it could work, and wait for a database that is starting."""
    await (await open_till(configured)).close()


async def _end(pulse: Any, configured: Settings) -> None:
    """Say that the worker has ended, unless the database is away."""
    with suppress(DatabaseUnavailableError):
        till = await Till.open(configured)
        await pulse.end(till)
        await till.close()


async def _beat(celery_app: Any, configured: Settings, *, leash: bool) -> None:
    till = await open_till(configured.model_copy(update={"database_connections_max": beat_connections_max}))
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(sign, stop.set)
    if leash:
        threading.Thread(target=_hold, daemon=True).start()
    try:
        await work(till, stop, celery_app.nudges_for(till.gateways), kind=Kind.BEAT)
    finally:
        await till.close()


def _hold() -> None:
    """Stop when whoever holds the other end of standard input is gone."""
    while os.read(sys.stdin.fileno(), 1):  # the buffer of sys.stdin has a lock, which a child would inherit
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
