"""`till preflight`: GO or NO-GO, with a fix for each finding."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree as ET

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import ExitCode, context
from tillkeeper.cli.doctor import CHECKOUT, STYLES
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.preflight import Looked, State, examine


class Profile(StrEnum):
    """Name what an installation is meant for."""

    PRODUCTION = "production"
    STAGING = "staging"


class FileNotWrittenError(TillError):
    """Report a report that cannot be written where it was wanted."""

    code = "file_not_written"
    title = "The report cannot be written"
    next_step = "Name a file in a folder that exists and that you may write to."


def preflight(
    *,
    profile: Annotated[Profile, typer.Option(help="What it is meant for; staging is without real money.")] = (
        Profile.PRODUCTION
    ),
    junit: Annotated[Path | None, typer.Option(help="Also write the findings there, as JUnit's XML.")] = None,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Look whether this installation may take real money: GO, or NO-GO with a way out of each problem."""
    found = look(profile, data_dir)
    go = is_go(found)
    if junit:
        write_junit(junit, found)
    if as_json:
        typer.echo(json.dumps(described(found), indent=2))
    else:
        show(found)
        typer.echo(verdict(found))
    raise typer.Exit(ExitCode.OK if go else ExitCode.PROBLEMS)


def look(profile: Profile, data_dir: Path) -> list[Looked]:
    """Look at this shell's installation, or else at the demo's."""
    if not os.environ.keys() & {"DATABASE_URL", "DATABASE_URL_FILE"} and (data_dir / "demo.json").is_file():
        context.adopt(data_dir)
    return asyncio.run(examine(CHECKOUT, production=profile is Profile.PRODUCTION))


def is_go(found: Sequence[Looked]) -> bool:
    """Tell whether nothing stands in the way."""
    return not any(each.finding.state is State.PROBLEM for each in found)


def described(found: Sequence[Looked]) -> dict[str, object]:
    """Describe the findings to programs."""
    return {
        "verdict": "go" if is_go(found) else "no_go",
        "problems": sum(each.finding.state is State.PROBLEM for each in found),
        "notes": sum(each.finding.state is State.NOTE for each in found),
        "findings": [{"part": each.part, **asdict(each.finding)} for each in found],
    }


def verdict(found: Sequence[Looked]) -> str:
    """Say it in one line."""
    problems, notes = (sum(each.finding.state is state for each in found) for state in (State.PROBLEM, State.NOTE))
    noted = f"{notes} to think about" if notes else "nothing to think about"
    return f"GO: {noted}." if not problems else f"NO-GO: {problems} to mend, {noted}."


def show(found: Sequence[Looked]) -> None:
    """Print a table by parts, with a line for each fix below its finding."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    part = ""
    for each in found:
        if each.part != part:
            part = each.part
            table.add_row(f"[dim]{part}[/]", "", "")
        finding = each.finding
        table.add_row(f"  {finding.what}", f"[{STYLES[finding.state]}]{finding.state}[/]", escape(finding.found))
        if finding.fix:
            table.add_row("", "", f"[dim]fix:[/] {escape(finding.fix)}")
    Console().print(table)


def write_junit(file: Path, found: Sequence[Looked]) -> None:
    """Write what continuous integration reads: a test for each check; raises FileNotWrittenError."""
    failures = sum(each.finding.state is State.PROBLEM for each in found)
    suite = ET.Element("testsuite", name="till preflight", tests=str(len(found)), failures=str(failures))
    for each in found:
        finding = each.finding
        case = ET.SubElement(suite, "testcase", classname=f"preflight.{each.part}", name=finding.what)
        if finding.state is State.PROBLEM:
            ET.SubElement(case, "failure", message=finding.found).text = finding.fix
        else:
            ET.SubElement(case, "system-out").text = f"{finding.state}: {finding.found} {finding.fix}".strip()
    try:
        ET.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}."
        raise FileNotWrittenError(message) from error
