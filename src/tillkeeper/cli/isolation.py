"""`till isolation`: a restored copy is kept apart until somebody says that it is the truth now."""

import json
from typing import Annotated

import typer

from tillkeeper.cli import context
from tillkeeper.flows import isolate
from tillkeeper.flows.read import read
from tillkeeper.reports import backups as report

app = typer.Typer(help="Keep a restored copy apart: it calls, sends and sells nothing.", no_args_is_help=True)


@app.command("status")
def show(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Tell whether this database is kept apart, and how far it knows what gateways know."""
    found = context.with_till(data_dir, lambda till: read(till, report.isolation))
    if as_json:
        typer.echo(json.dumps({"isolated": found is not None, **(found or {})}))
        return
    if found is None:
        typer.echo("This database is not kept apart.")
        return
    typer.echo(f"Kept apart since {found['since']}; restored from {found['source']}, as of {found['taken_at'] or '?'}.")
    for gateway, seen in found["caught_up"].items():
        typer.echo(f"{gateway}: asked for everything up to {seen}")
    waiting = f"Waiting: {found['waiting']:,} webhooks, {found['calls']:,} calls to gateways, "
    typer.echo(f"{waiting}{found['deliveries']:,} events to send.")
    typer.echo("Next: when each gateway was asked after that moment and no webhook waits, till isolation release.")


@app.command("keep")
def begin(
    *,
    reason: Annotated[str, typer.Option(help="Where the copy came from.")] = isolate.BY_HAND,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Keep this database apart: for a copy that was restored by other means, before anything is started on it."""
    context.with_till(data_dir, lambda till: isolate.isolate(till, source=reason))
    typer.echo("It is kept apart now. Next: start `till worker`, and look at `till isolation status`.")


@app.command("release")
def end(
    *,
    force: Annotated[bool, typer.Option("--force", help="Also when a gateway could not be asked.")] = False,
    yes: context.Yes = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Let this database call gateways, send events and mail, and take payments again."""
    context.confirm("Is the old database out of service for good? Two that act would do things twice.", yes=yes)
    context.with_till(data_dir, lambda till: isolate.release(till, force=force))
    typer.echo("Released: calls, events and mail go out, and payments are taken.")
