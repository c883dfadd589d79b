"""`till events out`: the events that were sent to the merchant."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.read import read
from tillkeeper.flows.redeliver import resend as send_again
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.outbox.deliveries import Status
from tillkeeper.reports import webhook_delivery as report

app = typer.Typer(help="The events that were sent to your endpoints.", no_args_is_help=True)
STYLES = {"succeeded": "green", "pending": "yellow", "dead": "bold red", "canceled": "dim"}
STATUSES = ", ".join(Status)
DeliveryId = Annotated[str, typer.Argument(help="The id of one delivery.")]


@app.command("ls")
def find(
    *,
    status: Annotated[str | None, typer.Option(help=f"One of {STATUSES}.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only those to one endpoint.")] = None,
    event: Annotated[str | None, typer.Option(help="Only those of one event.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List deliveries, newest first, with what the receiver said last."""
    if status and status not in set(Status):
        message = f"There is no status “{status}”; choose one of {STATUSES}."
        raise InvalidFieldError(message)
    wanted = report.Filter(
        endpoint=ids.parse("endpoint", endpoint) if endpoint else None,
        event=ids.parse("event", event) if event else None,
        status=status,
        limit=limit,
    )
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, wanted)))
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = found["data"]
    assert isinstance(rows, list), "a page has rows"
    if not rows:
        none_yet = "No deliveries yet. Add an endpoint with POST /api/v1/webhook_endpoints, or try `till listen`."
        typer.echo("No such deliveries." if status or endpoint or event else none_yet)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("created (UTC)", "event", "to", "tries", "what became of it"):
        table.add_column(name, overflow="fold")
    for row in rows:
        said = row["last_error"] or row["last_status"] or ""
        outcome = f"[{STYLES[row['status']]}]{row['status']}[/] {said}"
        created = row["created_at"][:19].replace("T", " ")
        table.add_row(created, f"{row['type']}\n[dim]{row['id']}[/]", row["url"], str(row["tries"]), outcome)
    Console().print(table)


@app.command()
def show(delivery: DeliveryId, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Show one delivery with every try."""
    id_ = ids.parse("delivery", delivery)
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, id_)))
    typer.echo(json.dumps(found, indent=2))


@app.command()
def resend(delivery: DeliveryId, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Send one event again, under the same id."""
    context.with_till(data_dir, lambda till: send_again(till, ids.parse("delivery", delivery)))
    typer.echo(f"{delivery} is sent again; `till events out show {delivery}` says what became of it.")
