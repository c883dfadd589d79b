"""`till trigger`: play a scenario on the sandbox and say what came of it."""

import json
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper import gateways
from tillkeeper.cli import ExitCode, context
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.ops.scenarios import GATEWAY, SCENARIOS
from tillkeeper.sandbox_kit.faults import webhook_copies_max


def trigger(
    scenario: Annotated[str, typer.Argument(help="The scenario; --list names them all.")] = "",
    *,
    gateway: Annotated[str, typer.Option(help="The gateway to pay through.")] = GATEWAY,
    payment: Annotated[str | None, typer.Option(help="The payment it is about; a new one when absent.")] = None,
    code: Annotated[str, typer.Option(help="pay.decline: why, in the gateway's own word.")] = "",
    copies: Annotated[int, typer.Option(help="webhook.again: how often.", min=1, max=webhook_copies_max)] = 1,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Play a scenario on the sandbox and say what came of it."""
    if list_ or scenario not in SCENARIOS:
        _list(as_json=as_json)
        if not list_:
            typer.echo(f"There is no scenario “{scenario}”; choose one of the above.", err=True)
        raise typer.Exit(ExitCode.OK if list_ else ExitCode.USAGE)
    known = [stand.name for stand in gateways.stands()]
    if gateway not in known:
        message = f"The sandbox imitates no gateway “{gateway}”; choose one of {', '.join(known)}."
        raise InvalidFieldError(message)
    _, play = SCENARIOS[scenario]
    target = replace(context.target(data_dir), gateway=gateway, code=code, copies=copies)
    if payment:
        ids.parse("payment", payment)
        found = target.call(f"/api/v1/payments/{payment}")
        if found["fulfilment"] is None:
            message = f"{payment} sells no goods, and scenarios look at what becomes of goods; name one of a package."
            raise InvalidFieldError(message, param="payment")
        target = replace(target, gateway=found["gateway"])
    outcome = play(target, payment)
    typer.echo(json.dumps({"scenario": scenario, "outcome": outcome}) if as_json else outcome)


def _list(*, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: what for name, (what, _) in SCENARIOS.items()}))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, (what, _) in SCENARIOS.items():
        table.add_row(name, f"[dim]{what}[/]")
    Console().print(table)
