"""`till smoke`: whether a service that runs answers, takes a payment to its end, and tells of it, once."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import ExitCode, context
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import smoke as ops
from tillkeeper.ops.scenarios import Target
from tillkeeper.ops.smoke import SCRIPTS, Step

STYLES = {"ok": "green", "failed": "bold red", "left out": "yellow"}
ONLY = "Only this: answers, payment, webhooks; may be repeated."


def smoke(
    *,
    only: Annotated[list[str] | None, typer.Option(help=ONLY)] = None,
    gateway: Annotated[list[str] | None, typer.Option(help="Only through this gateway; may be repeated.")] = None,
    url: Annotated[str, typer.Option(help="Where the service is; else TILL_PUBLIC_URL, or else the demo's.")] = "",
    sandbox: Annotated[str, typer.Option(help="Where `till sandbox` is, for a service that is not the demo's.")] = "",
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Try a service that runs: it answers; a payment is paid, delivered, refunded, taken back; events come, once.

    Its key is read from TILL_API_KEY or TILL_API_KEY_FILE, so that it shows in no list of processes.
    """
    unknown = set(only or ()) - set(SCRIPTS)
    if unknown:
        message = f"there is {', '.join(SCRIPTS)}"
        raise typer.BadParameter(message, param_hint="--only")
    steps = ops.run(find(data_dir, url=url, sandbox=sandbox), only or SCRIPTS, gateway or [], _say)
    failed = [step for step in steps if step.failed]
    if as_json:
        shown = {"passed": not failed, "failed": len(failed), "steps": [asdict(step) for step in steps]}
        typer.echo(json.dumps(shown, indent=2))
    else:
        _show(steps)
        typer.echo(f"{len(failed)} of {len(steps)} failed." if failed else "Everything that was tried works.")
    raise typer.Exit(ExitCode.PROBLEMS if failed else ExitCode.OK)


def find(data_dir: Path, *, url: str = "", sandbox: str = "") -> Target:
    """Find the service that is meant: the one that was named, this shell's, or else the demo's."""
    api, key = (url or os.environ.get("TILL_PUBLIC_URL", "")).rstrip("/"), Secrets().get("TILL_API_KEY")
    if not api:
        return context.target(data_dir)
    return Target(api=api, sandbox=sandbox.rstrip("/"), key=key)


def _say(step: Step) -> None:
    typer.echo(f"{step.script}: {step.step}: {step.state}", err=True)


def _show(steps: list[Step]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for step in steps:
        took = f"{step.took_ms:,} ms"
        table.add_row(step.script, step.step, f"[{STYLES[step.state]}]{step.state}[/]", took, escape(step.says))
        if step.failed:
            table.add_row("", "", "", "next", escape(step.next_step))
    Console().print(table)
