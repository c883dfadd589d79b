"""`till backup`, `till restore` and `till restore-drill`: what is there when everything else is gone."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tillkeeper import backups, settings
from tillkeeper.backups import Check, Facts, Report
from tillkeeper.cli import ExitCode, context
from tillkeeper.flows import back_up as writing
from tillkeeper.flows.drill import drill
from tillkeeper.flows.restore import restore as bring_back
from tillkeeper.flows.restore import try_keys
from tillkeeper.flows.unseal import Keys
from tillkeeper.kernel import clock
from tillkeeper.kernel.postgres_programs import Address
from tillkeeper.kernel.secrets import Secrets

MEGABYTE = 1_000_000
told_every_bytes = 100 * MEGABYTE
minute_seconds = 60
hour_seconds = 3_600
ms = 1_000


def backup(
    *,
    keep: Annotated[
        int | None, typer.Option(help="How many backups stay, this one among them; else TILL_BACKUPS_KEPT.", min=1)
    ] = None,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Write the whole database into an encrypted file in BACKUP_PATH, and read it again to prove it."""
    made = context.with_till(data_dir, lambda till: writing.back_up(till, keep=keep, say=_progress()))
    if as_json:
        typer.echo(json.dumps({**made.manifest(), "path": str(made.path), "removed": list(made.removed)}, indent=2))
        return
    typer.echo(f"{made.path}")
    typer.echo(f"{_size(made.size)}, {made.facts.rows:,} rows, proved; {made.took_ms / ms:.1f} s")
    if made.removed:
        typer.echo(f"Removed, as the oldest: {', '.join(made.removed)}")
    typer.echo("Next: copy it to another machine, and try it with `till restore-drill`.")


def restore_drill(
    file: Annotated[str | None, typer.Argument(help="A backup, by name or path; else the newest.")] = None,
    *,
    snapshot: Annotated[bool, typer.Option(help="First back up the present state.")] = True,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Restore a backup into a database of its own, prove it, drop it again, and say how long that took."""
    report = context.with_till(data_dir, lambda till: drill(till, file=file, snapshot=snapshot, say=_progress()))
    typer.echo(json.dumps(report.written(), indent=2) if as_json else _told(report))
    raise typer.Exit(ExitCode.OK if report.passed else ExitCode.PROBLEMS)


def restore(
    file: Annotated[str, typer.Argument(help="A backup, by name or path.")],
    *,
    into: Annotated[str, typer.Option(help="URL of a database that is empty or does not exist, for the owner's role.")],
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Make a database out of a backup; it is kept apart until `till isolation release`."""
    context.adopt(data_dir)
    configured = settings.load()
    secrets = Secrets()
    vault = backups.needed(backups.open_vault(configured, secrets))
    path = vault.choose(file)
    facts, place = backups.facts_of(path), Address.of(into)
    question = f"Restore {facts.rows:,} rows of {facts.taken_at:%Y-%m-%d %H:%M:%S} UTC into {place.url}?"
    context.confirm(question, yes=yes)
    elapsed_ms = clock.timer_ms()
    asyncio.run(bring_back(vault, path, into, now=clock.now(), say=_progress()))
    took_ms = elapsed_ms()
    sealed = asyncio.run(try_keys(into, Keys.read(configured.secret_key, secrets)))
    _say_restored(path, facts, took_ms, sealed, as_json=as_json)
    raise typer.Exit(ExitCode.OK if sealed.ok else ExitCode.PROBLEMS)


def _say_restored(path: Path, facts: Facts, took_ms: int, sealed: Check, *, as_json: bool) -> None:
    if as_json:
        told = {"file": path.name, "rows": facts.rows, "taken_at": facts.taken_at.isoformat(), "took_ms": took_ms}
        typer.echo(json.dumps({**told, "sealed": sealed.found}))
        return
    moment = f"{facts.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    typer.echo(f"Restored {facts.rows:,} rows as they were at {moment}; {took_ms / ms:.1f} s")
    typer.echo(_line(sealed))
    typer.echo("It is kept apart: it calls no gateway, sends nothing, and takes no new payments.")
    typer.echo(
        "Next: name it in DATABASE_URL and DATABASE_OWNER_URL, run `till migrate` and `till ledger check`, start"
    )
    typer.echo("`till serve` and `till worker`, and then `till isolation status`.")


def _progress() -> Callable[[str, int], None]:
    """Tell on standard error what is being done, and of every hundred megabytes."""
    last = ("", 0)

    def say(doing: str, size: int) -> None:
        nonlocal last
        if doing != last[0] or size - last[1] >= told_every_bytes:
            last = (doing, size)
            typer.echo(f"{doing} {_size(size)}" if size >= told_every_bytes else f"{doing} …", err=True)

    return say if sys.stderr.isatty() or "--json" not in sys.argv else writing.hush


def _told(report: Report) -> str:
    lines = [_line(check) for check in report.checks]
    if report.rpo_seconds is not None:
        lines.append(f"RTO  {report.rto_ms / ms:.1f} s to restore and prove {_size(report.size)}")
        lines.append(f"RPO  {_age(report.rpo_seconds)}: as old is the newest data in it")
    lines.append("The drill passed." if report.passed else "The drill FAILED: take it that there is no backup.")
    return "\n".join(lines)


def _line(check: Check) -> str:
    return f"{'ok   ' if check.ok else 'WRONG'}  {check.name}: {check.found}"


def _size(count: int) -> str:
    return f"{count / MEGABYTE:,.1f} MB"


def _age(seconds: int) -> str:
    if seconds < minute_seconds:
        return f"{seconds} s"
    if seconds < hour_seconds:
        return f"{seconds // minute_seconds} min"
    return f"{seconds / hour_seconds:.1f} h"
