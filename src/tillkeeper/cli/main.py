"""The list of commands, and what every command does when it fails."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib import import_module
from types import MappingProxyType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from tillkeeper.cli import ExitCode
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import DatabaseUnavailableError, TillError

# Each command stands in a module of its own, which is read when the command is called: all of them take three seconds.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "demo:demo",
        "serve": "serving:serve",
        "worker": "serving:worker",
        "wheelhouse": "wheelhouse:wheelhouse",
        "celery": "celery:app",
        "sandbox": "serving:sandbox",
        "migrate": "migrate:migrate",
        "doctor": "doctor:doctor",
        "health": "health:health",
        "preflight": "preflight:preflight",
        "smoke": "smoke:smoke",
        "ready": "ready:ready",
        "secrets": "secrets:app",
        "retain": "retain:retain",
        "trigger": "trigger:trigger",
        "listen": "listen:listen",
        "bench": "bench:bench",
        "chaos": "chaos:chaos",
        "backup": "backup:backup",
        "restore": "backup:restore",
        "restore-drill": "backup:restore_drill",
        "isolation": "isolation:app",
        "import": "importing:take_over",
        "openapi": "openapi:openapi",
        "report": "report:report",
        "sbom": "sbom:sbom",
        "payments": "payments:app",
        "refund": "refunds:give_back",
        "refund-requests": "refunds:app",
        "disputes": "disputes:app",
        "events": "events:app",
        "gateways": "gateways:app",
        "ledger": "ledger:app",
        "mail": "mail:app",
        "maintenance": "maintenance:app",
        "reconcile": "reconcile:app",
        "risk": "risk:app",
        "credits": "wallet:app",
        "keys": "keys:app",
        "audit": "audit:app",
        "users": "users:app",
        "test": "testing:test",
    }
)


DATABASE_NEXT = "Start PostgreSQL, or correct DATABASE_URL: `till doctor` looks at both."
"""Over HTTP the same error speaks of keys to whoever sent a request; nobody at a shell has one."""
PASS_ALL_ON = MappingProxyType({"test": {"allow_extra_args": True, "ignore_unknown_options": True}})


class Commands(TyperGroup):
    """Read the module of a command when it is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, _: Any, cmd_name: str) -> Any:
        """Make the command of that name, if there is one."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        found = getattr(import_module(f"tillkeeper.cli.{module}"), name)
        command = typer.main.get_group(found) if isinstance(found, typer.Typer) else _alone(cmd_name, found)
        command.name = cmd_name
        return command


def _alone(name: str, does: Any) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(context_settings=PASS_ALL_ON.get(name))(does)
    return typer.main.get_command(app)


app = typer.Typer(
    cls=Commands,
    help="Tillkeeper: a captured payment becomes goods, exactly once, and books that balance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, and those can hold secrets
)


@app.callback()
def begin() -> None:
    """Say nothing in logs that a command says itself; what serves for long raises their level."""
    logs.configure("ERROR")


def run() -> None:
    """Run the command that the command line names."""
    try:
        app(prog_name="till")
    except TillError as error:
        fail(error)


def fail(error: TillError) -> NoReturn:
    """Say what happened, why and what to do next, and end."""
    typer.secho(error.title, err=True, fg=typer.colors.RED, bold=True)
    if error.detail != error.title:
        typer.echo(f"  why   {_indented(error.detail)}", err=True)
    at_a_shell = DATABASE_NEXT if error.next_step == DatabaseUnavailableError.next_step else error.next_step
    typer.echo(f"  next  {_indented(at_a_shell)}", err=True)
    unreachable = error.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY}
    raise SystemExit(ExitCode.UNREACHABLE if unreachable else ExitCode.FAILED)


def _indented(text: str) -> str:
    return text.replace("\n", "\n        ")
