"""`till bench`: measure what this machine and this version really do."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tillkeeper.cli import ExitCode, context
from tillkeeper.ops import bench as ops_bench
from tillkeeper.ops.bench import comparing, growing, pages, scaling, soak
from tillkeeper.ops.bench.pages import PagesReport
from tillkeeper.ops.bench.report import NOT_MEASURED, Report
from tillkeeper.ops.bench.subject import MILLISECONDS, shown

STYLES = {"goal reached": "green", "floor held": "yellow", "below the floor": "bold red", "no floor": "dim"}
PLOT = Path("soak.svg")
page_asked_times = 20
page_payments = 1_000_000
growth_payments = 2_100_000
"""Which leave five million journals behind."""


class What(StrEnum):
    """Name what can be measured."""

    INGEST = "ingest"
    SETTLE = "settle"
    LEDGER = "ledger"
    END_TO_END = "end-to-end"
    CREATE = "create"
    RECONCILE = "reconcile"
    PAGES = "pages"
    GROWTH = "growth"
    SOAK = "soak"
    SCALING = "scaling"
    PEERS = "peers"
    ALL = "all"


def bench(  # noqa: PLR0913 (its options)
    what: Annotated[What, typer.Argument(help="What to measure.")] = What.ALL,
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often; the figures are medians.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="How long each cell of a round takes.")] = 3,
    database_url: Annotated[
        str | None, typer.Option(help="A server to measure on, in a database made and dropped for it.")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Also tell where the time goes.")] = False,
    kill: Annotated[bool, typer.Option("--kill", help="Also kill -9 worker and PostgreSQL under load.")] = False,
    payments: Annotated[
        int | None, typer.Option(min=10, help="For pages (1,000,000) and growth (2,100,000): how long a history.")
    ] = None,
    peers_venv: Annotated[
        Path | None,
        typer.Option(envvar="TILL_BENCH_PEERS", help="For peers: the venv with dj-stripe and the others."),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """Measure rates as ratios to what PostgreSQL itself does on this machine, in the same minute."""
    if what is What.PAGES:
        _measure_pages(payments or page_payments, seconds, database_url, as_json=as_json)
    if what is What.SOAK:
        _soak(rounds, seconds, database_url, as_json=as_json)
    if what is What.SCALING:
        _scale(seconds, database_url, as_json=as_json)
    if what is What.GROWTH:
        long = payments or growth_payments
        report = growing.run(payments=long, rounds=rounds, seconds=seconds, database_url=database_url, say=_say)
    elif what is What.PEERS:
        report = comparing.run(venv=peers_venv, rounds=rounds, seconds=seconds, database_url=database_url, say=_say)
    else:
        report = ops_bench.run(
            list(ops_bench.SUBJECTS) if what is What.ALL else [what.value],
            rounds=rounds,
            seconds=seconds,
            database_url=database_url,
            profile=profile,
            kill=kill,
            say=_say,
        )
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show(report, Console())
    raise typer.Exit(exit_code(report))


def _say(line: str) -> None:
    typer.echo(line, err=True)


def exit_code(report: Report) -> ExitCode:
    """End with 4 when a promise was broken, whatever the speed."""
    return ExitCode.PROBLEMS if report.wrong else ExitCode.OK


def _soak(portions: int, seconds: int, database_url: str | None, *, as_json: bool) -> None:
    """Keep a steady load up, draw what was seen into a file, and end with what was found."""
    found = soak.run(portions=portions, seconds=seconds, database_url=database_url, say=_say)
    PLOT.write_text(soak.draw(found))
    shaped = found.as_json()
    if as_json:
        typer.echo(json.dumps(shaped, indent=2))
    else:
        for name in ("sent", "figures", "invariants"):
            typer.echo(f"{name}: {shaped[name]}")
        typer.echo(f"Drawn over time in {PLOT.resolve()}.")
    raise typer.Exit(ExitCode.PROBLEMS if found.wrong else ExitCode.OK)


def _scale(seconds: int, database_url: str | None, *, as_json: bool) -> None:
    """Measure what a payment costs, and end with what ten, a hundred and a thousand times as many would take."""
    found = scaling.run(seconds=seconds, database_url=database_url, say=_say)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        raise typer.Exit(ExitCode.PROBLEMS if found.wrong else ExitCode.OK)
    shaped = found.as_json()
    for name in ("machine", "costs", "bytes_per_payment", "measured_at_1"):
        typer.echo(f"{name.replace('_', ' ')}: {shaped[name]}")
    columns = ("a second", "APIs", "workers", "PostgreSQL cores", "WAL MiB/s", "GiB a year", "p50 ms", "p99 ms")
    table = Table(*columns, box=None, pad_edge=False)
    for need in found.needs:
        plant, seen = need.plant, need.foreseen
        row = (need.per_second, plant.api, plant.workers, need.postgres_cores, need.wal_mib_per_second)
        table.add_row(*(f"{value:,}" for value in (*row, need.gib_per_year, seen.p50_ms, seen.p99_ms)))
    Console().print(table)
    raise typer.Exit(ExitCode.PROBLEMS if found.wrong else ExitCode.OK)


def _measure_pages(payments: int, seconds: int, database_url: str | None, *, as_json: bool) -> None:
    """Measure the pages of the dashboard, and end with what was found."""
    typer.echo(f"pages: laying in {payments:,} payments", err=True)
    found = pages.run(payments=payments, times=page_asked_times, seconds=seconds, database_url=database_url)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        _show_pages(found, Console())
    raise typer.Exit(ExitCode.PROBLEMS if found.wrong else ExitCode.OK)


def _show_pages(found: PagesReport, console: Console) -> None:
    table = Table("page, milliseconds until all of it is there", box=None, pad_edge=False)
    for name in ("p50", "p95", "max"):
        table.add_column(name, justify="right")
    for each in sorted(found.pages, key=lambda page: -page.p95):
        table.add_row(each.page, *(str(value) for value in each.as_json().values()))
    console.print(" · ".join(f"{name} {value}" for name, value in found.machine.items()), style="dim", highlight=False)
    console.print(table)
    told = " · ".join(f"{name.replace('_', ' ')} in {value:,} ms" for name, value in found.took_ms.items())
    console.print(f"{found.payments:,} payments: {told}", highlight=False)
    if found.feed:
        heard = " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.feed.as_json().items())
        console.print(f"live feed: {heard}", highlight=False)
    for sentence in found.wrong:
        console.print(f"WRONG  {sentence}", style="bold red", highlight=False)


def _show(report: Report, console: Console) -> None:
    for facts in (report.machine, report.settings):
        console.print(" · ".join(f"{name} {value}" for name, value in facts.items()), style="dim", highlight=False)
    console.print(_rates(report))
    console.print(_goals(report))
    for subject, parts in report.parts.items():
        table = Table("part of " + subject, box=None, pad_edge=False)
        table.add_column("µs each", justify="right")
        for part in parts:
            table.add_row(part.name, f"{part.nanoseconds / 1000:.1f}")
        console.print(table)
    if report.killed:
        told = " · ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in report.killed.items())
        console.print(f"under kill -9: {told}", highlight=False)
    for number, install in report.missing.items():
        console.print(f"{number} was not measured. Install what it needs, then run this again with --peers-venv:")
        console.print(f"  {install}", highlight=False, markup=False, soft_wrap=True)
    for sentence in report.wrong:
        console.print(f"WRONG  {sentence}", style="bold red", highlight=False)
    console.print("Every promise was kept." if not report.wrong else "The figures count for nothing: see above.")


def _rates(report: Report) -> Table:
    table = Table("measured", box=None, pad_edge=False)
    for name in ("median", "lowest", "highest"):
        table.add_column(name, justify="right")
    for name, spread in report.rates().items():
        figures = (shown(name, round(value)) for value in (spread.median, spread.min, spread.max))
        table.add_row(name.removesuffix(MILLISECONDS), *figures)
    return table


def _goals(report: Report) -> Table:
    table = Table("", "ratio within a round", box=None, pad_edge=False)
    for name in ("median", "lowest", "highest", "floor", "goal"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for each in report.measured():
        values = (each.ratio.median, each.ratio.min, each.ratio.max, each.goal.floor, each.goal.goal)
        figures = ("" if value is None else f"{value.numerator / value.denominator:.2f}" for value in values)
        table.add_row(each.goal.number, each.goal.what, *figures, f"[{STYLES[each.verdict]}]{each.verdict}[/]")
    for number in report.missing:
        table.add_row(number, "", *("" for _ in range(5)), f"[dim]{NOT_MEASURED}[/]")
    return table
