"""Refunds: promised, sent, failed, and what they take back of goods."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import CREDITS, Earned
from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, moves, recognise
from tillkeeper.ledger.values import Journal, Posting


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSplit:
    """Hold what a refund takes back: money by whether it was earned, goods by where they came from.

    `unearned` + `earned` + `tax` is the refund. `from_wallet` units leave the user's hands, `from_frozen` ones were not
    in them any more, and `to_debt` could not be found. `recognised` is the money of other lots whose credits went
    instead: nobody can spend those any more.
    """

    currency: str
    unearned: int = 0
    earned: int = 0
    tax: int = 0
    user: UUID | None = None
    unit: str = CREDITS
    from_wallet: int = 0
    from_frozen: int = 0
    to_debt: int = 0
    recognised: tuple[Earned, ...] = ()


def refund_requested(refund: UUID, *, split: RefundSplit, at: datetime) -> Journal:
    """Book a refund that was promised: the money is owed to the customer, the credits are gone."""
    return journal("refund", refund, "requested", at, _refund(split))


def refund_met_goods(refund: UUID, *, split: RefundSplit, at: datetime) -> list[Journal]:
    """Book what an earlier refund takes of goods that are handed over only now; all its money was booked as owed."""
    money = moves(chart.refunds_of_earned(split.currency), chart.deferred_revenue(split.currency), split.earned)
    postings = money + _goods(split)
    return [journal("refund", refund, "met_goods", at, postings)] if postings else []


def refund_restored(refund: UUID, *, split: RefundSplit, at: datetime) -> list[Journal]:
    """Book what a failed refund gives back of goods only now; all its money was booked as if it were owed again."""
    money = moves(chart.refunds_of_earned(split.currency), chart.deferred_revenue(split.currency), split.earned)
    mirrored = _mirror(money + _goods(split))
    return [journal("refund", refund, "restored", at, mirrored)] if mirrored else []


def refund_succeeded(refund: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book that the gateway has sent the money back."""
    postings = moves(chart.refund_payable(currency), chart.clearing(gateway, currency), amount)
    return journal("refund", refund, "succeeded", at, postings)


def refund_returned(refund: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book that money sent back has come home: a refund that succeeded and failed later."""
    postings = moves(chart.clearing(gateway, currency), chart.refund_payable(currency), amount)
    return journal("refund", refund, "returned", at, postings)


def refund_reversed(refund: UUID, *, split: RefundSplit, at: datetime) -> Journal:
    """Book that a refund failed: the mirror of its request, so the goods come back and nothing is owed."""
    return journal("refund", refund, "reversed", at, _mirror(_refund(split)))


def _mirror(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    return tuple(Posting(debit=each.credit, credit=each.debit, amount=each.amount) for each in postings)


def _refund(split: RefundSplit) -> tuple[Posting, ...]:
    payable = chart.refund_payable(split.currency)
    money = moves(chart.deferred_revenue(split.currency), payable, split.unearned)
    money += moves(chart.refunds_of_earned(split.currency), payable, split.earned)
    money += moves(chart.tax_payable(split.currency), payable, split.tax)
    return money + _goods(split)


def _goods(split: RefundSplit) -> tuple[Posting, ...]:
    """Move the units that a refund takes, and the money of others that went instead."""
    money = recognise(split.recognised, split.unit)
    if split.user is None:
        assert not split.from_wallet, split
        assert not split.from_frozen, split
        assert not split.to_debt, split
        return money
    issuer = chart.issuer(split.unit)
    units = moves(chart.held(split.unit, split.user), issuer, split.from_wallet)
    units += moves(chart.wallet_frozen(split.user), issuer, split.from_frozen)
    return money + units + moves(chart.wallet_debt(split.user), issuer, split.to_debt)
