"""`till ledger`: look at the books and prove them."""

import json

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper import ledger as books_of_account
from tillkeeper.cli import ExitCode, context
from tillkeeper.flows.read import read
from tillkeeper.kernel import money
from tillkeeper.ledger import Balance
from tillkeeper.reports import books

app = typer.Typer(help="Look at the books and prove them.", no_args_is_help=True)
UNITS = "CRD"


@app.command()
def check(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Prove that the books balance and agree with payments, refunds and wallets."""
    wrong = context.with_till(data_dir, lambda till: read(till, books.check))
    balance = context.with_till(
        data_dir, lambda till: read(till, lambda tx: books_of_account.trial_balance(tx, as_of=None))
    )
    if as_json:
        typer.echo(json.dumps({"balanced": not wrong, "wrong": wrong, "trial_balance": books.show(balance)}))
    else:
        for total in balance.totals.values():
            typer.echo(f"{total.currency}  debits {_amount(total.debits, total.currency)} = credits")
        for sentence in wrong:
            typer.echo(f"WRONG  {sentence}")
        typer.echo("The books balance." if not wrong else f"{len(wrong)} promises are broken, see above.")
    raise typer.Exit(ExitCode.PROBLEMS if wrong else ExitCode.OK)


@app.command()
def balances(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Show every account's balance."""
    balance = context.with_till(
        data_dir, lambda till: read(till, lambda tx: books_of_account.trial_balance(tx, as_of=None))
    )
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


def _row(row: Balance) -> tuple[str, str, str]:
    return (_amount(row.debits, row.currency), _amount(row.credits, row.currency), _amount(row.amount, row.currency))


def _amount(amount: int, currency: str) -> str:
    return f"{amount:,} credits" if currency == UNITS else money.show(amount, currency)
