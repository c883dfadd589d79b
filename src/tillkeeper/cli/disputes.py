"""`till disputes`: what customers' banks take back, and what we say to it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.facts import DisputeStatus
from tillkeeper.flows.read import read
from tillkeeper.flows.respond import Answering, draft, respond
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import dispute as report
from tillkeeper.responses import Words

app = typer.Typer(help="What customers' banks take back, and what we say to it.", no_args_is_help=True)
Dispute = Annotated[str, typer.Argument(help="The id of a dispute.")]
STYLES = {
    DisputeStatus.NEEDS_RESPONSE: "bold yellow",
    DisputeStatus.WARNING: "yellow",
    DisputeStatus.WON: "green",
    DisputeStatus.PREVENTED: "green",
    DisputeStatus.LOST: "red",
}


@app.command("ls")
def find(
    *,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(DisputeStatus)}.")] = None,
    due: Annotated[str | None, typer.Option(help=f"One of {', '.join(report.DUE)}.")] = None,
    payment: Annotated[str | None, typer.Option(help="Only those of one payment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List disputes, newest first, or with --due by the day on which they must be answered."""
    for name, given, known in (("status", status, set(DisputeStatus)), ("due", due, set(report.DUE))):
        if given and given not in known:
            message = f"There is no {name} “{given}”; choose one of {', '.join(sorted(known))}."
            raise InvalidFieldError(message)
    id_ = ids.parse("payment", payment) if payment else None

    def ask(tx: Any) -> Any:
        return report.find(
            tx, payment=id_, status=status, due=due, by_due_date=due is not None, limit=limit, cursor=None
        )

    found: Any = context.with_till(data_dir, lambda till: read(till, ask))
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found["data"]:
        typer.echo("No such disputes.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("answer by (UTC)", "dispute", "amount", "status"):
        table.add_column(name, overflow="fold", justify="right" if name == "amount" else "left")
    for each in found["data"]:
        state = f"[{STYLES.get(each['status'], 'default')}]{each['status']}[/]{_answered(each)}"
        what = f"{each['gateway']} {escape(each['reason'] or '')}\n[dim]{each['id']}[/]"
        table.add_row(_due(each), what, money.show(each["amount"], each["currency"]), state)
    Console().print(table)


@app.command()
def show(dispute: Dispute, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Show one dispute."""
    id_ = ids.parse("dispute", dispute)
    shown = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, id_)))
    typer.echo(json.dumps(shown, indent=2))


@app.command()
def evidence(
    dispute: Dispute,
    *,
    statement: Annotated[str | None, typer.Option(help="What you have to say yourself.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what our records say, and send nothing.")] = False,
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Hand in what speaks for us: our records of the delivery, and your own words."""
    id_ = ids.parse("dispute", dispute)
    written = context.with_till(data_dir, lambda till: draft(till, id_))
    if dry_run:
        typer.echo(json.dumps(asdict(written), indent=None if as_json else 2))
        return
    context.confirm("Hand this evidence in? Most gateways take it once.", yes=yes)
    _answer(id_, Words(statement=statement), data_dir, as_json=as_json)


@app.command()
def accept(
    dispute: Dispute,
    *,
    yes: context.Yes = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Give a dispute up: the customer keeps the money."""
    id_ = ids.parse("dispute", dispute)
    shown: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, id_)))
    context.confirm(f"Leave {money.show(shown['amount'], shown['currency'])} to the customer?", yes=yes)
    _answer(id_, None, data_dir, as_json=as_json)


def _answer(dispute: Any, words: Words | None, data_dir: Any, *, as_json: bool) -> None:
    by_id, by_name = context.somebody()
    answering = Answering(dispute=dispute, by_id=by_id, by_name=by_name, by_admin=True, words=words)
    shown: Any = context.with_till(data_dir, lambda till: respond(till, context.once(), answering)).body
    if "detail" in shown:
        raise context.RefusedError(shown["detail"])
    said = f"{shown['id']} is {shown['status']}{_answered(shown)}."
    typer.echo(json.dumps(shown) if as_json else said)


def _answered(shown: Mapping[str, Any]) -> str:
    answer = shown["response"]
    return f", {answer['kind']} {answer['status']}" if answer else ""


def _due(shown: Mapping[str, Any]) -> str:
    day = (shown["due_at"] or "")[:16].replace("T", " ")
    return f"[bold red]{day} OVERDUE[/]" if shown["overdue"] else f"[yellow]{day} soon[/]" if shown["due_soon"] else day
