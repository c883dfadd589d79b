"""`till import`: take over users, credits and payments of an earlier system."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tillkeeper.cli import ExitCode, context
from tillkeeper.kernel import money
from tillkeeper.ops import importer
from tillkeeper.ops.importer import Manner, Report
from tillkeeper.till import Till

shown_max = 20
quarters = 4


def take_over(
    files: Annotated[list[Path], typer.Argument(help="Files of JSON lines; docs/importing.md says what is in them.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, store nothing, and report.")] = False,
    major_units: Annotated[
        bool, typer.Option("--major-units", help="Amounts of money are written as 1.99, not as 199.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Take over users, credits and payments of an earlier system; the same file twice changes nothing."""
    if not dry_run and not yes:
        typer.confirm("Take this over? `--dry-run` shows what it would be.", abort=True, err=True)
    manner = Manner(dry_run=dry_run, major_units=major_units)

    async def run(till: Till) -> Report:
        with Progress(
            TextColumn("reading"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        ) as progress:
            bar = progress.add_task("reading", total=None)

            def draw(done: int, total: int) -> None:
                progress.update(bar, completed=done, total=total)

            return await importer.take_over(till, files, manner, say=draw if sys.stderr.isatty() else _in_words())

    report = context.with_till(data_dir, run)
    typer.echo(json.dumps(report.as_json(), indent=2) if as_json else _said(report))
    raise typer.Exit(ExitCode.PROBLEMS if report.problems else ExitCode.OK)


def _in_words() -> Callable[[int, int], None]:
    """Tell of every quarter that is done, where no bar can be drawn."""
    told = 0

    def say(done: int, total: int) -> None:
        nonlocal told
        if done * quarters // total > told:
            told = done * quarters // total
            typer.echo(f"{100 * done // total} % read", err=True)

    return say


def _said(report: Report) -> str:
    new = f"{report.fates['user']:,} users and {report.fates['payment']:,} payments"
    counted = f"{report.lines:,} lines: {new} {'would be' if report.dry_run else 'are'} new"
    counted += f", {report.fates['known']:,} were here already, {report.fates['changed']:,} say something else than "
    counted += f"before, {report.fates['refused']:,} are refused."
    lines = [counted, f"Credits {report.credits:,}, owed by users {report.debt:,}."]
    for title, sums in (
        ("Still owed for credits", report.owed),
        ("Captured", report.captured),
        ("Refunded", report.refunded),
    ):
        if sums:
            lines.append(f"{title} {', '.join(money.show(sums[code], code) for code in sorted(sums))}.")
    if report.ignored:
        lines.append(f"Nobody asks for these fields: {', '.join(sorted(report.ignored))}.")
    lines += [f"{each.file}:{each.line}: {each.reason}" for each in report.findings[:shown_max]]
    if report.problems > shown_max:
        lines.append(f"… and {report.problems - shown_max:,} more; --json lists the first {importer.findings_max:,}.")
    if report.dry_run:
        lines.append("Nothing was stored.")
    return "\n".join(lines)
