"""Goods: handed over, spent, and set against what a user owes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from tillkeeper.facts import CREDITS, Earned
from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, moves, recognise
from tillkeeper.ledger.values import Journal


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
    postings = moves(chart.issuer(unit), chart.held(unit, user), units) + recognise(recognised, unit)
    return journal("payment", payment, "grant", at, postings)


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
    postings = moves(chart.wallet(user), chart.wallet_debt(user), units) + recognise(recognised)
    return journal(source, source_id, "debt_repaid", at, postings)


def spend(spend_id: UUID, *, user: UUID, units: int, earned: Iterable[Earned], at: datetime) -> Journal:
    """Book credits that a user spent, and the money that is earned by it."""
    postings = moves(chart.wallet(user), chart.credits_issuer(), units) + recognise(earned)
    return journal("spend", spend_id, "spend", at, postings)
