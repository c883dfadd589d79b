"""How each event is booked: plain values in, a journal out; the key makes every fact unrepeatable."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tillkeeper.facts import CREDITS, Earned
from tillkeeper.ledger import chart
from tillkeeper.ledger.values import Account, Journal, Posting


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSplit:
    """Hold what a refund takes back: money by whether it was earned, goods by where they came from.

    `unearned` + `earned` is the refund. `from_wallet` units leave the user's hands, `to_debt` could not be found
    there. `recognised` is the money of other lots whose credits went instead: nobody can spend those any more.
    """

    currency: str
    unearned: int = 0
    earned: int = 0
    user: UUID | None = None
    unit: str = CREDITS
    from_wallet: int = 0
    to_debt: int = 0
    recognised: tuple[Earned, ...] = ()


def capture(
    payment: UUID,
    *,
    gateway: str,
    currency: str,
    amount: int,
    credits_to: Literal["deferred", "other"],
    at: datetime,
) -> Journal:
    """Book money that a gateway has taken for us, owed in goods (`deferred`) or earned at once (`other`)."""
    owed = chart.deferred_revenue(currency) if credits_to == "deferred" else chart.revenue_other(currency)
    return _journal("payment", payment, "capture", at, _moves(chart.clearing(gateway, currency), owed, amount))


def fee(payment: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book what the gateway keeps of a payment."""
    expense, clearing = chart.fees_processing(gateway, currency), chart.clearing(gateway, currency)
    return _journal("payment", payment, "fee", at, _moves(expense, clearing, amount))


def fee_correction(
    payment: UUID, *, gateway: str, currency: str, difference: int, reference: str, at: datetime
) -> Journal:
    """Book that a fee was larger (positive) or smaller (negative) than first told; `reference` names the proof."""
    expense, clearing = chart.fees_processing(gateway, currency), chart.clearing(gateway, currency)
    moves = _moves(expense, clearing, difference) if difference > 0 else _moves(clearing, expense, -difference)
    return _journal("payment", payment, f"fee_correction:{reference}", at, moves)


def surplus_captured(refund: UUID, *, gateway: str, currency: str, amount: int, fee: int, at: datetime) -> Journal:
    """Book a second capture: all of it is owed back, and the gateway keeps a fee."""
    clearing = chart.clearing(gateway, currency)
    moves = _moves(clearing, chart.refund_payable(currency), amount)
    moves += _moves(chart.fees_processing(gateway, currency), clearing, fee)
    return _journal("refund", refund, "surplus", at, moves)


def grant(
    payment: UUID,
    *,
    user: UUID,
    units: int,
    at: datetime,
    unit: str = CREDITS,
    recognised: Iterable[Earned] = (),
) -> Journal:
    """Book goods that a payment brought, and the money that is earned by handing them over."""
    moves = _moves(chart.issuer(unit), chart.held(unit, user), units) + _recognised(recognised, unit)
    return _journal("payment", payment, "grant", at, moves)


def debt_repaid(
    source: Literal["payment", "refund"],
    source_id: UUID,
    *,
    user: UUID,
    units: int,
    recognised: Iterable[Earned],
    at: datetime,
) -> Journal:
    """Book credits that went against what the user owes; nobody can spend them any more, so their money is earned."""
    moves = _moves(chart.wallet(user), chart.wallet_debt(user), units) + _recognised(recognised)
    return _journal(source, source_id, "debt_repaid", at, moves)


def spend(spend_id: UUID, *, user: UUID, units: int, earned: Iterable[Earned], at: datetime) -> Journal:
    """Book credits that a user spent, and the money that is earned by it."""
    moves = _moves(chart.wallet(user), chart.credits_issuer(), units) + _recognised(earned)
    return _journal("spend", spend_id, "spend", at, moves)


def refund_requested(refund: UUID, *, split: RefundSplit, at: datetime) -> Journal:
    """Book a refund that was promised: the money is owed to the customer, the credits are gone."""
    return _journal("refund", refund, "requested", at, _refund(split))


def refund_met_goods(refund: UUID, *, split: RefundSplit, at: datetime) -> list[Journal]:
    """Book what an earlier refund takes of goods that are handed over only now; all its money was booked as owed."""
    money = _moves(chart.refunds_of_earned(split.currency), chart.deferred_revenue(split.currency), split.earned)
    postings = money + _goods(split)
    return [_journal("refund", refund, "met_goods", at, postings)] if postings else []


def refund_succeeded(refund: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book that the gateway has sent the money back."""
    moves = _moves(chart.refund_payable(currency), chart.clearing(gateway, currency), amount)
    return _journal("refund", refund, "succeeded", at, moves)


def refund_returned(refund: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book that money sent back has come home: a refund that succeeded and failed later."""
    moves = _moves(chart.clearing(gateway, currency), chart.refund_payable(currency), amount)
    return _journal("refund", refund, "returned", at, moves)


def refund_reversed(refund: UUID, *, split: RefundSplit, at: datetime) -> Journal:
    """Book that a refund failed: the mirror of its request, so the goods come back and nothing is owed."""
    mirrored = tuple(Posting(debit=each.credit, credit=each.debit, amount=each.amount) for each in _refund(split))
    return _journal("refund", refund, "reversed", at, mirrored)


def _refund(split: RefundSplit) -> tuple[Posting, ...]:
    payable = chart.refund_payable(split.currency)
    money = _moves(chart.deferred_revenue(split.currency), payable, split.unearned)
    money += _moves(chart.refunds_of_earned(split.currency), payable, split.earned)
    return money + _goods(split)


def _goods(split: RefundSplit) -> tuple[Posting, ...]:
    """Move the units that a refund takes, and the money of others that went instead."""
    money = _recognised(split.recognised, split.unit)
    if split.user is None:
        assert not split.from_wallet, split
        assert not split.to_debt, split
        return money
    issuer = chart.issuer(split.unit)
    units = _moves(chart.held(split.unit, split.user), issuer, split.from_wallet)
    return money + units + _moves(chart.wallet_debt(split.user), issuer, split.to_debt)


def _recognised(earned: Iterable[Earned], unit: str = CREDITS) -> tuple[Posting, ...]:
    """Turn money owed in goods into income, one posting per currency."""
    totals: Counter[str] = Counter()
    for each in earned:
        totals[each.currency] += each.amount
    return tuple(
        posting
        for currency, amount in sorted(totals.items())
        for posting in _moves(chart.deferred_revenue(currency), chart.earned_with(unit, currency), amount)
    )


def _moves(debit: Account, credit: Account, amount: int) -> tuple[Posting, ...]:
    """Leave out a movement of nothing; the posting itself refuses a negative one."""
    return (Posting(debit=debit, credit=credit, amount=amount),) if amount else ()


def _journal(source: str, source_id: UUID, kind: str, at: datetime, postings: tuple[Posting, ...]) -> Journal:
    return Journal(source=source, source_id=str(source_id), kind=kind, postings=postings, effective_at=at)
