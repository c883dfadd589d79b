"""`till payments`: look at payments, and ask their gateway about them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.read import read
from tillkeeper.flows.sync import sync as ask_gateway
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import Status
from tillkeeper.reports import payment as report

app = typer.Typer(help="Look at payments, and ask their gateway about them.", no_args_is_help=True)
Payment = Annotated[str, typer.Argument(help="The id of a payment.")]
STYLES = {
    Status.SUCCEEDED: "green",
    Status.OUTCOME_UNKNOWN: "bold red",
    Status.FAILED: "red",
    Status.CANCELED: "dim",
    Status.EXPIRED: "dim",
}


@app.command()
def show(payment: Payment, *, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Show one payment."""
    id_ = ids.parse("payment", payment)
    _print(context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, id_))), as_json=as_json)


@app.command()
def sync(payment: Payment, *, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Ask the gateway what has become of a payment, apply its answer, and show it."""
    id_ = ids.parse("payment", payment)
    _print(context.with_till(data_dir, lambda till: ask_gateway(till, id_)), as_json=as_json)


@app.command("ls")
def find(
    *,
    user: Annotated[str | None, typer.Option(help="Only those of one user.")] = None,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(Status)}.")] = None,
    gateway: Annotated[str | None, typer.Option(help="Only those of one gateway.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List payments, newest first."""
    if status and status not in set(Status):
        message = f"There is no status “{status}”; choose one of {', '.join(Status)}."
        raise InvalidFieldError(message)
    wanted = report.Filter(user=user, status=status, gateway=gateway, limit=limit)
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, wanted)))
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = found["data"]
    assert isinstance(rows, list), "a page has rows"
    if not rows:
        none_yet = "No payments yet. `./till trigger pay.success` makes one."
        typer.echo("No such payments." if user or status or gateway else none_yet)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("created (UTC)", "payment", "amount", "status"):
        table.add_column(name, overflow="fold", justify="right" if name == "amount" else "left")
    for row in rows:
        bought = f"{row['gateway']} {row['package'] or row['description'] or ''}\n[dim]{row['id']}[/]"
        created = row["created_at"][:19].replace("T", " ")
        status_ = f"[{STYLES.get(row['status'], 'default')}]{row['status']}[/]"
        table.add_row(created, bought, money.show(row["amount"], row["currency"]), status_)
    Console().print(table)


def _print(payment: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(payment))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    amounts = {"amount", "amount_captured", "amount_refunded"}
    for name, value in payment.items():
        if name in amounts:
            table.add_row(name, money.show(value, payment["currency"]))
        elif value not in (None, {}, 0):
            table.add_row(name, json.dumps(value) if isinstance(value, dict) else str(value))
    Console(markup=False).print(table)
