"""`till maintenance`: whether new payments are kept waiting."""

import json
from typing import Annotated

import typer

from tillkeeper.cli import context
from tillkeeper.flows import maintain
from tillkeeper.flows.read import read
from tillkeeper.routing import Maintenance

app = typer.Typer(help="Keep new payments waiting for a while; everything else goes on.", no_args_is_help=True)


@app.command("on")
def begin(
    *,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever asks.")] = None,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Keep new payments waiting: 503 and Retry-After. Webhooks, refunds and everything else go on."""
    found = context.with_till(data_dir, lambda till: maintain.maintain(till, active=True, reason=reason))
    _say(found)


@app.command("off")
def end(*, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Take new payments again."""
    found = context.with_till(data_dir, lambda till: maintain.maintain(till, active=False, reason=None))
    _say(found)


@app.command("status")
def show(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Tell whether new payments are kept waiting, and why."""
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: maintain.state(tx, till)))
    if as_json:
        typer.echo(json.dumps({"active": found.active, "reason": found.reason, "changed_by": found.changed_by}))
        return
    _say(found)


def _say(found: Maintenance) -> None:
    if not found.active:
        typer.echo("New payments are taken.")
        return
    why = f" ({found.reason})" if found.reason else ""
    who = f", says {found.changed_by}" if found.changed_by else ""
    typer.echo(f"New payments are kept waiting{who}{why}. Next: till maintenance off.")
