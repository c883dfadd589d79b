"""Payments: money that a gateway has taken for us, and what it keeps of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, moves
from tillkeeper.ledger.values import Journal


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
    return journal("payment", payment, "capture", at, moves(chart.clearing(gateway, currency), owed, amount))


def fee(payment: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book what the gateway keeps of a payment."""
    expense, clearing = chart.fees_processing(gateway, currency), chart.clearing(gateway, currency)
    return journal("payment", payment, "fee", at, moves(expense, clearing, amount))


def fee_correction(
    payment: UUID, *, gateway: str, currency: str, difference: int, reference: str, at: datetime
) -> Journal:
    """Book that a fee was larger (positive) or smaller (negative) than first told; `reference` names the proof."""
    expense, clearing = chart.fees_processing(gateway, currency), chart.clearing(gateway, currency)
    postings = moves(expense, clearing, difference) if difference > 0 else moves(clearing, expense, -difference)
    return journal("payment", payment, f"fee_correction:{reference}", at, postings)


def surplus_captured(refund: UUID, *, gateway: str, currency: str, amount: int, fee: int, at: datetime) -> Journal:
    """Book a second capture: all of it is owed back, and the gateway keeps a fee."""
    clearing = chart.clearing(gateway, currency)
    postings = moves(clearing, chart.refund_payable(currency), amount)
    postings += moves(chart.fees_processing(gateway, currency), clearing, fee)
    return journal("refund", refund, "surplus", at, postings)
