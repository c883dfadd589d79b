"""`till users`: the merchant's own people."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.access.staff import Role
from tillkeeper.cli import context
from tillkeeper.flows import employ
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import staff as report

app = typer.Typer(help="The people of yours who may sign in.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="The address of somebody.")]
COLUMNS = ("id", "email", "role", "second_factor", "seen_at", "disabled_at")


@app.command()
def create(
    email: Email,
    *,
    role: Annotated[Role, typer.Option(help="What somebody does here.")] = Role.VIEWER,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Take somebody in; the password is shown once and never again."""
    made, password = context.with_till(data_dir, lambda till: employ.employ(till, email, role=role))
    shown = ids.text("member", made)
    typer.echo(json.dumps({"id": shown, "email": email, "password": password}) if as_json else password)


@app.command("ls")
def find(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List everybody."""
    found = context.with_till(data_dir, lambda till: read(till, report.find))
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in found:
        table.add_row(*(str(row[name] or "") for name in COLUMNS))
    Console().print(table)


@app.command("set-role")
def set_role(email: Email, role: Role, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Let somebody do something else; every session ends."""
    context.with_till(data_dir, lambda till: employ.set_role(till, email, role))
    typer.echo(f"{email} is {role}, and signed out everywhere.")


@app.command("reset-password")
def reset_password(
    email: Email, *, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR
) -> None:
    """Make a new password, shown once; every session ends, and a second factor has to be set up again."""
    password = context.with_till(data_dir, lambda till: employ.reset_password(till, email))
    typer.echo(json.dumps({"email": email, "password": password}) if as_json else password)


@app.command()
def disable(email: Email, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Let somebody in no more."""
    context.with_till(data_dir, lambda till: employ.disable(till, email))
    typer.echo(f"{email} is signed out everywhere, and let in no more.")
