"""`till report`: what came in, went back and was earned, by day or by month."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.read import read_settled
from tillkeeper.kernel import clock, money
from tillkeeper.reports import periods, sheet
from tillkeeper.reports.periods import Step

SHOWN = ("captured", "refunded", "fees", "net", "earned")


def report(
    step: Annotated[Step, typer.Argument(help="By day or by month, in UTC.")],
    *,
    first: Annotated[str, typer.Option("--from", help="The first day or month: 2026-11-01, 2026-11.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last day or month, inclusive.")] = "",
    recorded_before: Annotated[str, typer.Option(help="As the books were then: the same figures again.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Show what each gateway, currency and package brought by day or by month, from the books."""
    since, until = periods.bounds(step, first or None, last or None, clock.now())
    cut = context.moment(recorded_before)
    found = context.with_till(
        data_dir,
        lambda till: read_settled(
            till, lambda tx, known: periods.show(tx, step, since, until, known), recorded_before=cut
        ),
    )
    if as_json:
        typer.echo(json.dumps(found))
    elif as_csv:
        typer.echo(sheet.lines(periods.COLUMNS, _rows(found)), nl=False)
    else:
        _print(found)


def _print(found: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("period, and of what", overflow="fold")
    for name in SHOWN:
        table.add_column(name, justify="right", no_wrap=True)
    rows = [row for row in _rows(found) if any(row[name] for name in (*SHOWN, "disputed"))]
    for row in rows:
        of = f"{row['gateway'] or 'no gateway'} {row['package'] or 'no package'}"
        amounts = [money.show(row[name], row["currency"]) for name in SHOWN]
        table.add_row(f"{row['period']}  {row['payments']}x\n[dim]{escape(of)}[/]", *amounts)
    if rows:
        Console().print(table)
    typer.echo(f"Nothing moved from {found['from']} to {found['to']}." if not rows else _again(found))


def _again(found: Mapping[str, Any]) -> str:
    return f"The same figures again: --recorded-before {found['recorded_before']}"


def _rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found["data"]
    return rows
