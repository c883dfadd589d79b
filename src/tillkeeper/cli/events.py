"""`till events`: the webhooks that came."""

import json
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import ExitCode, context, deliveries
from tillkeeper.flows.read import read
from tillkeeper.flows.replay import replay as replay_one
from tillkeeper.flows.replay import replay_all
from tillkeeper.inbox import Selection
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import inbox

app = typer.Typer(help="The webhooks that came.", no_args_is_help=True)
app.add_typer(deliveries.app, name="out")
STYLES = {"processed": "green", "ignored": "dim", "parked": "yellow", "quarantined": "bold red", "dead": "bold red"}


@app.command()
def replay(
    message: Annotated[str, typer.Argument(help="The id of one webhook.")] = "",
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Every dead letter and quarantined webhook.")] = False,
    since: Annotated[str, typer.Option(help="Only those of the last while, such as 2h or 3d.")] = "30d",
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Work on webhooks again; an effect that one had already is not repeated."""
    if bool(message) == failed:
        typer.echo("Name one webhook, or say --failed. `till events ls --status dead` lists candidates.", err=True)
        raise typer.Exit(ExitCode.USAGE)
    if message:
        context.with_till(data_dir, lambda till: replay_one(till, ids.parse("message", message)))
        typer.echo(f"{message} is worked on again; `till events ls` says what became of it.")
        return
    selection = Selection(statuses=("dead", "quarantined"), since=clock.now() - _span(since))
    count = context.with_till(data_dir, lambda till: replay_all(till, selection))
    typer.echo(f"{count} webhooks are worked on again; `till events ls` says what became of them.")


@app.command()
def show(
    message: Annotated[str, typer.Argument(help="The id of one webhook.")],
    *,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Show one webhook: what came, how often, and what became of it."""
    id_ = ids.parse("message", message)
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: inbox.show(tx, id_)))
    typer.echo(json.dumps(found, indent=2))


def _span(text: str) -> timedelta:
    """Read a span such as 90m, 2h or 3d."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdigit() and text[-1:] in units:
        return timedelta(**{units[text[-1]]: int(text[:-1])})
    message = f"“{text}” is not a span such as 90m, 2h or 3d."
    raise InvalidFieldError(message)


@app.command("ls")
def find(
    *,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(inbox.STATUSES)}.")] = None,
    payment: Annotated[str | None, typer.Option(help="Only those of one payment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List webhooks, newest first, with how often each arrived and what became of it."""
    if status and status not in inbox.STATUSES:
        message = f"There is no status “{status}”; choose one of {', '.join(inbox.STATUSES)}."
        raise InvalidFieldError(message)
    id_ = ids.parse("payment", payment) if payment else None
    wanted = inbox.Filter(status=status, payment=id_, limit=limit)
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: inbox.find(tx, wanted)))
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = found["data"]
    assert isinstance(rows, list), "a page has rows"
    if not rows:
        none_yet = "No webhooks yet. `./till trigger pay.success` makes some."
        typer.echo("No such webhooks." if status or payment else none_yet)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("received (UTC)", "webhook", "arrived", "what became of it"):
        table.add_column(name, overflow="fold")
    for row in rows:
        style = STYLES.get(row["status"], "default")
        outcome = f"[{style}]{row['status']}[/] {row['reason'] or ''}"
        received = row["received_at"][:19].replace("T", " ")
        came = f"{row['gateway']} {row['type']}\n[dim]{row['id']}[/]"
        table.add_row(received, came, f"{row['arrivals']}x", outcome)
    Console().print(table)
