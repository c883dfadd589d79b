"""`till chaos`: kill, stop and cut off real processes while clients buy, and prove afterwards that nothing was lost."""

import asyncio
import json
import random
from pathlib import Path
from typing import Annotated

import typer

from tillkeeper.cli import ExitCode, context
from tillkeeper.ops import chaos as ops_chaos
from tillkeeper.ops.chaos import schedule
from tillkeeper.ops.chaos.report import Report

seeds = 10**6


def chaos(  # noqa: PLR0913 (its options)
    *,
    payments: Annotated[int, typer.Option(min=10, help="How many clients buy something, all rounds together.")] = 300,
    disturbances: Annotated[
        int | None, typer.Option(min=0, help="How often something goes wrong; one for thirty payments.")
    ] = None,
    kills: Annotated[int, typer.Option(min=0, help="At least so many of them are a kill -9.")] = 0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="What everything follows from; printed, so it can repeat.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=0, help="Split it, each round on a new installation; 0: 2,000 payments each.")
    ] = 0,
    plan: Annotated[
        Path | None, typer.Option("--schedule", help="Replay a schedule.json that an earlier run wrote.")
    ] = None,
    celery: Annotated[
        bool, typer.Option("--celery", help="Let Celery on Redis do the work; needs redis-server.")
    ] = False,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="When it fails, look for fewer disturbances that do.")
    ] = False,
    shrink_minutes: Annotated[int, typer.Option(min=1, help="For how long.")] = 10,
    as_json: context.AsJson = False,
) -> None:
    """Kill, stop and cut off real processes by one seed while clients buy, then compare everybody's books.

    PostgreSQL (fsync on), two APIs, two workers, four imitated gateways and a proxy on every link run on this machine,
    in a folder of their own, for some minutes by default. Exit code 4 says that a promise was broken: read the
    violation.txt that is named, repeat it with the command that is printed, and report it with that file.
    """
    chosen = random.randrange(seeds) if seed is None else seed  # noqa: S311 (it guards nothing)
    wanted = payments // 30 if disturbances is None else disturbances
    campaign = ops_chaos.Campaign(
        seed=chosen, payments=payments, disturbances=max(wanted, kills), kills=kills, rounds=rounds, celery=celery
    )
    command, drawn = campaign.command, ops_chaos.plans(campaign)
    if plan:
        read = schedule.read(plan)
        chosen, command, drawn = read.seed, f"till chaos --schedule {plan}", iter([read])
    minutes = shrink_minutes if shrink else 0
    try:
        told = ops_chaos.run(drawn, seed=chosen, command=command, say=_say, shrink_minutes=minutes)
    except (asyncio.CancelledError, KeyboardInterrupt) as ended:
        typer.echo("Ended before the end; everything that ran is gone.", err=True)
        raise typer.Exit(ExitCode.FAILED) from ended
    typer.echo(json.dumps(told.as_json(), indent=2, default=str) if as_json else "\n".join(told.lines()))
    raise typer.Exit(exit_code(told))


def exit_code(told: Report) -> ExitCode:
    """End with 4 when a promise was broken."""
    return ExitCode.OK if told.sound else ExitCode.PROBLEMS


def _say(line: str) -> None:
    typer.echo(line, err=True)
