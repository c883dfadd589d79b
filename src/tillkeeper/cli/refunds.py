"""`till refund` and `till refund-requests`: give money back, and decide on who asked for it."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.approve_refund import approve_refund, reject_refund
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, foresee, refund
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.refund_requests import Person
from tillkeeper.reports import refund_request as report

app = typer.Typer(help="Decide on refunds that somebody asked for.", no_args_is_help=True)
Request = Annotated[str, typer.Argument(help="The id of a refund request.")]
STYLES = {"open": "yellow", "refunded": "green", "approved": "green", "failed": "bold red", "rejected": "dim"}


def give_back(
    payment: Annotated[str, typer.Argument(help="The id of a payment.")],
    *,
    amount: Annotated[int | None, typer.Option(min=1, help="In minor units; all that is left by default.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for those who look later.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go back, and change nothing.")] = False,
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Refund a payment, all that is left of it or a part, and take the goods back with it."""
    wanted = RefundWish(payment=ids.parse("payment", payment), amount=amount, reason=reason)
    planned = context.with_till(data_dir, lambda till: foresee(till, wanted)).refund
    going = money.show(planned.amount, planned.currency)
    if dry_run:
        shown = {"payment": payment, "amount": planned.amount, "currency": planned.currency, "dry_run": True}
        typer.echo(json.dumps(shown) if as_json else f"{going} would go back.")
        return
    context.confirm(f"Give {going} back?", yes=yes)
    replay = context.with_till(data_dir, lambda till: refund(till, context.once(), wanted))
    made: Any = replay.body
    typer.echo(json.dumps(made) if as_json else f"{made['id']} over {going} is {made['status']}.")


@app.command("ls")
def find(
    *,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(report.STATUSES)}.")] = None,
    payment: Annotated[str | None, typer.Option(help="Only those of one payment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List refund requests, newest first."""
    if status and status not in report.STATUSES:
        message = f"There is no status “{status}”; choose one of {', '.join(report.STATUSES)}."
        raise InvalidFieldError(message)
    id_ = ids.parse("payment", payment) if payment else None
    wanted = report.Filter(payment=id_, status=status, limit=limit)
    found: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, wanted)))
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found["data"]:
        typer.echo("No such refund requests. POST /api/v1/refund_requests makes one.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("asked (UTC)", "request", "amount", "status"):
        table.add_column(name, overflow="fold", justify="right" if name == "amount" else "left")
    for each in found["data"]:
        asked = each["created_at"][:19].replace("T", " ")
        what = f"{each['reason_code']}, asked by {escape(each['requested_by'])}\n[dim]{each['id']}[/]"
        state = f"[{STYLES[each['status']]}]{each['status']}[/]{_agreed(each)}"
        table.add_row(asked, what, money.show(each["amount"], each["currency"]), state)
    Console().print(table)


@app.command()
def show(request: Request, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Show one refund request with its history."""
    id_ = ids.parse("refund_request", request)
    shown = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, id_)))
    typer.echo(json.dumps(shown, indent=2))


@app.command()
def approve(
    request: Request,
    *,
    note: Annotated[str | None, typer.Option(help="A word about it.")] = None,
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Agree to a request; with the last agreement that is needed the money goes back."""
    id_ = ids.parse("refund_request", request)
    asked: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, id_)))
    context.confirm(f"Agree to give {money.show(asked['amount'], asked['currency'])} back?", yes=yes)
    replay = context.with_till(
        data_dir, lambda till: approve_refund(till, context.once(), id_, by=_person(), note=note)
    )
    _say(replay.body, as_json=as_json)


@app.command()
def reject(
    request: Request,
    *,
    reason: Annotated[str, typer.Option(help="Why, for those who asked.")],
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Turn a request down, saying why."""
    id_ = ids.parse("refund_request", request)
    replay = context.with_till(
        data_dir, lambda till: reject_refund(till, context.once(), id_, by=_person(), reason=reason)
    )
    _say(replay.body, as_json=as_json)


def _say(shown: Mapping[str, Any], *, as_json: bool) -> None:
    said = f"{shown['id']} is {shown['status']}{_agreed(shown)}. {shown['decision']}"
    typer.echo(json.dumps(shown) if as_json else said)


def _agreed(shown: Mapping[str, Any]) -> str:
    if shown["status"] != "open":
        return ""
    return f", {len(shown['approvals'])} of {shown['approvals_needed']} agreed"


def _person() -> Person:
    id_, name = context.somebody()
    return Person(id=id_, name=name)
