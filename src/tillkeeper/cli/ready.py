"""`till ready`: everything that can be looked at before real money moves, and one verdict."""

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tillkeeper.cli import ExitCode, context
from tillkeeper.cli import preflight as looking
from tillkeeper.cli import smoke as trying
from tillkeeper.cli.doctor import CHECKOUT
from tillkeeper.cli.preflight import Profile
from tillkeeper.flows.read import read
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops import alerts
from tillkeeper.ops import smoke as smokes
from tillkeeper.ops.preflight import Finding, Looked, State
from tillkeeper.reports import verdict
from tillkeeper.till import Till

BACKUPS = "tillkeeper.reports.backups"
backup_hours_max = 26


def ready(
    *,
    profile: Annotated[Profile, typer.Option(help="What it is meant for; staging is without real money.")] = (
        Profile.PRODUCTION
    ),
    url: Annotated[str, typer.Option(help="Where the service is; else TILL_PUBLIC_URL, or else the demo's.")] = "",
    sandbox: Annotated[str, typer.Option(help="Where `till sandbox` is, for a service that is not the demo's.")] = "",
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Run preflight, the smoke scripts, the proof of the books, and look at backups and alert rules: ready, or not."""
    found = looking.look(profile, data_dir)
    _say("preflight", found)
    found += _said("smoke", smoke(data_dir, url=url, sandbox=sandbox))
    found += _said("books", books(data_dir))
    found += _said("backups", backups(data_dir))
    found += _said("alerts", [alerts.check(CHECKOUT / "deploy")])
    go = looking.is_go(found)
    if as_json:
        typer.echo(json.dumps(looking.described(found) | {"verdict": "ready" if go else "not_ready"}, indent=2))
    else:
        looking.show([each for each in found if each.finding.state is not State.OK])
        fine = sum(each.finding.state is State.OK for each in found)
        problems = sum(each.finding.state is State.PROBLEM for each in found)
        typer.echo(
            f"READY: {fine} of {len(found)} are well." if go else f"NOT READY: {problems} to mend, {fine} are well."
        )
    raise typer.Exit(ExitCode.OK if go else ExitCode.PROBLEMS)


def smoke(data_dir: Path, *, url: str, sandbox: str) -> list[Finding]:
    """Try the service, if one runs."""
    try:
        target = trying.find(data_dir, url=url, sandbox=sandbox)
        steps = smokes.run(target, smokes.SCRIPTS, (), lambda _: None)
    except TillError as error:
        return [Finding("service", State.NOTE, error.detail, error.next_step)]
    if steps[0].failed and "Connect" in steps[0].says:
        return [Finding("service", State.NOTE, f"none runs at {target.api}", "Start `till serve`, and run this again.")]
    graded = {"ok": State.OK, "failed": State.PROBLEM, "left out": State.NOTE}
    return [Finding(f"{each.script} {each.step}", graded[each.state], each.says, _next(each)) for each in steps]


def _next(step: smokes.Step) -> str:
    return "Do that by hand before you go live." if step.state == "left out" else step.next_step


def books(data_dir: Path) -> list[Finding]:
    """Prove the books, as `till ledger check` does."""
    try:
        found = context.with_till(data_dir, lambda till: read(till, verdict.reach))
    except TillError as error:
        return [Finding("books", State.PROBLEM, f"They cannot be proved: {error.detail}", error.next_step)]
    if found.wrong:
        fix = "Stop refunds by hand until it is understood; `till ledger check` says all of it."
        return [Finding("books", State.PROBLEM, "; ".join(found.wrong[:3]), fix)]
    return [Finding("books", State.OK, f"they balance; keep {found.anchor} elsewhere")]


def backups(data_dir: Path) -> list[Finding]:
    """Look how old the last backup is, and whether restoring one was tried, where this version keeps that."""
    if find_spec(BACKUPS) is None:
        fix = "Make backups, and try restoring one, with your own tools."
        return [Finding("backups", State.NOTE, "this version does not know of any", fix)]
    report = import_module(BACKUPS)

    async def look(till: Till) -> tuple[int | None, bool | None]:
        return await read(till, report.age_seconds), await read(till, report.drill_success)

    try:
        age, passed = context.with_till(data_dir, look)
    except TillError as error:
        return [Finding("backups", State.PROBLEM, error.detail, error.next_step)]
    return [_backup(age), _drill(passed=passed)]


def _backup(age: int | None) -> Finding:
    if age is None or age > backup_hours_max * 3600:
        said = "there is none" if age is None else f"the last one is {age // 3600} h old"
        return Finding("backup", State.PROBLEM, said, "Run `till backup`, and let it run every night.")
    return Finding("backup", State.OK, f"the last one is {age // 3600} h old")


def _drill(*, passed: bool | None) -> Finding:
    if passed:
        return Finding("restore drill", State.OK, "the last one passed")
    said = "nobody has tried to restore a backup" if passed is None else "the last one failed"
    return Finding("restore drill", State.PROBLEM, said, "Run `till restore-drill`, and mend what it says.")


def _said(part: str, findings: list[Finding]) -> list[Looked]:
    found = [Looked(part, each) for each in findings]
    _say(part, found)
    return found


def _say(part: str, found: list[Looked]) -> None:
    problems = sum(each.finding.state is State.PROBLEM for each in found)
    typer.echo(f"{part}: {problems or 'nothing'} to mend", err=True)
