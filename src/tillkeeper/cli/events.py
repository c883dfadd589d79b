"""`till events`: the webhooks that came."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import inbox

app = typer.Typer(help="The webhooks that came.", no_args_is_help=True)
STYLES = {"processed": "green", "ignored": "dim", "parked": "yellow", "quarantined": "bold red", "dead": "bold red"}


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
    found = context.with_till(
        data_dir,
        lambda till: read(till, lambda tx: inbox.find(tx, status=status, payment=id_, limit=limit)),
    )
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = found["data"]
    assert isinstance(rows, list), "a page has rows"
    if not rows:
        typer.echo("No webhooks yet. `./till trigger pay.success` makes some.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("received (UTC)", "webhook", "arrived", "what became of it"):
        table.add_column(name, overflow="fold")
    for row in rows:
        style = STYLES.get(row["status"], "default")
        outcome = f"[{style}]{row['status']}[/] {row['reason'] or ''}"
        received = row["received_at"][:19].replace("T", " ")
        table.add_row(received, f"{row['gateway']} {row['type']}", f"{row['arrivals']}x", outcome)
    Console().print(table)
