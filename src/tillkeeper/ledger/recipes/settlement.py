"""What settlement lines bring: charges, reserves and conversions as told, and what nobody can explain yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, shift
from tillkeeper.ledger.values import Account, Journal


def charged(
    line: UUID, *, gateway: str, currency: str, fee: int, tax: int, for_payout: bool = False, at: datetime
) -> list[Journal]:
    """Book what the gateway charged by a line of its own, or beside a refund or payout; what it gives back is less."""
    clearing = chart.clearing(gateway, currency)
    expense = chart.fees_payout if for_payout else chart.fees_processing
    postings = shift(expense(gateway, currency), clearing, fee)
    postings += shift(chart.fees_tax(gateway, currency), clearing, tax)
    return [journal("settlement", line, "charged", at, postings)] if postings else []


def taken_over(line: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> list[Journal]:
    """Book what moves at the gateway for a payment that was booked in an earlier system; nothing of it is income."""
    postings = shift(chart.clearing(gateway, currency), chart.opening(currency), amount)
    return [journal("settlement", line, "taken_over", at, postings)] if postings else []


def reserved(line: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> list[Journal]:
    """Book what the gateway holds back (negative, as its balance sees it) or lets go again."""
    postings = shift(chart.clearing(gateway, currency), chart.reserve(gateway, currency), amount)
    return [journal("settlement", line, "reserved", at, postings)] if postings else []


def converted(line: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> list[Journal]:
    """Book one side of an exchange: what left the balance in one currency, or came in another."""
    postings = shift(chart.clearing(gateway, currency), chart.fx_trade(currency), amount)
    return [journal("settlement", line, "converted", at, postings)] if postings else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Hold something taken in `currency` that reached the balance in `settle_currency`.

    `expected_fee` was booked in the first and `fee` is kept in the second, for a dispute if `for_dispute`. `residual`
    is the minor unit that rounding left: what came exceeds what the rate gives by so much.
    """

    currency: str
    gross: int
    expected_fee: int
    settle_currency: str
    net: int
    fee: int
    tax: int
    residual: int
    for_dispute: bool = False


def settled_elsewhere(line: UUID, *, gateway: str, exchange: Exchange, at: datetime) -> Journal:
    """Book that money changed into another currency on its way to the balance, at the rate that its line says."""
    currency, settle = exchange.currency, exchange.settle_currency
    here, there = chart.clearing(gateway, currency), chart.clearing(gateway, settle)
    came = exchange.net + exchange.fee + exchange.tax
    expense = chart.fees_dispute if exchange.for_dispute else chart.fees_processing
    postings = shift(chart.fx_trade(currency), here, exchange.gross)
    postings += shift(here, expense(gateway, currency), exchange.expected_fee)
    postings += shift(there, chart.fx_trade(settle), came - exchange.residual)
    postings += shift(there, chart.rounding(settle), exchange.residual)
    postings += shift(expense(gateway, settle), there, exchange.fee)
    postings += shift(chart.fees_tax(gateway, settle), there, exchange.tax)
    return journal("settlement", line, "settled_elsewhere", at, postings)


def suspended(discrepancy: UUID, *, gateway: str, currency: str, difference: int, at: datetime) -> Journal:
    """Book by how much the gateway's balance moved more (or less) than our books can explain."""
    postings = shift(chart.clearing(gateway, currency), chart.suspense(gateway, currency), difference)
    return journal("discrepancy", discrepancy, "suspended", at, postings)


def explained(discrepancy: UUID, *, gateway: str, currency: str, difference: int, at: datetime) -> Journal:
    """Take what was unexplained out of the way again: what it was is booked under its own name."""
    postings = shift(chart.suspense(gateway, currency), chart.clearing(gateway, currency), difference)
    return journal("discrepancy", discrepancy, "explained", at, postings)


def tolerated(discrepancy: UUID, *, gateway: str, currency: str, difference: int, at: datetime) -> Journal:
    """Book a difference that is within tolerance."""
    postings = shift(chart.clearing(gateway, currency), chart.rounding(currency), difference)
    return journal("discrepancy", discrepancy, "tolerated", at, postings)


Moved = tuple[Account, Account, int]
"""From where a difference was held, to where it belongs, and how much of it; below zero it is the other way round."""


def accepted(discrepancy: UUID, *, moved: Sequence[Moved], at: datetime) -> Journal:
    """Book a difference that somebody accepts where it belongs, out of where it was held till then."""
    postings = tuple(posting for held, to, amount in moved for posting in shift(held, to, amount))
    return journal("discrepancy", discrepancy, "accepted", at, postings)


def overtaken(discrepancy: UUID, *, moved: Sequence[Moved], at: datetime) -> Journal:
    """Undo what somebody had accepted, because later evidence has booked it under its own name."""
    postings = tuple(posting for held, to, amount in moved for posting in shift(to, held, amount))
    return journal("discrepancy", discrepancy, "overtaken", at, postings)
