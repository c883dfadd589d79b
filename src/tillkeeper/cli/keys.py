"""`till keys`: who may call the API."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper import access
from tillkeeper.cli import context
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.authorize import revoke as end
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import time

app = typer.Typer(help="Who may call the API.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, so that you know it again.")],
    *,
    scopes: Annotated[str, typer.Option(help=f"Any of {', '.join(access.SCOPES)}, with commas.")] = "write",
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Make a secret key; it is shown once and never again."""
    wanted = [scope.strip() for scope in scopes.split(",")]
    id_, key = context.with_till(data_dir, lambda till: issue(till, name, scopes=wanted))
    shown = ids.text("key", id_)
    typer.echo(
        json.dumps({"id": shown, "key": key}) if as_json else f"{key}\n{shown}: keep the key, it is not shown again."
    )


@app.command("ls")
def find(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List keys, without their secrets."""
    rows = context.with_till(data_dir, lambda till: read(till, access.keys))
    data = [
        {
            "id": ids.text("key", row["id"]),
            "name": row["name"],
            "mode": row["mode"],
            "ends_with": row["hint"],
            "scopes": row["scopes"],
            "created_at": time(row["created_at"]),
            "last_used_at": time(row["last_used_at"]),
            "revoked_at": time(row["revoked_at"]),
        }
        for row in rows
    ]
    if as_json:
        typer.echo(json.dumps(data))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "ends_with", "scopes", "last_used_at", "revoked_at"):
        table.add_column(column, overflow="fold")
    for row in data:
        table.add_row(
            *(_cell(row[name]) for name in ("id", "name", "ends_with", "scopes", "last_used_at", "revoked_at"))
        )
    Console().print(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The id of the key.")], *, data_dir: context.DataDir = context.DATA_DIR
) -> None:
    """End a key at once."""
    context.with_till(data_dir, lambda till: end(till, ids.parse("key", key)))
    typer.echo(f"{key} is revoked: the next call with it gets 401.")


def _cell(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")
