"""`till retain`: forget what was said of payments and deeds of long ago."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows import retain as flow
from tillkeeper.flows.retain import Due
from tillkeeper.till import Till

NAMES = {
    "unpaid": "payments that were never paid",
    "paid": "other payments",
    "audit": "entries of the audit log",
    "lines": "lines of accounts that belong to no payment",
    "webhooks": "webhooks that were applied (`till worker` forgets them each night)",
}


def retain(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be forgotten, and change nothing.")
    ] = False,
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Forget what was said of payments and deeds of long ago, now; `till worker` does it each night.

    Amounts, states, moments and the books stay for ever.
    """
    due = context.with_till(data_dir, flow.preview)
    if dry_run:
        _show(due, as_json=as_json)
        return
    total = sum(each.count for each in due if each.what != "webhooks")
    if total:
        context.confirm(f"Forget what was said in {total:,} records, for ever?", yes=yes)
    done = context.with_till(data_dir, _all)
    typer.echo(
        json.dumps({"forgotten": done}) if as_json else f"{done:,} records lost their words; their numbers stay."
    )


async def _all(till: Till) -> int:
    done = 0
    while count := await flow.retain(till):
        done += count
        typer.echo(f"{done:,} done", err=True)
    return done


def _show(due: list[Due], *, as_json: bool) -> None:
    if as_json:
        told = [{"what": each.what, "before": each.before.isoformat(), "count": each.count} for each in due]
        typer.echo(json.dumps({"data": told}, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("what", "from before", "due"):
        table.add_column(name, justify="right" if name == "due" else "left")
    for each in due:
        table.add_row(NAMES[each.what], f"{each.before:%Y-%m-%d}", f"{each.count:,}")
    Console().print(table)
