"""`till health`: whether what runs does its work, with a way out of each problem."""

import json
from collections import Counter
from dataclasses import asdict

import typer

from tillkeeper.cli import ExitCode, context
from tillkeeper.cli.doctor import show
from tillkeeper.flows.check_up import check_up
from tillkeeper.reports.findings import Finding, State


def health(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Look whether workers, queues, gateways, backups and promises are as they should be, what is broken first."""
    found, proved = context.with_till(data_dir, check_up)
    violated = sorted({each["name"] for each in proved["data"] if each["violations"]})
    broken = sum(each.state is State.BROKEN for each in found) + len(violated)
    if as_json:
        told = {"broken": broken, "findings": [asdict(each) for each in found], "promises": proved["data"]}
        typer.echo(json.dumps(told, indent=2))
    else:
        show([*_broken_promises(violated), *found])
        warnings = Counter(each.state for each in found)[State.WARNING]
        worth = f" {warnings} worth a look." if warnings else ""
        typer.echo(f"{broken} broken, see the fixes above.{worth}" if broken else f"Everything works.{worth}")
    raise typer.Exit(ExitCode.PROBLEMS if broken else ExitCode.OK)


def _broken_promises(names: list[str]) -> list[Finding]:
    """Name what must always be true and is not."""
    fix = "`till ledger check` says of what; then follow docs/runbooks/invariant-violated.md."
    return [Finding(f"Promise {name}", State.BROKEN, "The last proof found it broken.", fix) for name in names]
