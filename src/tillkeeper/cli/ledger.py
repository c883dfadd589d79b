"""`till ledger`: look at the books and prove them."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper import ledger as books_of_account
from tillkeeper.cli import ExitCode, context
from tillkeeper.flows import seal as sealing
from tillkeeper.flows.read import read, read_settled
from tillkeeper.kernel import clock, money
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.ledger import Balance, TrialBalance
from tillkeeper.reports import books, sheet, statement, verdict
from tillkeeper.reports.statement import Question
from tillkeeper.till import Till

app = typer.Typer(help="Look at the books and prove them.", no_args_is_help=True)
UNITS = "CRD"
lines_at_once = 1_000
AsOf = Annotated[str, typer.Option(help="What had happened by then, such as 2026-11-21T10:00:00Z.")]
Cut = Annotated[str, typer.Option(help="What was in the books before then; the same cut gives the same figures.")]


@app.command()
def check(
    *,
    anchor: Annotated[str, typer.Option(help="A seal that you kept, as NUMBER:HASH; it must still stand.")] = "",
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Prove that the books balance, agree with payments, refunds and wallets, and were not rewritten."""
    elapsed_ms = clock.timer_ms()
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: verdict.reach(tx, anchor)))
    wrong, head = found.wrong, found.head
    if as_json:
        shown = {"number": head.number, "hash": head.hash.hex(), "journals": found.sealed, "waiting": found.waiting}
        told = {"balanced": not wrong, "wrong": wrong, "seals": shown, "took_ms": elapsed_ms()}
        typer.echo(json.dumps(told | {"trial_balance": books.show(found.balance)}))
    else:
        for total in found.balance.totals.values():
            typer.echo(f"{total.currency}  debits {_amount(total.debits, total.currency)} = credits")
        sealed = f"{found.sealed:,} journals stand in {head.number:,} seals, {found.waiting:,} wait"
        typer.echo(f"{sealed}; {elapsed_ms():,} ms")
        typer.echo(f"Keep this elsewhere: {found.anchor}")
        for sentence in wrong:
            typer.echo(f"WRONG  {sentence}")
        typer.echo("The books balance." if not wrong else f"{len(wrong)} promises are broken, see above.")
    raise typer.Exit(ExitCode.PROBLEMS if wrong else ExitCode.OK)


@app.command()
def balances(
    *,
    as_of: AsOf = "",
    recorded_before: Cut = "",
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Show every account's balance, now or as of a moment."""
    upper, cut = context.moment(as_of), context.moment(recorded_before)
    balance = context.with_till(data_dir, lambda till: _balances(till, upper, cut))
    if as_json:
        typer.echo(json.dumps(books.show(balance)))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("account")
    for name in ("debits", "credits", "balance"):
        table.add_column(name, justify="right")
    for row in balance.accounts:
        table.add_row(row.code, *_row(row))
    Console().print(table)


@app.command("statement")
def show_statement(  # noqa: PLR0913 (each is an option that people know from banks)
    account: Annotated[str, typer.Argument(help="An account's code, or a user's: wallet:ana.")],
    *,
    since: Annotated[str, typer.Option(help="What happened from then on.")] = "",
    as_of: AsOf = "",
    recorded_before: Cut = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    cursor: Annotated[str, typer.Option(help="The `next_cursor` of an earlier page.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the whole statement as CSV.")] = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Show what moved an account, the latest fact first, and what it stood at after each line."""
    asked = Question(
        account=account,
        since=context.moment(since),
        as_of=context.moment(as_of),
        limit=lines_at_once if as_csv else limit,
        cursor=cursor or None,
    )
    cut = statement.cut(asked.cursor) or context.moment(recorded_before)
    page = _page(data_dir, asked, cut)
    if as_csv:
        _print_csv(data_dir, asked, page)
    elif as_json:
        typer.echo(json.dumps(page))
    else:
        _print(page)


@app.command()
def seal(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Seal what waits now, as the worker does every few seconds."""
    done = context.with_till(data_dir, _seal_all)
    typer.echo(json.dumps({"sealed": done}) if as_json else f"{done:,} journals were sealed.")


@app.command()
def recount(
    day: Annotated[str, typer.Argument(help="A day in UTC, such as 2026-11-21.")],
    *,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Add up a day from its postings again; right sums stay as they are."""
    try:
        counted = date.fromisoformat(day)
    except ValueError as error:
        message = f"“{day}” is not a day such as 2026-11-21."
        raise InvalidFieldError(message) from error
    moved = context.with_till(data_dir, lambda till: sealing.recount(till, counted))
    typer.echo(f"{counted}: something moved under {moved} headings.")


async def _balances(till: Till, upper: datetime | None, cut: datetime | None) -> TrialBalance:
    if cut is None:
        return await read(till, lambda tx: books_of_account.trial_balance(tx, as_of=upper))
    return await read_settled(
        till,
        lambda tx, known: books_of_account.trial_balance(tx, as_of=upper, recorded_before=known),
        recorded_before=cut,
    )


async def _seal_all(till: Till) -> int:
    total = 0
    while done := await sealing.seal(till):
        total += done
    return total


def _page(data_dir: Path, asked: Question, cut: datetime | None) -> dict[str, Any]:
    return context.with_till(
        data_dir,
        lambda till: read_settled(till, lambda tx, known: statement.show(tx, asked, known), recorded_before=cut),
    )


def _print_csv(data_dir: Path, asked: Question, page: Mapping[str, Any]) -> None:
    typer.echo(sheet.lines(statement.COLUMNS, page["data"]), nl=False)
    while page["next_cursor"]:
        following = Question(
            account=asked.account,
            since=asked.since,
            as_of=asked.as_of,
            limit=asked.limit,
            cursor=page["next_cursor"],
        )
        page = _page(data_dir, following, statement.cut(following.cursor))
        typer.echo(sheet.lines(statement.COLUMNS, page["data"], head=False), nl=False)


def _print(page: Mapping[str, Any]) -> None:
    currency = page["currency"]
    table = Table(box=None, pad_edge=False)
    for name in ("when (UTC)", "what, and the other account"):
        table.add_column(name, overflow="fold")
    for name in ("moved", "balance"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in page["data"]:
        side, amount = ("Dr", row["debit"]) if row["debit"] else ("Cr", row["credit"])
        when = row["effective_at"][:19].replace("T", " ")
        what = f"{row['source']} {row['kind']}\n[dim]{escape(row['other_account'])}[/]"
        table.add_row(when, what, f"{side} {_amount(amount, currency)}", _amount(row["balance"], currency))
    Console().print(table)
    if page["has_more"]:
        typer.echo(f"There is more: --cursor {page['next_cursor']}")


def _row(row: Balance) -> tuple[str, str, str]:
    return (_amount(row.debits, row.currency), _amount(row.credits, row.currency), _amount(row.amount, row.currency))


def _amount(amount: int, currency: str) -> str:
    return f"{amount:,} credits" if currency == UNITS else money.show(amount, currency)
