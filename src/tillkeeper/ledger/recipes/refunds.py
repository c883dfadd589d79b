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


def refund_requested(refund: UUID, *, split: RefundSplit, at: datetime, goods_at: datetime) -> list[Journal]:
    """Book a refund that was promised: the money is owed to the customer, the credits are gone."""
    return _dated(refund, "requested", (_money(split), at), (_goods(split), goods_at))


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


def refund_reversed(refund: UUID, *, split: RefundSplit, at: datetime, goods_at: datetime) -> list[Journal]:
    """Book that a refund failed: the mirror of its request, so the goods come back and nothing is owed."""
    return _dated(refund, "reversed", (_mirror(_money(split)), at), (_mirror(_goods(split)), goods_at))


def _dated(
    refund: UUID, kind: str, money: tuple[tuple[Posting, ...], datetime], goods: tuple[tuple[Posting, ...], datetime]
) -> list[Journal]:
    """Book money and goods on their own days: in one journal, unless they moved at different times."""
    (paid, at), (taken, goods_at) = money, goods
    if at == goods_at or not taken:
        return [journal("refund", refund, kind, at, paid + taken)]
    return [journal("refund", refund, kind, at, paid), journal("refund", refund, f"{kind}_goods", goods_at, taken)]


def _mirror(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    return tuple(Posting(debit=each.credit, credit=each.debit, amount=each.amount) for each in postings)


def _money(split: RefundSplit) -> tuple[Posting, ...]:
    payable = chart.refund_payable(split.currency)
    money = moves(chart.deferred_revenue(split.currency), payable, split.unearned)
    money += moves(chart.refunds_of_earned(split.currency), payable, split.earned)
    return money + moves(chart.tax_payable(split.currency), payable, split.tax)


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
