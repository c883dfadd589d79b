"""`till gateways`: how gateways do, and how they are used."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import ExitCode, context
from tillkeeper.flows.read import read
from tillkeeper.flows.steer import steer
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops import trial
from tillkeeper.ops.trial import Terms, Trial
from tillkeeper.reports import gateways as report
from tillkeeper.routing import Switch
from tillkeeper.till import Till

app = typer.Typer(help="How gateways do, and how they are used.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name of a gateway, such as stripe.")]
COLUMNS = ("gateway", "used", "health", "priority", "fee", "opened/h", "p95 ms", "waiting", "webhook")
AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
NUMBERS = {"priority", "opened/h", "p95 ms", "waiting"}
STYLES = {"on": "green", "draining": "yellow", "off": "bold red", "open": "bold red", "half_open": "yellow"}


class RealMoneyError(TillError):
    """Report that real money would move, and nobody has said yes to it."""

    code = "real_money"
    title = "This would move real money"
    next_step = "Add --yes if you mean it, or try it with the gateway's test keys and TILL_MODE=test."


@app.command("ls")
def show(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List gateways in the order in which payments are offered to them."""
    found: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: report.show(tx, till.gateways)))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["data"]:
        typer.echo("No gateway is configured. Set the variables of one; docs/concepts.md lists them.")
        return
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=True)
    now = clock.now()
    for each in found["data"]:
        tried = each["attempts"]
        table.add_row(
            each["gateway"],
            _styled(each["switch"]),
            _health(each),
            str(each["priority"]),
            _fee(each),
            f"{tried['opened']} of {tried['tried']}",
            str(tried["latency_ms_p95"] or "-"),
            str(each["calls_waiting"]),
            _heard(each["last_webhook_at"], now),
        )
    Console().print(table)


@app.command()
def enable(gateway: Name, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Let new payments go through a gateway."""
    _switch(gateway, Switch.ON, data_dir, "takes new payments.")


@app.command()
def drain(gateway: Name, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Send no new payments to a gateway, and finish those it has."""
    _switch(gateway, Switch.DRAINING, data_dir, "takes no new payments; those it has are finished.")


@app.command()
def disable(gateway: Name, *, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Tell a gateway nothing at all until it is enabled again."""
    _switch(gateway, Switch.OFF, data_dir, f"is told nothing any more; `till gateways enable {gateway}` ends that.")


@app.command("test")
def try_out(
    gateway: Annotated[str | None, typer.Argument(help="The name of a gateway; all of them when absent.")] = None,
    *,
    amount: Annotated[int | None, typer.Option(min=1, help="In minor units; the smallest sensible by default.")] = None,
    currency: Annotated[str | None, typer.Option(help="Such as EUR; one that something is sold in by default.")] = None,
    wait: Annotated[int, typer.Option(min=1, help="For how many seconds somebody may take to pay.")] = 300,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="Pay yourself, also in the sandbox.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Move real money, in live mode.")] = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Pay a small amount through a gateway and refund it: keys, checkout, webhooks and refunds work, or not."""

    async def run(till: Till) -> list[Trial]:
        if till.settings.live and not yes:
            message = "TILL_MODE is live: this takes real money from a real card, and gives it back less the fees."
            raise RealMoneyError(message)
        unattended = till.settings.mode == "sandbox" and not by_hand
        terms = Terms(amount=amount, currency=currency, wait_seconds=wait, unattended=unattended)
        return await trial.try_out(till, gateway, terms, lambda line: typer.echo(line, err=True))

    trials = context.with_till(data_dir, run)
    if as_json:
        typer.echo(json.dumps([each.described() for each in trials], indent=2))
    else:
        _show_trials(trials)
    raise typer.Exit(ExitCode.OK if all(each.passed for each in trials) else ExitCode.PROBLEMS)


def _show_trials(trials: list[Trial]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("gateway", "step", "", "took", "what happened"):
        table.add_column(name, justify="right" if name == "took" else "left", no_wrap=name != "what happened")
    for each in trials:
        for place, step in enumerate(each.steps):
            verdict = "[green]ok[/]" if step.passed else "[bold red]FAILED[/]"
            name = "" if place else each.gateway.name
            table.add_row(name, step.step, verdict, f"{step.took_ms:,} ms", escape(step.says))
            if not step.passed:
                table.add_row("", "", "", "next", escape(step.next_step))
    Console().print(table)


def _switch(gateway: str, switch: Switch, data_dir: context.DataDir, says: str) -> None:
    context.with_till(data_dir, lambda till: steer(till, gateway, switch=switch))
    typer.echo(f"{gateway} {says}")


def _health(gateway: dict[str, Any]) -> str:
    if gateway["breaker"] == "closed" and gateway["failures"]:
        return f"[yellow]{gateway['failures']} unanswered[/]"
    return _styled("well" if gateway["breaker"] == "closed" else gateway["breaker"])


def _styled(word: str) -> str:
    return f"[{STYLES[word]}]{word}[/]" if word in STYLES else word


def _heard(at: str | None, now: datetime) -> str:
    """Say how long ago a webhook came, in the largest unit that fits."""
    if at is None:
        return "never"
    seconds = max(int((now - datetime.fromisoformat(at)).total_seconds()), 1)
    unit, name = next((unit, name) for unit, name in AGES if seconds >= unit)
    return f"{seconds // unit} {name} ago"


def _fee(each: dict[str, Any]) -> str:
    if each["fee_percentage_bps"] is None and each["fee_fixed"] is None:
        return "its own"
    return f"{(each['fee_percentage_bps'] or 0) / 100:g} % + {each['fee_fixed'] or 0}"
