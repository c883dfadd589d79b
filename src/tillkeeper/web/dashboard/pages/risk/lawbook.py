"""The rules by which payments are scored, and what one would have done to payments of the past."""

from enum import StrEnum
from typing import Any, TypeVar

from starlette.responses import Response

from tillkeeper import risk
from tillkeeper.flows.assess import limits_of
from tillkeeper.flows.guard import drop_rule, set_rule
from tillkeeper.flows.read import survey
from tillkeeper.kernel import money
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError, TillError
from tillkeeper.reports import risk as report
from tillkeeper.risk import Fact, Operator, Rule
from tillkeeper.web.dashboard.desk import Desk, Json
from tillkeeper.web.dashboard.pages.risk.words import FACTS, OPERATORS

Name = TypeVar("Name", bound=StrEnum)
days_default = 30
days_max = 365
reason_length_max = 200
CHOICES: Json = {"facts": list(FACTS.items()), "operators": list(OPERATORS.items())}


async def show(desk: Desk) -> Response:
    """List the rules that are in force."""
    found: Any = await survey(desk.till, report.rules)
    return desk.page(
        "risk_rules.html", rules=found["data"], limits=limits_of(desk.till), facts=FACTS, operators=OPERATORS
    )


async def show_trial(desk: Desk) -> Response:
    """Tell what a rule would have done, or ask which one to try."""
    trial, error = None, None
    if desk.given("fact"):
        try:
            trial = await _tried(desk)
        except TillError as found:
            error = found
    fields = dict(desk.fields) or {"days": str(days_default)}
    status = int(error.status) if error else 200
    return desk.page("risk_try.html", status=status, trial=trial, fields=fields, error=error, **CHOICES)


async def _tried(desk: Desk) -> Json:
    rule = _rule(desk, desk.given("id") or "tried", reason=desk.given("reason") or "tried")
    risk.check([rule])
    days = desk.number("days") if desk.given("days") else days_default
    if days is None or not 1 <= days <= days_max:
        message = f"A rule is tried on 1 to {days_max} days."
        raise InvalidFieldError(message, param="days")
    limits = limits_of(desk.till)
    found: Json = await survey(desk.till, lambda tx: report.try_rule(tx, rule, days=days, limits=limits))
    return found


async def ask_add(desk: Desk) -> Response:
    """Ask for a new rule."""
    fields = dict(desk.fields) | ({} if desk.error else {"enabled": "yes"})
    return desk.dialog("risk_rule.html", fields=fields, known=None, **CHOICES)


async def do_add(desk: Desk) -> Response:
    """Judge by one more rule."""
    rule = _rule(desk, desk.need("id"), reason=_reason(desk))
    await set_rule(desk.till, rule, new=True)
    return desk.done("/risk/rules", f"The rule “{rule.id}” is {_state(rule)}.")


async def ask_change(desk: Desk) -> Response:
    """Show a rule as it is, to be changed."""
    known = await _known(desk)
    fields = dict(desk.fields) if desk.fields else _fields(known)
    return desk.dialog("risk_rule.html", fields=fields, known=known, **CHOICES)


async def do_change(desk: Desk) -> Response:
    """Judge by a rule as it is now."""
    rule = _rule(desk, desk.part("rule"), reason=_reason(desk))
    await set_rule(desk.till, rule, new=False)
    return desk.done("/risk/rules", f"The rule “{rule.id}” was changed and is {_state(rule)}.")


async def ask_remove(desk: Desk) -> Response:
    """Say what it means to judge without a rule."""
    return desk.dialog("risk_rule_remove.html", rule=await _known(desk))


async def do_remove(desk: Desk) -> Response:
    """Judge by one rule less."""
    await drop_rule(desk.till, desk.part("rule"))
    return desk.done("/risk/rules", f"The rule “{desk.part('rule')}” is gone.")


async def _known(desk: Desk) -> Json:
    found: Any = await survey(desk.till, report.rules)
    known: Json | None = next((rule for rule in found["data"] if rule["id"] == desk.part("rule")), None)
    if known is None:
        message = "No rule has this name."
        raise NotFoundError(message)
    return known


def _fields(rule: Json) -> Json:
    """Write a rule as its form shows it."""
    value = ", ".join(rule["value"]) if isinstance(rule["value"], list) else str(rule["value"])
    shown = {name: str(rule[name] or "") for name in ("id", "fact", "operator", "currency", "score", "reason")}
    return shown | {"value": value} | ({"enabled": "yes"} if rule["enabled"] else {})


def _rule(desk: Desk, name: str, *, reason: str) -> Rule:
    """Read a rule from a form; what does not fit together is found out when it is put to use."""
    fact, operator = _one_of(Fact, desk.need("fact"), "fact"), _one_of(Operator, desk.need("operator"), "operator")
    currency, score = desk.given("currency"), desk.number("score")
    if score is None:
        message = "Say how much the rule counts: a score from 1 to 100."
        raise InvalidFieldError(message, param="score")
    return Rule(
        id=name,
        fact=fact,
        operator=operator,
        value=_value(desk, fact, operator),
        currency=money.currency(currency) if currency else None,
        score=score,
        reason=reason,
        enabled=desk.given("enabled") is not None,
    )


def _value(desk: Desk, fact: Fact, operator: Operator) -> int | str | tuple[str, ...]:
    written = desk.need("value")
    if operator is Operator.ONE_OF:
        return tuple(part.strip() for part in written.split(",") if part.strip())
    if fact is Fact.CURRENCY:
        return written.upper()
    return desk.number("value") or 0


def _one_of(names: type[Name], written: str, param: str) -> Name:
    try:
        return names(written)
    except ValueError as error:
        message = f"“{param}” is one of {', '.join(names)}."
        raise InvalidFieldError(message, param=param) from error


def _reason(desk: Desk) -> str:
    reason = desk.need("reason")
    if len(reason) > reason_length_max:
        message = f"A reason has at most {reason_length_max} characters."
        raise InvalidFieldError(message, param="reason")
    return reason


def _state(rule: Rule) -> str:
    return "in force" if rule.enabled else "switched off"
