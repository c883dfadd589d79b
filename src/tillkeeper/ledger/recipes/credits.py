"""Credits beside purchases: given or taken by hand, ended by time, forgiven, taken over from an earlier system."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tillkeeper.facts import Earned
from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, moves, recognise
from tillkeeper.ledger.values import Journal, Posting


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditsOpening:
    """Hold what a user brought along from an earlier system, and what became of it at once.

    `owed` is the money still owed in these credits; `debt_repaid` of them went against older debt, and that `earned`
    money.
    """

    user: UUID
    units: int = 0
    debt: int = 0
    owed: tuple[Earned, ...] = ()
    debt_repaid: int = 0
    earned: tuple[Earned, ...] = ()


def credits_given(
    adjustment: UUID, *, kind: Literal["bonus", "adjustment"], user: UUID, units: int, debt_repaid: int, at: datetime
) -> Journal:
    """Book credits that nobody paid for, and what the user owed and they repaid; no money moves."""
    postings = moves(chart.credits_issuer(), chart.wallet(user), units)
    postings += moves(chart.wallet(user), chart.wallet_debt(user), debt_repaid)
    return journal("adjustment", adjustment, kind, at, postings)


def credits_taken(adjustment: UUID, *, user: UUID, units: int, earned: Iterable[Earned], at: datetime) -> Journal:
    """Book credits that somebody took away, and the money that nobody can spend any more."""
    postings = moves(chart.wallet(user), chart.credits_issuer(), units) + _lapsed(earned)
    return journal("adjustment", adjustment, "adjustment", at, postings)


def credits_expired(lot: UUID, *, user: UUID, units: int, earned: Earned, at: datetime) -> Journal:
    """Book credits whose time was over; a lot can end again when a refund that failed has filled it once more."""
    postings = moves(chart.wallet(user), chart.credits_issuer(), units) + _lapsed([earned])
    return journal("lot", lot, f"expire:{at.isoformat()}", at, postings)


def credits_opened(adoption: UUID, *, opening: CreditsOpening, at: datetime) -> list[Journal]:
    """Book what a user brought along: credits in circulation, money still owed for them, or credits owed to us.

    The money itself never came in here, so it stands against the opening account; nothing to bring is no journal.
    """
    user, issuer = opening.user, chart.credits_issuer()
    postings = moves(issuer, chart.wallet(user), opening.units)
    postings += moves(chart.wallet(user), chart.wallet_debt(user), opening.debt_repaid)
    postings += moves(chart.wallet_debt(user), issuer, opening.debt)
    for each in opening.owed:
        postings += moves(chart.opening(each.currency), chart.deferred_revenue(each.currency), each.amount)
    postings += recognise(opening.earned)
    return [journal("import", adoption, "opening", at, postings)] if postings else []


def debt_written_off(adjustment: UUID, *, user: UUID, units: int, at: datetime) -> Journal:
    """Book credits that a user owes no more: they were used, so they are in circulation again."""
    return journal(
        "adjustment", adjustment, "write_off", at, moves(chart.credits_issuer(), chart.wallet_debt(user), units)
    )


def _lapsed(earned: Iterable[Earned]) -> tuple[Posting, ...]:
    """Turn money owed in credits that ended unspent into income."""
    return tuple(
        posting
        for each in earned
        for posting in moves(chart.deferred_revenue(each.currency), chart.breakage(each.currency), each.amount)
    )
