"""What most commands need: the settings of this shell, or else those of the demo that runs here."""

import asyncio
import json
import os
import pwd
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tillkeeper import settings
from tillkeeper.audit import Actor
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import clock, ids, logs
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import DatabaseUnavailableError, InvalidFieldError, TillError
from tillkeeper.ops.scenarios import Target
from tillkeeper.settings import Settings
from tillkeeper.till import Till

CHECKOUT = Path(__file__).parents[3]
DataDir = Annotated[Path, typer.Option(help="Where the demo keeps its data.")]
DATA_DIR = CHECKOUT / ".till"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
database_patience_seconds = 60
database_pause_seconds = 1
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")]

Answer = TypeVar("Answer")


class RefusedError(TillError):
    """Report that a gateway said no to what a command asked of it."""

    code = "refused"
    title = "The gateway said no"
    next_step = "Look at it again with the `show` command; the gateway's dashboard says more."


class NothingHereError(TillError):
    """Report that neither settings nor a demo say which installation is meant."""

    code = "no_installation"
    title = "Which installation do you mean?"
    next_step = "Set DATABASE_URL and TILL_SECRET_KEY, or start the demo with `./till demo` first."


def demo(data_dir: Path) -> dict[str, object]:
    """Read what the demo wrote about itself; raises NothingHereError."""
    try:
        found: dict[str, object] = json.loads((data_dir / "demo.json").read_text())
    except (OSError, ValueError) as error:
        message = f"DATABASE_URL is not set, and {data_dir} holds no demo."
        raise NothingHereError(message) from error
    return found


def adopt(data_dir: Path) -> None:
    """Take over the demo's environment, unless this shell has one of its own."""
    if not os.environ.keys() & {"DATABASE_URL", "DATABASE_URL_FILE"}:
        environment = demo(data_dir)["environment"]
        assert isinstance(environment, dict), "the demo writes it so"
        os.environ.update(environment)


def target(data_dir: Path) -> Target:
    """Find the demo's API and sandbox; raises NothingHereError."""
    found = demo(data_dir)
    return Target(api=str(found["api"]), sandbox=str(found["sandbox"]), key=str(found["key"]))


def confirm(question: str, *, yes: bool) -> None:
    """Ask on standard error whether it is meant; end the command when it is not."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def once() -> Wish:
    """Make a key that nobody else has: a command is one intent."""
    return Wish(scope="shell", key=ids.text("command", ids.new()), request_sha=sha256(b"shell"))


def somebody() -> tuple[str, str]:
    """Take the user that the operating system runs this process as for a person; return an id and a name.

    What the environment says of them (LOGNAME, USER) does not count: anybody can write there.
    """
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run as a user without a name
        user = f"uid {uid}"
    return f"cli:{user}", f"{user} (command line)"


async def open_till(configured: Settings) -> Till:
    """Open a till; a database that is still starting or recovering is waited for, as machines start in any order."""
    waited_ms = clock.timer_ms()
    while True:
        try:
            return await Till.open(configured)
        except DatabaseUnavailableError as error:
            if waited_ms() > database_patience_seconds * 1000:
                raise
            logs.worker.warning("database_awaited", detail=error.detail)
            await asyncio.sleep(database_pause_seconds)


def with_till(data_dir: Path, work: Callable[[Till], Awaitable[Answer]]) -> Answer:
    """Open a till, do some work in the name of whoever is logged in on this machine, and close it."""
    id_, name = somebody()

    async def run() -> Answer:
        till = await Till.open(settings.load())
        try:
            return await work(replace(till, by=Actor(id=id_, name=name)))
        finally:
            await till.close()

    adopt(data_dir)
    return asyncio.run(run())


def moment(text: str) -> datetime | None:
    """Read a moment, if one was given; without an offset it is meant in UTC."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"“{text}” is not a moment such as 2026-11-21T10:00:00Z."
        raise InvalidFieldError(message) from error
