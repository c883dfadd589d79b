"""`till credits`: look at a user's credits, and change them by hand."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import ExitCode, context
from tillkeeper.flows.grant import Gift, grant_max
from tillkeeper.flows.grant import grant as give
from tillkeeper.flows.read import read
from tillkeeper.flows.take import Taking
from tillkeeper.flows.take import take as take_away
from tillkeeper.flows.write_off import Forgiving
from tillkeeper.flows.write_off import write_off as forgive
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import wallet as report
from tillkeeper.till import Till

app = typer.Typer(help="Look at a user's credits, and change them by hand.", no_args_is_help=True)
User = Annotated[str, typer.Argument(help="The user, as you name them.")]
Amount = Annotated[int, typer.Argument(min=1, max=grant_max, help="How many credits.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept, and shown in the wallet's history.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Hold how a command was asked to go about its work."""

    dry_run: bool
    yes: bool
    as_json: bool
    data_dir: Path


@app.command()
def show(
    user: User,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many movements.")] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Show a user's credits and the latest movements."""

    async def look(till: Till) -> tuple[Json, Any]:
        movements = await read(till, lambda tx: report.entries(tx, user, limit=limit, before=None))
        return await _wallet(till, user), movements["data"]

    wallet, movements = context.with_till(data_dir, look)
    if as_json:
        typer.echo(json.dumps(wallet | {"entries": movements}))
        return
    typer.echo(_said(wallet))
    table = Table(box=None, pad_edge=False)
    for name in ("at (UTC)", "kind", "amount", "balance", "reason"):
        table.add_column(name, justify="right" if name in {"amount", "balance"} else "left", overflow="fold")
    for each in movements:
        row = (each["kind"], f"{each['amount']:+,}", f"{each['balance_after']:,}", each["reason"] or "")
        table.add_row(each["at"][:19].replace("T", " "), *row)
    if movements:
        Console(markup=False).print(table)


@app.command()
def grant(  # noqa: PLR0913 (each is a word of the command line)
    user: User,
    amount: Amount,
    *,
    reason: Reason,
    expires: Annotated[str | None, typer.Option(help="Until when, such as 2027-01-31 or 2027-01-31T12:00Z.")] = None,
    adjustment: Annotated[bool, typer.Option("--adjustment", help="Call it a correction, not a bonus.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Give credits that nobody paid for; what the user owes is repaid first."""
    gift = Gift(
        user=user,
        amount=amount,
        reason=reason,
        made_by=context.somebody()[1],
        kind="adjustment" if adjustment else "bonus",
        expires_at=_moment(expires) if expires else None,
    )

    def foresee(wallet: Json) -> Json:
        repaid = min(amount, wallet["debt"])
        return wallet | {"balance": wallet["balance"] + amount - repaid, "debt": wallet["debt"] - repaid}

    manner = Manner(dry_run=dry_run, yes=yes, as_json=as_json, data_dir=data_dir)
    _change(f"Give {user} {amount:,} credits", user, manner, foresee, lambda till: give(till, _wish(till), gift))


@app.command()
def take(
    user: User,
    amount: Amount,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Take credits away, those that nobody paid for first; never more than there are."""
    wanted = Taking(user=user, amount=amount, reason=reason, made_by=context.somebody()[1])

    def foresee(wallet: Json) -> Json:
        return wallet | {"balance": wallet["balance"] - amount} if amount <= wallet["balance"] else {}

    manner = Manner(dry_run=dry_run, yes=yes, as_json=as_json, data_dir=data_dir)
    _change(
        f"Take {amount:,} credits from {user}", user, manner, foresee, lambda till: take_away(till, _wish(till), wanted)
    )


@app.command("write-off")
def write_off(
    user: User,
    *,
    reason: Reason,
    amount: Annotated[int | None, typer.Option(min=1, max=grant_max, help="How much of it; all by default.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Forgive credits that a user owes."""
    wanted = Forgiving(user=user, reason=reason, made_by=context.somebody()[1], amount=amount)

    def foresee(wallet: Json) -> Json:
        forgiven = wallet["debt"] if amount is None else amount
        return wallet | {"debt": wallet["debt"] - forgiven} if 0 < forgiven <= wallet["debt"] else {}

    manner = Manner(dry_run=dry_run, yes=yes, as_json=as_json, data_dir=data_dir)
    what = "all" if amount is None else f"{amount:,}"
    _change(
        f"Forgive {user} {what} of the debt", user, manner, foresee, lambda till: forgive(till, _wish(till), wanted)
    )


def _change(
    what: str,
    user: str,
    manner: Manner,
    foresee: Callable[[Json], Json],
    change: Callable[[Till], Awaitable[Replay]],
) -> None:
    """Ask, do it, and show the wallet; or only say what would become of it, nothing when it cannot be done."""
    if manner.dry_run:
        before = context.with_till(manner.data_dir, lambda till: _wallet(till, user))
        after = foresee(before)
        said = f"Now: {_said(before)}\nThen: {_said(after) if after else 'it would be refused'}\nNothing was changed."
        typer.echo(json.dumps({"dry_run": True, "before": before, "after": after or None}) if manner.as_json else said)
        raise typer.Exit(ExitCode.OK if after else ExitCode.PROBLEMS)
    if not manner.yes:
        typer.confirm(f"{what}?", abort=True, err=True)
    body: Json = context.with_till(manner.data_dir, change).body
    typer.echo(json.dumps(body) if manner.as_json else f"{body['adjustment']}: {_said(body)}")


async def _wallet(till: Till, user: str) -> Json:
    return await read(till, lambda tx: report.show(tx, user))


def _said(wallet: Json) -> str:
    owed = f" and owes {wallet['debt']:,}" if wallet["debt"] else ""
    return f"{wallet['user']} has {wallet['balance']:,} credits{owed}."


def _wish(till: Till) -> Wish:
    """Name a request of its own: who runs a command twice means it twice."""
    key = ids.text("request", ids.new())
    return Wish(scope=f"secret:{till.settings.mode}", key=key, request_sha=sha256(key.encode()))


def _moment(text: str) -> datetime:
    """Read a moment, in UTC where it does not say otherwise; raises InvalidFieldError."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"“{text}” is not a moment such as 2027-01-31 or 2027-01-31T12:00Z."
        raise InvalidFieldError(message, param="expires") from error
