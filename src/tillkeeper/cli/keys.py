"""`till keys`: who may call the API."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper import access
from tillkeeper.access import KeyKind
from tillkeeper.cli import context
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.authorize import revoke as end
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import key as report

app = typer.Typer(help="Who may call the API.", no_args_is_help=True)
COLUMNS = ("id", "name", "kind", "ends_with", "scopes", "last_used_at", "expires_at", "revoked_at")
keys_max = 1_000


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, so that you know it again.")],
    *,
    scopes: Annotated[str, typer.Option(help=f"Any of {', '.join(access.SCOPES)}, with commas.")] = "",
    publishable: Annotated[bool, typer.Option(help="A key that anybody may see: it lists packages.")] = False,
    expires: Annotated[str, typer.Option(help="When it ends, such as 2027-01-31 or 2027-01-31T12:00:00Z.")] = "",
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Make a key; it is shown once and never again. A secret key may write unless you say otherwise."""
    kind = KeyKind.PUBLISHABLE if publishable else KeyKind.SECRET
    wanted = [scope.strip() for scope in (scopes or ("" if publishable else "write")).split(",") if scope.strip()]
    end_at = context.moment(expires)
    made, key = context.with_till(data_dir, lambda till: issue(till, name, scopes=wanted, kind=kind, expires_at=end_at))
    shown = ids.text("key", made)
    typer.echo(
        json.dumps({"id": shown, "key": key}) if as_json else f"{key}\n{shown}: keep the key, it is not shown again."
    )


@app.command("ls")
def find(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List keys, without their secrets."""
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, limit=keys_max)))
    data = found["data"]
    assert isinstance(data, list), "a page has rows"
    if as_json:
        typer.echo(json.dumps(data))
        return
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in data:
        table.add_row(*(_cell(row[name]) for name in COLUMNS))
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
