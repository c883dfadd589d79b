"""`till secrets`: how old secrets are, and new ones in their place."""

import json
import secrets as chance
import sys
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper import credentials
from tillkeeper.cli import context
from tillkeeper.flows.read import read
from tillkeeper.flows.reseal import reseal as seal_again
from tillkeeper.flows.watch_secrets import in_use, note
from tillkeeper.gateway import Credential
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidFieldError, TillError
from tillkeeper.kernel.moments import written
from tillkeeper.ops import rotation
from tillkeeper.reports import secrets as report
from tillkeeper.till import Till

app = typer.Typer(help="How old secrets are, and new ones in their place.", no_args_is_help=True)
grace_hours_default = 24
grace_hours_max = 24 * 30
generated_bytes = 48
OURS_TO_MAKE = frozenset({"TILL_SECRET_KEY", "TILL_JWT_SECRET"})
SEALS = "TILL_SECRET_KEY"


class PreviousStillNeededError(TillError):
    """Report a key that is changed again while things are still sealed with the one before it."""

    code = "previous_still_needed"
    title = "The previous key is still needed"
    next_step = "Run `till secrets reseal` first; then nothing is sealed with it any more."


@app.command()
def status(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Say of each secret where it comes from, since when it has been the same, and where a new one is made."""

    async def look(till: Till) -> list[dict[str, Any]]:
        seen = await read(till, report.sightings)
        return [_described(till, each, seen.get(each.name)) for each in in_use(till)]

    found = [each for each in context.with_till(data_dir, look) if each["from"]]
    if as_json:
        typer.echo(json.dumps({"data": found}, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("secret", "from", "fingerprint", "days", "previous until", "new ones"):
        table.add_column(name, justify="right" if name == "days" else "left", overflow="fold")
    for each in found:
        days = each["age_days"]
        shown = "not seen yet" if days is None else f"[yellow]{days}[/]" if days > report.age_days_max else str(days)
        table.add_row(
            each["name"], each["from"], each["fingerprint"], shown, each["previous_until"] or "-", each["where"]
        )
    Console().print(table)


def _described(till: Till, each: Credential, seen: dict[str, object] | None) -> dict[str, Any]:
    value = till.secrets.get(each.name)
    print_ = credentials.fingerprint(each.name, value) if value else ""
    known = seen if seen and seen["fingerprint"] == print_ else None
    since = context.moment(str(known["first_seen_at"])) if known else None
    return {
        "name": each.name,
        "from": till.secrets.source(each.name),
        "fingerprint": print_,
        "first_seen_at": known["first_seen_at"] if known else None,
        "age_days": (till.now() - since).days if since else None,
        "previous": bool(till.secrets.optional(f"{each.name}_PREVIOUS")),
        "previous_until": till.secrets.optional(f"{each.name}_PREVIOUS_UNTIL") or None,
        "where": each.where,
    }


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Such as STRIPE_WEBHOOK_SECRET; `till secrets status` lists them.")],
    *,
    grace_hours: Annotated[
        int, typer.Option(min=1, max=grace_hours_max, help="For how long the present one counts as well.")
    ] = grace_hours_default,
    generate: Annotated[bool, typer.Option("--generate", help="Make one, for what is ours to make.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which files would be written.")] = False,
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Put a new secret into its file, and let the present one count beside it; the new one is read from standard input.

    A secret that is not in a file is changed where it is kept; then this says what to write there.
    """
    known: dict[str, Credential] = context.with_till(data_dir, _known)
    if name not in known:
        message = f"“{name}” is none of {', '.join(sorted(known))}."
        raise InvalidFieldError(message)
    if name == SEALS and context.with_till(data_dir, _has_previous):
        message = f"{SEALS}_PREVIOUS is set: what it sealed could not be opened any more."
        raise PreviousStillNeededError(message)
    until = None if name == SEALS else clock.now() + timedelta(hours=grace_hours)
    planned = [str(path) for path, _ in rotation.plan(known[name], "", until=until).files]
    if dry_run:
        typer.echo(
            json.dumps({"would_write": planned}) if as_json else "\n".join(f"would write {at}" for at in planned)
        )
        return
    context.confirm(f"Put a new {name} in its place?", yes=yes)
    new = chance.token_urlsafe(generated_bytes) if generate and name in OURS_TO_MAKE else _typed(name)
    rotation.plan(known[name], new, until=until).carry_out()
    context.with_till(data_dir, lambda till: note(till, name, new))
    _tell(known[name], planned, until, as_json=as_json)


def _tell(secret: Credential, files: list[str], until: datetime | None, *, as_json: bool) -> None:
    """Say what was done, and what to do next."""
    name, over = secret.name, until if secret.overlaps else None
    if as_json:
        typer.echo(json.dumps({"name": name, "wrote": files, "previous_until": written(over) if over else None}))
        return
    ends = f"; the one before it counts until {over:%Y-%m-%d %H:%M} UTC" if over else ""
    typer.echo(f"{name} is new{ends}.")
    if name == SEALS:
        typer.echo(f"Restart one process after the other; then run `till secrets reseal` and empty {SEALS}_PREVIOUS.")


@app.command()
def reseal(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Seal with the present TILL_SECRET_KEY what the previous one sealed; when it is done, that one can go."""
    renewed = context.with_till(data_dir, seal_again)
    if as_json:
        typer.echo(json.dumps({"sealed_again": renewed}))
        return
    typer.echo(f"{renewed:,} were sealed again. {SEALS}_PREVIOUS is not needed any more.")


async def _known(till: Till) -> dict[str, Credential]:
    return {each.name: each for each in in_use(till)}


async def _has_previous(till: Till) -> bool:
    return bool(till.secrets.optional(f"{SEALS}_PREVIOUS"))


def _typed(name: str) -> str:
    """Read a secret that nobody sees: from a pipe, or typed without an echo."""
    if not sys.stdin.isatty():
        found = sys.stdin.readline().strip()
    else:
        found = str(typer.prompt(f"New {name}", hide_input=True, err=True)).strip()
    if not found or credentials.is_placeholder(found):
        message = "Nothing was read, or what examples hold; nothing was changed."
        raise InvalidFieldError(message)
    return found
