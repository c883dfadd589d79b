"""The list of commands, and what every command does when it fails."""

from http import HTTPStatus
from typing import NoReturn

import typer

from tillkeeper.cli import (
    ExitCode,
    audit,
    bench,
    deliveries,
    demo,
    disputes,
    doctor,
    events,
    gateways,
    importing,
    keys,
    ledger,
    listen,
    maintenance,
    migrate,
    payments,
    reconcile,
    refunds,
    report,
    risk,
    serving,
    testing,
    trigger,
    users,
    wallet,
)
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import TillError

app = typer.Typer(
    help="Tillkeeper: a captured payment becomes goods, exactly once, and books that balance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, and those can hold secrets
)
app.command("demo")(demo.demo)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("sandbox")(serving.sandbox)
app.command("migrate")(migrate.migrate)
app.command("doctor")(doctor.doctor)
app.command("trigger")(trigger.trigger)
app.command("listen")(listen.listen)
app.command("bench")(bench.bench)
app.command("import")(importing.take_over)
app.command("report")(report.report)
app.add_typer(payments.app, name="payments")
app.command("refund")(refunds.give_back)
app.add_typer(refunds.app, name="refund-requests")
app.add_typer(disputes.app, name="disputes")
events.app.add_typer(deliveries.app, name="out")
app.add_typer(events.app, name="events")
app.add_typer(gateways.app, name="gateways")
app.add_typer(ledger.app, name="ledger")
app.add_typer(maintenance.app, name="maintenance")
app.add_typer(reconcile.app, name="reconcile")
app.add_typer(risk.app, name="risk")
app.add_typer(wallet.app, name="credits")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(users.app, name="users")
app.command("test", context_settings=testing.PASS_ALL_ON)(testing.test)


def run() -> None:
    """Run the command that the command line names; what serves for long raises the level of its logs itself."""
    logs.configure("ERROR")  # a command says itself what it did
    try:
        app(prog_name="till")
    except TillError as error:
        fail(error)


def fail(error: TillError) -> NoReturn:
    """Say what happened, why and what to do next, and end."""
    typer.secho(error.title, err=True, fg=typer.colors.RED, bold=True)
    if error.detail != error.title:
        typer.echo(f"  why   {_indented(error.detail)}", err=True)
    typer.echo(f"  next  {_indented(error.next_step)}", err=True)
    unreachable = error.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY}
    raise SystemExit(ExitCode.UNREACHABLE if unreachable else ExitCode.FAILED)


def _indented(text: str) -> str:
    return text.replace("\n", "\n        ")
