"""`till reconcile`: compare what gateways account for with what we say, and clear up where the two differ."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import ExitCode, context
from tillkeeper.flows.clear_up import clear_up, preview
from tillkeeper.flows.import_bank import import_bank
from tillkeeper.flows.import_settlement import import_account, import_file
from tillkeeper.flows.read import read
from tillkeeper.flows.reconcile import check_gateway, reconcile_day
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.ledger import Journal
from tillkeeper.reports import reconciliation as report
from tillkeeper.settlement import lines
from tillkeeper.settlement.runs import Action, Kind, Status
from tillkeeper.till import Till

app = typer.Typer(help="Compare gateways' accounts with ours, and clear up where they differ.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The id of a discrepancy.")]
GatewayName = Annotated[str | None, typer.Option("--gateway", help="Only this gateway.")]
BANK = "bank"
HARMLESS = frozenset({Kind.IN_TRANSIT})


@app.command()
def run(
    *,
    gateway: GatewayName = None,
    day: Annotated[str | None, typer.Option(help="Such as 2026-11-20; yesterday by the gateway's clock.")] = None,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="First read what is new in the account.")] = True,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Compare a day now, whatever the worker does; exit code 4 when something disagrees."""
    wanted = _day(day)

    async def work(till: Till) -> list[dict[str, Any]]:
        return [
            await _compare(till, name, wanted, fetch=fetch)
            for name in ([gateway] if gateway else sorted(till.gateways))
        ]

    compared = context.with_till(data_dir, work)
    if as_json:
        typer.echo(json.dumps({"object": "list", "data": compared}, indent=2))
    else:
        _show_runs(compared)
    disagree = any(set(each["open"]) - HARMLESS for each in compared)
    raise typer.Exit(ExitCode.PROBLEMS if disagree else ExitCode.OK)


