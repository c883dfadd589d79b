"""`till audit`: who changed what."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper import audit
from tillkeeper.audit import Action
from tillkeeper.cli import context
from tillkeeper.flows.read import read
from tillkeeper.reports import audit as report
from tillkeeper.reports import paging

app = typer.Typer(help="Who changed what.", no_args_is_help=True)
FOUND_PROBLEMS = 4


@app.command("ls")
def find(
    *,
    actor: Annotated[str, typer.Option(help="Only by this key, `cli:` and a user of a machine, or `till`.")] = "",
    action: Annotated[Action | None, typer.Option(help="Only what was done so.")] = None,
    subject: Annotated[str, typer.Option(help="Only what was done to this.")] = "",
    since: Annotated[str, typer.Option(help="Only from then on, such as 2026-11-21.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = paging.limit_default,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List who changed what and why, newest first."""
    wanted = report.Filter(
        actor=actor or None, action=action, subject=subject or None, since=context.moment(since), limit=limit
    )
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, wanted)))
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = found["data"]
    assert isinstance(rows, list), "a page has rows"
    table = Table(box=None, pad_edge=False)
    for name in ("when (UTC)", "who", "what", "to what", "why"):
        table.add_column(name, overflow="fold")
    for row in rows:
        when = row["at"][:19].replace("T", " ")
        table.add_row(
            when, f"{row['actor_name']}\n[dim]{row['actor']}[/]", row["action"], row["subject"], row["reason"]
        )
    Console().print(table)


@app.command()
def check(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Prove that no entry was rewritten or removed."""
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: audit.verify(tx, recent=False)))
    if as_json:
        typer.echo(json.dumps({"ok": not found, "problems": found}))
    else:
        typer.echo("\n".join(found) or "Every entry is as it was written, and none is missing.")
    if found:
        raise typer.Exit(FOUND_PROBLEMS)
