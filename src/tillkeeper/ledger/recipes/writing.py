"""The words in which every recipe is written: movements between two accounts, and the journal that holds them."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import CREDITS, Earned
from tillkeeper.ledger import chart
from tillkeeper.ledger.values import Account, Journal, Posting


def journal(source: str, source_id: UUID, kind: str, at: datetime, postings: tuple[Posting, ...]) -> Journal:
    """Name a fact by its source, and say what it moved."""
    return Journal(source=source, source_id=str(source_id), kind=kind, postings=postings, effective_at=at)


def moves(debit: Account, credit: Account, amount: int) -> tuple[Posting, ...]:
    """Leave out a movement of nothing; the posting itself refuses a negative one."""
    return (Posting(debit=debit, credit=credit, amount=amount),) if amount else ()


def shift(debit: Account, credit: Account, amount: int) -> tuple[Posting, ...]:
    """Move an amount that may be negative: then it goes the other way."""
    return moves(debit, credit, amount) if amount > 0 else moves(credit, debit, -amount)


def recognise(earned: Iterable[Earned], unit: str = CREDITS) -> tuple[Posting, ...]:
    """Turn money owed in goods into income, one posting per currency."""
    totals: Counter[str] = Counter()
    for each in earned:
        totals[each.currency] += each.amount
    return tuple(
        posting
        for currency, amount in sorted(totals.items())
        for posting in moves(chart.deferred_revenue(currency), chart.earned_with(unit, currency), amount)
    )
