"""`till demo`: everything on one machine."""

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tillkeeper.cli import context
from tillkeeper.kernel import clock
from tillkeeper.ops import demo as ops
from tillkeeper.ops.demo import Demo

check_every_ms = 300


def demo(
    *,
    port: Annotated[int, typer.Option(help="The first port to try.", min=1, max=65000)] = 8000,
    data_dir: context.DataDir = context.DATA_DIR,
    reset: Annotated[bool, typer.Option("--reset", help="Start over with a new database.")] = False,
    no_seed: Annotated[bool, typer.Option("--no-seed", help="Let a new database be empty, without a history.")] = False,
) -> None:
    """Start everything on this machine: no keys, no accounts, nothing to configure. Ctrl-C stops all of it."""
    console = Console(highlight=False)
    console.print("[bold]Tillkeeper[/] · sandbox: no real money moves")
    for sign in (signal.SIGTERM, signal.SIGINT):  # a shell starts background jobs with SIGINT ignored
        signal.signal(sign, _interrupt)
    try:
        with (
            console.status("") as status,
            ops.running(
                data_dir.resolve(),
                port=port,
                reset=reset,
                seeded=not no_seed,
                say=lambda what: console.print(f" [green]✔[/] {what}"),
                tell=lambda day, days: status.update(f"writing a history: day {day} of {days}"),
            ) as running,
        ):
            status.stop()
            _show(console, running)
            while True:
                clock.pause_ms(check_every_ms)
                if running.mend():
                    console.print(" PostgreSQL was gone and runs again; nothing committed is lost.")
                running.check()
    except KeyboardInterrupt:
        console.print("\nStopped. The data stays; `./till demo` goes on where you left.")


def _show(console: Console, running: Demo) -> None:
    where = _short(running.data_dir / "demo.json")
    console.print(f" Shop       {running.api}/shop")
    console.print(f" Dashboard  {running.api}/admin   {ops.EMAIL} / {running.password}", soft_wrap=True)
    console.print(f" API docs   {running.api}/docs")
    console.print(f" API key    {running.key}", soft_wrap=True)
    console.print(f" Sandbox    {running.sandbox}/_control/docs")
    console.print(f" All of this stands in {where}")
    console.print(
        ' Next: buy something in the shop and press "Send the webhook twice". Ctrl-C stops all of it.', soft_wrap=True
    )


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
