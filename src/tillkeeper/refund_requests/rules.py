"""What a policy makes of a wish for money back, as pure functions: values in, values out."""

from datetime import datetime, timedelta

from tillkeeper.kernel import money
from tillkeeper.refund_requests.values import Approved, Facts, NeedsApproval, Policy, Refused, Ruling

WHOLE_BPS = 10_000


def decide(
    policy: Policy, facts: Facts, amount: int, *, override: bool, now: datetime, by_buyer: bool = False
) -> Ruling:
    """Measure a wish by the policy; an override lifts window, shares and use of the goods, and always needs a person.

    Limits are about what has gone back of the payment in all, so that many small refunds are one large one. What a
    buyer could gain by asking is looked at by a person.
    """
    forbidden = _forbidden(policy, facts, amount, override=override, now=now)
    if forbidden:
        return Refused(reason=forbidden)
    people, reason = _people(policy, facts, facts.given_back + amount, override=override, by_buyer=by_buyer)
    return NeedsApproval(people=people, reason=reason) if people else Approved(reason=reason)


def needs_second_person(policy: Policy, *, currency: str, total: int) -> int | None:
    """Tell the limit above which one person may not give money back alone, when `total` is above it."""
    alone = policy.one_person_max(currency)
    return alone if alone is not None and total > alone else None


def loosens(before: Policy, after: Policy) -> bool:
    """Tell whether one person could let more go back alone by other rules than by those before."""
    named = before.second_person_amounts.keys() | after.second_person_amounts.keys()
    limits = [(before.one_person_max(currency), after.one_person_max(currency)) for currency in named]
    limits.append((before.second_person_units, after.second_person_units))  # of every currency that is not named
    return any(old is not None and (new is None or new > old) for old, new in limits)


def _people(policy: Policy, facts: Facts, total: int, *, override: bool, by_buyer: bool) -> tuple[int, str]:
    """Tell how many people must agree that so much goes back of a payment in all, and why."""
    unit, shown = facts.currency, _shown(total, facts.currency)
    alone, most = policy.one_person_max(unit), policy.auto_approve_max(unit)
    if alone is not None and total > alone:
        return 2, f"{shown} goes back of this payment in all; above {_shown(alone, unit)} two people agree."
    if override:
        return 1, "The policy is overridden; a person agrees to that."
    if total > most:
        return 1, f"{shown} goes back of this payment in all; above {_shown(most, unit)} a person agrees."
    if by_buyer and facts.drawn:
        return 1, "Chance chose these goods; a person agrees before somebody draws again."
    if by_buyer and total < facts.captured:
        return 1, "A buyer asks for a part, and goods go back in whole pieces; a person looks at what would stay."
    return 0, f"{shown} is not above {_shown(most, unit)}; nobody needs to be asked."


def _forbidden(policy: Policy, facts: Facts, amount: int, *, override: bool, now: datetime) -> str | None:
    """Say what forbids a wish, if anything does."""
    if facts.unused is not None and amount > facts.unused and not (override and policy.used_goods):
        return f"Part of the goods was used: at most {_shown(facts.unused, facts.currency)} can go back."
    if override:
        return None
    if policy.window_hours is not None and now > facts.captured_at + timedelta(hours=policy.window_hours):
        return f"The payment was captured more than {policy.window_hours} hours ago."
    if amount * WHOLE_BPS < facts.captured * policy.share_min_bps:
        return f"{_shown(amount, facts.currency)} is less than {_percent(policy.share_min_bps)} of the payment."
    total = facts.given_back + amount
    if total * WHOLE_BPS > facts.captured * policy.share_max_bps:
        return f"{_shown(total, facts.currency)} in all is more than {_percent(policy.share_max_bps)} of the payment."
    return None


def _shown(amount: int, currency: str) -> str:
    return money.show(amount, currency)


def _percent(bps: int) -> str:
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02} %" if rest else f"{whole} %"
