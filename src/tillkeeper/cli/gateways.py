"""`till gateways`: how gateways do, and how they are used."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.read import read
from tillkeeper.flows.steer import steer
from tillkeeper.reports import gateways as report
from tillkeeper.routing import Switch

app = typer.Typer(help="How gateways do, and how they are used.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name of a gateway, such as stripe.")]
COLUMNS = ("gateway", "used", "health", "place", "fee", "opened/h", "p95 ms", "waiting", "webhook (UTC)")
NUMBERS = {"place", "opened/h", "p95 ms", "waiting"}
STYLES = {"on": "green", "draining": "yellow", "off": "bold red", "open": "bold red", "half_open": "yellow"}


@app.command("ls")
def show(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List gateways in the order in which payments are offered to them."""
    found: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, till.gateways)))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["data"]:
        typer.echo("No gateway is configured. Set the variables of one, such as STRIPE_SECRET_KEY; README lists them.")
        return
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=True)
    for each in found["data"]:
        tried = each["attempts"]
        table.add_row(
            each["gateway"],
            _styled(each["switch"]),
            _styled("well" if each["breaker"] == "closed" else each["breaker"]),
            str(each["priority"]),
            _fee(each),
            f"{tried['opened']} of {tried['tried']}",
            str(tried["latency_ms_p95"] or "-"),
            str(each["calls_waiting"]),
            _heard(each["last_webhook_at"]),
        )
    Console().print(table)


@app.command()
def enable(gateway: Name, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Let new payments go through a gateway."""
    _switch(gateway, Switch.ON, data_dir, "takes new payments.")


@app.command()
def drain(gateway: Name, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Send no new payments to a gateway, and finish those it has."""
    _switch(gateway, Switch.DRAINING, data_dir, "takes no new payments; those it has are finished.")


@app.command()
def disable(gateway: Name, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Tell a gateway nothing at all until it is enabled again."""
    _switch(gateway, Switch.OFF, data_dir, f"is told nothing any more; `till gateways enable {gateway}` ends that.")


def _switch(gateway: str, switch: Switch, data_dir: context.DataDir, says: str) -> None:
    context.with_till(data_dir, lambda till: steer(till, gateway, switch=switch))
    typer.echo(f"{gateway} {says}")


def _styled(word: str) -> str:
    return f"[{STYLES[word]}]{word}[/]" if word in STYLES else word


def _heard(at: str | None) -> str:
    return at[:16].replace("T", " ") if at else "never"


def _fee(each: dict[str, Any]) -> str:
    if each["fee_percentage_bps"] is None and each["fee_fixed"] is None:
        return "its own"
    return f"{(each['fee_percentage_bps'] or 0) / 100:g} % + {each['fee_fixed'] or 0}"
