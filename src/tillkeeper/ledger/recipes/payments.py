"""Payments: money that a gateway has taken for us, and what it keeps of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, moves, shift
from tillkeeper.ledger.values import Journal, Posting


def capture(
    payment: UUID,
    *,
    gateway: str,
    currency: str,
    amount: int,
    credits_to: Literal["deferred", "other"],
    at: datetime,
    tax: int = 0,
) -> Journal:
    """Book money that a gateway has taken for us, owed in goods (`deferred`) or earned at once (`other`).

    The part of it that is tax is owed to the tax office.
    """
    owed = chart.deferred_revenue(currency) if credits_to == "deferred" else chart.revenue_other(currency)
    clearing = chart.clearing(gateway, currency)
    postings = moves(clearing, owed, amount - tax) + moves(clearing, chart.tax_payable(currency), tax)
    return journal("payment", payment, "capture", at, postings)


def fee(payment: UUID, *, gateway: str, currency: str, amount: int, at: datetime, tax: int = 0) -> Journal:
    """Book what the gateway keeps of a payment, and how much of that is tax where it says so."""
    return journal("payment", payment, "fee", at, _kept(gateway, currency, amount, tax))


def fee_correction(
    payment: UUID, *, gateway: str, currency: str, difference: int, reference: str, at: datetime, tax: int = 0
) -> Journal:
    """Book that a fee was larger (positive) or smaller (negative) than first told; `reference` names the proof.

    `tax` is by how much more or less of it is tax than was booked so: all of it, where none was known at first.
    """
    return journal("payment", payment, f"fee_correction:{reference}", at, _kept(gateway, currency, difference, tax))


def surplus_captured(refund: UUID, *, gateway: str, currency: str, amount: int, fee: int, at: datetime) -> Journal:
    """Book a second capture: all of it is owed back, and the gateway keeps a fee."""
    clearing = chart.clearing(gateway, currency)
    postings = moves(clearing, chart.refund_payable(currency), amount)
    postings += moves(chart.fees_processing(gateway, currency), clearing, fee)
    return journal("refund", refund, "surplus", at, postings)


def _kept(gateway: str, currency: str, amount: int, tax: int) -> tuple[Posting, ...]:
    """Move what a gateway keeps, or gives back of it, the tax apart."""
    clearing = chart.clearing(gateway, currency)
    parts = (chart.fees_processing(gateway, currency), amount - tax), (chart.fees_tax(gateway, currency), tax)
    return tuple(posting for expense, part in parts for posting in shift(expense, clearing, part))
