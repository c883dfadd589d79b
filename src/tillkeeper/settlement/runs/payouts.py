"""What it means when a payout, its lines and the bank's account differ."""

from datetime import timedelta

from tillkeeper.kernel import money
from tillkeeper.settlement.runs.rules import Terms, judge_lonely, wait
from tillkeeper.settlement.runs.values import Finding, Home, Kind, Lonely, Settled

MEMBERS_WAITS = {"stripe": timedelta(days=7)}
"""How long a gateway may leave open what a payout is made of, where that is longer than it may leave a line out."""
bank_wait_days = 3
"""How long after the promised day a payout may take to reach the bank."""


def judge_payout(settled: Settled, terms: Terms) -> list[Finding]:
    """Compare a payout with its lines and with the bank."""
    found = [] if settled.has_line else [judge_lonely(Lonely(ours=settled.ours), terms)]
    found += [_judge_sum(settled, terms), _judge_bank(settled, terms)]
    return [each for each in found if each]


def _judge_sum(settled: Settled, terms: Terms) -> Finding | None:
    ours = settled.ours
    if not settled.automatic or settled.total == settled.sent:
        return None
    if not settled.lines and ours.at + members_wait(terms.gateway) > terms.now:
        return _unopened(settled) if settled.has_line else None  # without its line it is looked at again anyway
    shown = money.show(settled.total, ours.currency), money.show(settled.sent, ours.currency)
    return Finding(
        kind=Kind.PAYOUT_SUM_MISMATCH,
        subject=f"payout:{ours.id}",
        detail=f"The {settled.lines} lines of this payout come to {shown[0]}, and {shown[1]} was paid out.",
        theirs=settled.total,
        ours=settled.sent,
        currency=ours.currency,
        difference=settled.total - settled.sent,
        object=ours.id,
    )


def _unopened(settled: Settled) -> Finding:
    """Keep a payout in sight of which nobody has told yet what it is made of."""
    ours = settled.ours
    shown = money.show(settled.sent, ours.currency)
    return Finding(
        kind=Kind.IN_TRANSIT,
        subject=f"payout:{ours.id}",
        detail=f"{shown} was paid out, and the gateway does not say yet what that is made of; there is still time.",
        theirs=None,
        ours=settled.sent,
        currency=ours.currency,
        object=ours.id,
    )


def _judge_bank(settled: Settled, terms: Terms) -> Finding | None:
    ours = settled.ours
    due = (settled.arrives_at or ours.at) + timedelta(days=bank_wait_days)
    if settled.in_bank or ours.status == "failed" or not settled.bank_known or due > terms.now:
        return None
    if settled.paid and not settled.named and settled.alike:  # nobody can tell, and our books say that it arrived
        return None
    shown = money.show(-ours.amount, ours.currency)
    said = "The gateway says that {} arrived ({})" if settled.paid else "{} left the gateway ({})"
    hint = f" It shows the same amount on {settled.alike}." if settled.alike else ""
    return Finding(
        kind=Kind.PAYOUT_MISSING_IN_BANK,
        subject=f"payout:{ours.id}",
        detail=f"{said.format(shown, settled.reference)}, and no line of the bank's account names it.{hint}",
        # Once the gateway says that it arrived it is another disagreement, and what a person said before is undone.
        theirs=-ours.amount if settled.paid else None,
        ours=None if settled.paid else -ours.amount,
        currency=ours.currency,
        difference=ours.amount,
        home=None if settled.paid else Home.BANK,
        object=ours.id,
    )


def members_wait(gateway: str) -> timedelta:
    """Tell how long a gateway may leave open what a payout is made of."""
    return MEMBERS_WAITS.get(gateway, wait(gateway))
