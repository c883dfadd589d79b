"""`till doctor`: what this installation needs, with a fix for each finding."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import ExitCode
from tillkeeper.kernel import clock
from tillkeeper.ops.doctor import Finding, Place, State, examine
from tillkeeper.reports import findings as findings_of_health

widest_name = 24
CHECKOUT = Path(__file__).parents[3]
STYLES = {"ok": "green", "note": "yellow", "warning": "yellow", "problem": "bold red", "broken": "bold red"}


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = CHECKOUT / ".till",
) -> None:
    """Look at what this installation needs and say how to mend what is missing."""
    place = Place(CHECKOUT, data_dir.resolve(), os.environ.get("DATABASE_URL"), clock.now())
    findings = examine(place)
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    if as_json:
        typer.echo(json.dumps({"problems": problems, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        show(findings)
        typer.echo("Nothing stands in the way." if not problems else f"{problems} to mend, see the fixes above.")
    raise typer.Exit(ExitCode.PROBLEMS if problems else ExitCode.OK)


def show(findings: Sequence[Finding | findings_of_health.Finding]) -> None:
    """Print a table, with a line for each fix below its finding."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", max_width=widest_name)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(finding.what, f"[{STYLES[finding.state]}]{finding.state}[/]", finding.found)
        if finding.fix:
            table.add_row("", "", f"[dim]fix:[/] {finding.fix}")
    Console().print(table)