@app.command("runs")
def list_runs(
    *,
    gateway: GatewayName = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List the days that were compared, or will be."""
    found: Any = context.with_till(
        data_dir, lambda till: read(till, lambda tx: report.find_runs(tx, gateway=gateway, limit=limit))
    )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _show_runs(found["data"])


@app.command("ls")
def find(
    *,
    status: Annotated[Status, typer.Option(help="Which to list.")] = Status.OPEN,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    gateway: GatewayName = None,
    day: Annotated[str | None, typer.Option(help="Only this day.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """List discrepancies, the newest first."""
    wanted = report.Filter(status=status, kind=kind, gateway=gateway, day=_day(day), limit=limit)
    found: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: report.find(tx, wanted, till.now())))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["data"]:
        typer.echo(f"Nothing is {status}.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("day", "gateway", "kind", "age", "what"):
        table.add_column(name, overflow="fold")
    for each in found["data"]:
        what = f"{escape(each['detail'])}\n[dim]{each['id']}[/]"
        table.add_row(each["day"], each["gateway"], each["kind"], f"{each['age_days']} d", what)
    Console().print(table)


@app.command()
def show(discrepancy: Id, *, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Show a discrepancy, what to do about it, and what accepting it would post."""
    id_ = ids.parse("discrepancy", discrepancy)

    async def work(till: Till) -> tuple[dict[str, Any], list[Journal], str | None]:
        found = await read(till, lambda tx: report.show(tx, id_, till.now()))
        try:
            return found, await preview(till, id_), None
        except InvalidStateError as error:
            return found, [], error.detail

    found, journals, refused = context.with_till(data_dir, work)
    if as_json:
        told = {"accepting_posts": _postings(journals), "accepting_refused": refused}
        typer.echo(json.dumps(found | told, indent=2))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        if value not in (None, [], False):
            table.add_row(name, json.dumps(value) if isinstance(value, dict | list) else str(value))
    if found["status"] == Status.OPEN:
        table.add_row("accepting posts", refused or _said(journals))
    Console(markup=False).print(table)


@app.command()
def resolve(
    discrepancy: Id,
    *,
    reason: Annotated[str, typer.Option(help="Why, for those who come later.")],
    action: Annotated[Action, typer.Option(help="accept: the books follow the gateway · ignore: they stay.")],
    by: Annotated[str | None, typer.Option(help="On whose behalf; noted beside your own name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be posted, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Close a discrepancy in your name."""
    id_ = ids.parse("discrepancy", discrepancy)
    if action is Action.ACCEPT:
        typer.echo(f"Accepting posts: {_said(context.with_till(data_dir, lambda till: preview(till, id_)))}")
    if dry_run:
        return
    if not yes:
        typer.confirm("Go on?", abort=True)
    _, name = context.somebody()
    reason = f"{reason} (on behalf of {by})" if by else reason
    context.with_till(data_dir, lambda till: clear_up(till, id_, action=action, reason=reason, by=name))
    typer.echo(f"Closed in the name of {name}.")


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The report as it was downloaded.")],
    *,
    gateway: Annotated[str, typer.Option(help="Whose report it is; `bank` for the bank's account.")],
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Take in the report of a gateway's dashboard, or the bank's account (date, amount, currency, reference)."""
    content = file.read_bytes()

    async def work(till: Till) -> dict[str, Any]:
        if gateway == BANK:
            return {"new": await import_bank(till, content), "unread": 0, "contradicting": 0}
        taken = await import_file(till, gateway, content)
        shown = {name: getattr(taken, name) for name in ("new", "changed", "known", "contradicting", "unread")}
        return shown | {"days": sorted(day.isoformat() for day in taken.days)}

    taken = context.with_till(data_dir, work)
    if as_json:
        typer.echo(json.dumps(taken, indent=2))
    else:
        typer.echo(" · ".join(f"{name} {value}" for name, value in taken.items() if isinstance(value, int)))
        typer.echo("The days that it speaks of are compared by the worker, or at once by `till reconcile run --day …`.")
    raise typer.Exit(ExitCode.PROBLEMS if taken["unread"] or taken["contradicting"] else ExitCode.OK)


async def _compare(till: Till, name: str, day: date | None, *, fetch: bool) -> dict[str, Any]:
    gateway = check_gateway(till, name)
    wanted = day or lines.day_of(till.now(), ZoneInfo(gateway.settlement_zone)) - timedelta(days=1)
    if fetch:
        typer.echo(f"{name}: reading its account", err=True)
        try:
            await import_account(till, gateway)
        except GatewayUnavailableError as error:
            typer.echo(f"{name} cannot be asked ({error.detail}); comparing with what is here", err=True)
    typer.echo(f"{name}: comparing {wanted.isoformat()}", err=True)
    await reconcile_day(till, name, wanted)
    return await read(till, lambda tx: report.show_run(tx, name, wanted))


def _show_runs(compared: Sequence[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("day", "gateway", "", "lines", "ours", "tolerated", "open"):
        table.add_column(name, justify="right" if name in {"lines", "ours", "tolerated"} else "left")
    for each in compared:
        left = ", ".join(f"{kind} {count}" for kind, count in sorted(each["open"].items()))
        figures = (f"{each[name]:,}" for name in ("lines", "ours", "tolerated"))
        table.add_row(each["day"], each["gateway"], each["status"], *figures, left or "[green]nothing[/]")
    Console().print(table)


def _postings(journals: Sequence[Journal]) -> list[dict[str, object]]:
    return [
        {"debit": each.debit.code, "credit": each.credit.code, "amount": each.amount, "currency": each.debit.currency}
        for journal in journals
        for each in journal.postings
    ]


def _said(journals: Sequence[Journal]) -> str:
    said = [
        f"{money.show(each.amount, each.debit.currency)} from {each.credit.code} to {each.debit.code}"
        for journal in journals
        for each in journal.postings
    ]
    return "; ".join(said) or "nothing"


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        message = f"“{text}” is no day; write it like 2026-11-20."
        raise InvalidFieldError(message) from error
