"""Payouts: money on its way to the bank, arrived or come back, in whatever order that is told.

One below zero is money that the gateway takes from the bank: everything about it goes the other way.
"""

from datetime import datetime
from uuid import UUID

from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, shift
from tillkeeper.ledger.values import Journal


def payout_created(payout: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book that money left the gateway's balance for the bank."""
    on_its_way, clearing = chart.payout_in_transit(gateway, currency), chart.clearing(gateway, currency)
    return journal("payout", payout, "created", at, shift(on_its_way, clearing, amount))


def payout_paid(payout: UUID, *, gateway: str, currency: str, amount: int, at: datetime) -> Journal:
    """Book that the money reached the bank."""
    postings = shift(chart.bank(currency), chart.payout_in_transit(gateway, currency), amount)
    return journal("payout", payout, "paid", at, postings)


def payout_failed(
    payout: UUID, *, gateway: str, currency: str, amount: int, had_arrived: bool, at: datetime
) -> Journal:
    """Book that the bank sent the money back to the gateway's balance, perhaps after it had arrived."""
    clearing = chart.clearing(gateway, currency)
    held = chart.bank(currency) if had_arrived else chart.payout_in_transit(gateway, currency)
    return journal("payout", payout, "failed", at, shift(clearing, held, amount))
