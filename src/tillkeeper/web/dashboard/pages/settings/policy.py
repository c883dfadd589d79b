"""By which rules money goes back, and by which it did before."""

from dataclasses import fields as fields_of
from typing import Any

from starlette.responses import Response

from tillkeeper.flows.read import survey
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.kernel import money
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.refund_requests import Person, Policy
from tillkeeper.reports import refund_policy as report
from tillkeeper.web.dashboard import percents
from tillkeeper.web.dashboard.desk import Desk, Json
from tillkeeper.web.dashboard.pages.settings import tabs

units_max = 10**9
window_hours_max = 24 * 365 * 10
shares_max = 10_000
note_length_max = 1_000
currencies_max = 200
AMOUNTS = ("auto_approve_amounts", "second_person_amounts")
NUMBERS = {
    "auto_approve_units": (0, units_max),
    "second_person_units": (0, units_max),
    "window_hours": (1, window_hours_max),
}
SHARES = ("share_min_bps", "share_max_bps")
SWITCHES = ("used_goods", "direct_refunds")
TERMS = tuple(each.name for each in fields_of(Policy) if each.name != "version")
AMOUNT_WRONG = "Write one limit a line, such as “EUR 50.00”."


async def show(desk: Desk) -> Response:
    """Show the rules that are in force, what is proposed, and what was in force before."""
    found: Any = await survey(desk.till, report.find)
    return desk.page(
        "settings_policy.html",
        tabs=tabs.of(desk),
        proposed=[each for each in found["data"] if each["status"] == "proposed"],
        in_force=[each for each in found["data"] if each["status"] == "in_force"],
        past=[each for each in found["data"] if each["status"] == "past"],
    )


async def ask_change(desk: Desk) -> Response:
    """Show the rules that are in force, to be changed."""
    now = await survey(desk.till, report.show)
    return desk.dialog("settings_policy_change.html", fields=dict(desk.fields) or _fields(now))


async def do_change(desk: Desk) -> Response:
    """Put other rules in force, or propose them where a second person has to agree."""
    note = desk.given("note")
    if note and len(note) > note_length_max:
        message = f"A note has at most {note_length_max} characters."
        raise InvalidFieldError(message, param="note")
    terms = _terms(desk)
    now = await survey(desk.till, report.show)
    if all(now[name] == getattr(terms, name) for name in TERMS):
        message = "These are the rules that are in force."
        raise InvalidFieldError(message)
    by = Person(id=desk.principal.id, name=desk.principal.name)
    shown = await set_refund_policy(desk.till, terms, by=by, note=note)
    if shown["status"] == "proposed":
        told = "The rules are proposed: they count once somebody else has set the same."
    else:
        told = "The rules are in force for what is asked from now on."
    return desk.done("/settings/policy", told)


def _terms(desk: Desk) -> Policy:
    """Read rules from a form; raises InvalidFieldError or CurrencyNotSupportedError."""
    numbers = {name: _number(desk, name, *bounds) for name, bounds in NUMBERS.items()}
    shares = {name: _share(desk, name) for name in SHARES}
    switches = {name: desk.given(name) is not None for name in SWITCHES}
    given: Json = numbers | shares | switches | {name: _amounts(desk, name) for name in AMOUNTS}
    return Policy(**given)


def _number(desk: Desk, name: str, least: int, most: int) -> int | None:
    number = desk.number(name)
    if number is not None and not least <= number <= most:
        message = f"“{name.replace('_', ' ')}” is from {least} to {most}, or empty for no limit."
        raise InvalidFieldError(message, param=name)
    return number


def _share(desk: Desk, name: str) -> int:
    try:
        share = percents.basis_points(desk.need(name))
    except ValueError as error:
        message = "A share is a percentage from 0 to 100, such as 12.5."
        raise InvalidFieldError(message, param=name) from error
    if not 0 <= share <= shares_max:
        message = "A share is a percentage from 0 to 100."
        raise InvalidFieldError(message, param=name)
    return share


def _amounts(desk: Desk, name: str) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for line in (desk.given(name) or "").splitlines()[:currencies_max]:
        try:
            [code, amount] = line.split()
            code = money.currency(code)
            amounts[code] = money.minor(amount, code)
        except ValueError as error:
            raise InvalidFieldError(AMOUNT_WRONG, param=name) from error
        if amounts[code] < 0:
            raise InvalidFieldError(AMOUNT_WRONG, param=name)
    return amounts


def _fields(policy: Json) -> dict[str, str]:
    """Write rules as their form shows them."""
    shown = {name: "" if policy[name] is None else str(policy[name]) for name in NUMBERS}
    shown |= {name: percents.show(policy[name]) for name in SHARES}
    shown |= {name: "yes" for name in SWITCHES if policy[name]}
    for name in AMOUNTS:
        lines = [f"{code} {money.decimal(amount, code)}" for code, amount in policy[name].items()]
        shown[name] = "\n".join(lines)
    return shown
