"""`till mail`: receipts to buyers and alerts to operators."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.correspond import send_trial
from tillkeeper.flows.read import read
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.smtp import Receipt
from tillkeeper.mail import Status
from tillkeeper.reports import mail as report
from tillkeeper.till import Till

app = typer.Typer(help="Receipts to buyers and alerts to operators by e-mail.", no_args_is_help=True)
COLUMNS = ("id", "kind", "topic", "status", "failures", "reason", "created_at")


class MailOffError(TillError):
    """Report that nothing says how mail is sent."""

    code = "mail_off"
    title = "Mail is switched off here"
    next_step = "Set TILL_SMTP_URL and TILL_MAIL_FROM; docs/mail.md says how."


class MailNotTakenError(TillError):
    """Report a letter that the mail server did not take."""

    code = "mail_not_taken"
    title = "The mail server did not take the letter"
    next_step = "Check TILL_SMTP_URL, TILL_MAIL_FROM and the address, then repeat this command."


@app.command("test")
def try_out(
    address: Annotated[str, typer.Argument(help="Where the letter goes.")],
    *,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Send a letter that means nothing, and say what the mail server made of it."""
    receipt = context.with_till(data_dir, lambda till: _send(till, address))
    if not receipt.taken:
        raise MailNotTakenError(receipt.error or "")
    typer.echo(json.dumps({"sent": True, "to": address}) if as_json else f"The mail server took a letter to {address}.")


@app.command("ls")
def find(
    *,
    status: Annotated[Status | None, typer.Option(help="Only letters in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List letters, newest first."""
    found = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, status=status, limit=limit)))
    if as_json:
        typer.echo(json.dumps({"data": found}))
        return
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in found:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in COLUMNS))
    Console().print(table)


async def _send(till: Till, address: str) -> Receipt:
    if till.mail is None:
        raise MailOffError
    return await send_trial(till, till.mail, address)
