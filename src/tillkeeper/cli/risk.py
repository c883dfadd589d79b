"""`till risk`: which payments are held or turned away, and what people decide about those that were held."""

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillkeeper.cli import context
from tillkeeper.flows.assess import limits_of
from tillkeeper.flows.guard import Listing, put_on_list, set_rules, take_off_list
from tillkeeper.flows.read import read
from tillkeeper.flows.review import Verdict, review
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import Status
from tillkeeper.reports import paging
from tillkeeper.reports import payment as payments
from tillkeeper.reports import risk as report
from tillkeeper.risk import Rule, Side, Trait
from tillkeeper.risk import check as check_rules
from tillkeeper.till import Till
from tillkeeper.web.api.risk import RuleBody, Rules

app = typer.Typer(help="Which payments are held or turned away, and why.", no_args_is_help=True)
RuleFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of JSON; - for standard input.")]
Payment = Annotated[str, typer.Argument(help="The id of a payment that is in review.")]
Reason = Annotated[str | None, typer.Option(help="Why, for whoever looks at it later.")]


@app.command()
def rules(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List the rules by which payments are scored."""
    found: Any = context.with_till(data_dir, lambda till: read(till, report.rules))
    if as_json:
        typer.echo(json.dumps({"rules": found["data"]}, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "when", "score", "why"):
        table.add_column(name, justify="right" if name == "score" else "left")
    for each in found["data"]:
        name = escape(each["id"]) if each["enabled"] else f"[dim]{escape(each['id'])} (off)[/]"
        table.add_row(name, escape(_when(each)), f"+{each['score']}", escape(each["reason"]))
    Console().print(table)


@app.command("set-rules")
def replace_rules(file: RuleFile, *, yes: context.Yes = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """Put the rules of a file in force in the place of all others; `till risk rules --json` writes such a file."""
    wanted = [each.rule() for each in _parsed(Rules, file.read_text()).rules]
    check_rules(wanted)
    context.confirm(f"Judge payments by these {len(wanted)} rules alone?", yes=yes)
    context.with_till(data_dir, lambda till: set_rules(till, wanted))
    typer.echo(f"{len(wanted)} rules are in force.")


@app.command("try")
def try_rule(
    rule: Annotated[str, typer.Argument(help="A rule as JSON, such as one of `till risk rules --json`.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=365, help="How much of the past to look at.")] = 30,
    as_json: context.AsJson = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Try a rule on payments of the past before it is switched on; nothing changes."""
    wanted: Rule = _parsed(RuleBody, rule).rule()
    check_rules([wanted])
    found: Any = context.with_till(
        data_dir,
        lambda till: read(till, lambda tx: report.try_rule(tx, wanted, days=days, limits=limits_of(till))),
    )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(f"Of {found['payments']:,} payments in {days} days the rule applies to {found['applies_to']:,}.")
    for each in found["decisions"]:
        if each["before"] != each["after"]:
            typer.echo(f"  {each['before']} becomes {each['after']}: {each['payments']:,}")
    stopped = found["stopped"]
    if stopped["payments"]:
        typer.echo(
            f"It would have held or turned away {stopped['payments']:,}: {stopped['paid']:,} of them were paid, "
            f"{stopped['refunded']:,} refunded and {stopped['disputed']:,} disputed, such as "
            f"{', '.join(stopped['examples'][:3])}."
        )
    if not found["complete"]:
        typer.echo(f"Only the newest {found['payments']:,} were looked at.")


@app.command()
def reviews(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List the payments whose money is held until somebody rules on them."""
    wanted = payments.Filter(status=Status.IN_REVIEW, limit=100)
    found: Any = context.with_till(data_dir, lambda till: read(till, lambda tx: payments.find(tx, wanted)))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found["data"]:
        typer.echo("Nothing waits for a person.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("payment", "amount", "score", "why"):
        table.add_column(name, justify="right" if name in {"amount", "score"} else "left", overflow="fold")
    for each in found["data"]:
        scored = each["risk"] or {"score": "", "reasons": []}
        who = f"{each['id']}\n[dim]{escape(each['user'] or '')}[/]"
        table.add_row(
            who,
            money.show(each["amount"], each["currency"]),
            str(scored["score"]),
            escape(", ".join(scored["reasons"])),
        )
    Console().print(table)
    typer.echo("Next: till risk approve PAYMENT, or till risk reject PAYMENT [--block].")


@app.command()
def approve(
    payment: Payment, *, reason: Reason = None, yes: context.Yes = False, data_dir: context.DataDir = context.DATA_DIR
) -> None:
    """Take the money of a payment that was held."""
    context.confirm("Take the money, and deliver?", yes=yes)
    _rule(payment, Verdict(approved=True, reason=reason), data_dir)


@app.command()
def reject(
    payment: Payment,
    *,
    reason: Reason = None,
    block: Annotated[bool, typer.Option("--block", help="Keep the same buyer from paying again.")] = False,
    yes: context.Yes = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Let the money of a payment go that was held."""
    context.confirm("Let the money go?", yes=yes)
    _rule(payment, Verdict(approved=False, reason=reason, block=block), data_dir)


@app.command("lists")
def show_lists(*, as_json: context.AsJson = False, data_dir: context.DataDir = context.DATA_DIR) -> None:
    """List who is never held up, and who never pays."""
    found = context.with_till(data_dir, _everybody)
    if as_json:
        typer.echo(json.dumps({"object": "list", "data": found}, indent=2))
        return
    if not found:
        typer.echo("Nobody is on a list.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("entry", "list", "who", "why", "until"):
        table.add_column(name, overflow="fold")
    for each in found:
        who = f"{each['trait']} {escape(each['value'])}"
        table.add_row(each["id"], each["side"], who, escape(each["note"]), each["expires_at"] or "")
    Console().print(table)


@app.command("list")
def put(
    side: Annotated[Side, typer.Argument(help="allow, or block.")],
    trait: Annotated[Trait, typer.Argument(help="By what somebody is recognised: user, address or fingerprint.")],
    value: Annotated[str, typer.Argument(help="Who it is.")],
    *,
    note: Annotated[str, typer.Option(help="Why, for whoever looks at it later.")],
    until: Annotated[str, typer.Option(help="A moment such as 2027-01-31T00:00:00Z; for ever when absent.")] = "",
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Write somebody on the list of those who are never held up, or of those who never pay."""
    ends: datetime | None = context.moment(until)
    listing = Listing(side=side, trait=trait, value=value, note=note, expires_at=ends)
    entry = context.with_till(data_dir, lambda till: put_on_list(till, listing))
    typer.echo(f"{value} is on the {side} list: {ids.text('entry', entry)}")


@app.command("unlist")
def remove(
    entry: Annotated[str, typer.Argument(help="The id of an entry; `till risk lists` shows them.")],
    *,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Take somebody off a list."""
    id_ = ids.parse("entry", entry)
    context.with_till(data_dir, lambda till: take_off_list(till, id_))
    typer.echo("Taken off the list.")


async def _everybody(till: Till) -> list[Any]:
    """Read the lists, page by page."""
    found: list[Any] = []
    page: Any = {"next_cursor": None, "has_more": True}
    while page["has_more"]:
        here = partial(report.lists, side=None, limit=paging.limit_max, cursor=page["next_cursor"])
        page = await read(till, here)
        found += page["data"]
    return found


def _rule(payment: str, verdict: Verdict, data_dir: Path) -> None:
    id_ = ids.parse("payment", payment)
    shown: Any = context.with_till(data_dir, lambda till: review(till, context.once(), id_, verdict)).body
    if "detail" in shown:
        raise context.RefusedError(shown["detail"])
    typer.echo(f"{shown['id']} is {shown['status']}.")


def _when(rule: dict[str, Any]) -> str:
    value = ", ".join(map(str, rule["value"])) if isinstance(rule["value"], list) else rule["value"]
    words = f"{rule['fact'].replace('_', ' ')} {rule['operator'].replace('_', ' ')} {value}"
    return f"{words} ({rule['currency']})" if rule["currency"] else words


def _parsed(kind: Any, text: str) -> Any:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the rule"
        message = f"{where}: {first['msg']}."
        raise InvalidFieldError(message) from error
