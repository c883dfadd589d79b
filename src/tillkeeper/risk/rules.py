"""Score a payment by rules that are data, and say what follows from the score."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.risk.values import Assessment, Decision, Fact, Facts, Limits, Operator, Rule, Side

score_max = 100
score_of_failure = 50
rules_max = 100
choices_max = 200
network_bits = 64
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
TEXTS = frozenset({Fact.CURRENCY})
NOT_SCORED = Assessment(
    score=score_of_failure, decision=Decision.REVIEW, reasons=("the score could not be worked out",)
)
"""What is made of a payment when scoring fails: a person looks at it."""


def assess(rules: Iterable[Rule], facts: Facts, limits: Limits) -> Assessment:
    """Add up the rules that apply; of several about the same fact only the heaviest counts."""
    heaviest: dict[Fact, Rule] = {}
    for rule in rules:
        known = heaviest.get(rule.fact)
        if applies(rule, facts) and (known is None or rule.score > known.score):
            heaviest[rule.fact] = rule
    hits = sorted(heaviest.values(), key=lambda rule: (-rule.score, rule.id))
    score = min(sum(rule.score for rule in hits), score_max)
    return Assessment(
        score=score,
        decision=decide(score, limits),
        reasons=tuple(f"{rule.reason} (+{rule.score})" for rule in hits),
        facts=facts,
    )


def applies(rule: Rule, facts: Facts) -> bool:
    """Tell whether a rule applies; what is not known applies to nothing."""
    value = facts.get(rule.fact)
    if not rule.enabled or value is None or (rule.currency and rule.currency != facts.get(Fact.CURRENCY)):
        return False
    match rule.operator:
        case Operator.MORE_THAN:
            return isinstance(value, int) and isinstance(rule.value, int) and value > rule.value
        case Operator.LESS_THAN:
            return isinstance(value, int) and isinstance(rule.value, int) and value < rule.value
        case Operator.EQUALS:
            return value == rule.value
        case Operator.ONE_OF:
            return isinstance(rule.value, tuple) and str(value) in rule.value


def decide(score: int, limits: Limits) -> Decision:
    """Say what follows from a score."""
    if score >= limits.block:
        return Decision.BLOCK
    return Decision.REVIEW if score >= limits.review else Decision.ALLOW


def listed(sides: Iterable[Side], assessment: Assessment) -> Assessment:
    """Let the lists have the last word; who stands on both is turned away."""
    found = set(sides)
    if Side.BLOCK in found:
        reasons = ("on the block list", *assessment.reasons)
        return Assessment(score=score_max, decision=Decision.BLOCK, reasons=reasons, facts=assessment.facts)
    if Side.ALLOW in found:
        return Assessment(score=0, decision=Decision.ALLOW, reasons=("on the allow list",), facts=assessment.facts)
    return assessment


def unholdable(assessment: Assessment) -> Assessment:
    """Turn a payment away that would have to be held, where nobody can hold it."""
    reasons = (*assessment.reasons, "it would have to be held, and cannot be in this way of paying")
    return Assessment(score=assessment.score, decision=Decision.BLOCK, reasons=reasons, facts=assessment.facts)


def known(kept: Mapping[str, int | str | None]) -> dict[Fact, int | str | None]:
    """Read facts that were kept; one that no rule knows any more is left out."""
    names = set(Fact)
    return {Fact(name): value for name, value in kept.items() if name in names}


def check(rules: Sequence[Rule]) -> None:
    """Check rules before they are used; raises InvalidFieldError that names what is wrong."""
    if len(rules) > rules_max:
        message = f"There are at most {rules_max} rules."
        raise InvalidFieldError(message, param="rules")
    seen: set[str] = set()
    for rule in rules:
        problem = f"The id {rule.id!r} is taken twice." if rule.id in seen else _problem(rule)
        if problem:
            raise InvalidFieldError(problem, param=rule.id if NAME.fullmatch(rule.id) else "rules")
        seen.add(rule.id)


def network(address: str) -> str:
    """Write an address so that the same sender is recognised: of version 6 the network, which one sender has whole.

    Raises InvalidFieldError.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError as error:
        message = "An address is one of IP version 4 or 6."
        raise InvalidFieldError(message, param="address") from error
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), network_bits), strict=False))


def _problem(rule: Rule) -> str | None:
    """Say what is wrong with a rule, if anything is."""
    if not NAME.fullmatch(rule.id):
        return "An id of a rule is 1 to 64 small letters, digits and underscores, a letter first."
    if not 1 <= rule.score <= score_max:
        return f"{rule.id}: a score is from 1 to {score_max}."
    if not rule.reason.strip():
        return f"{rule.id}: say in `reason` why it counts."
    return _misfit(rule)


def _misfit(rule: Rule) -> str | None:
    """Say how a value does not go with its operator and fact."""
    text = rule.fact in TEXTS
    match rule.operator:
        case Operator.ONE_OF:
            fits = isinstance(rule.value, tuple) and 1 <= len(rule.value) <= choices_max
            return None if fits else f"{rule.id}: one_of takes a list of 1 to {choices_max} texts."
        case Operator.EQUALS:
            fits = isinstance(rule.value, str) if text else isinstance(rule.value, int)
            return None if fits else f"{rule.id}: {rule.fact} is compared with a {'text' if text else 'number'}."
        case Operator.MORE_THAN | Operator.LESS_THAN:
            fits = not text and isinstance(rule.value, int)
            return None if fits else f"{rule.id}: {rule.operator} compares a number with a number."
