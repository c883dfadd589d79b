"""Disputes: money that a gateway holds back, and loses or regains for us; and goods that are set apart meanwhile."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tillkeeper.facts import CREDITS, Earned
from tillkeeper.ledger import chart
from tillkeeper.ledger.recipes.writing import journal, moves, recognise, shift
from tillkeeper.ledger.values import Journal, Posting


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSplit:
    """Hold what a claim does to a user's goods; `lost` is money in `currency` that was owed in them, or is again.

    `frozen` units are set apart and `thawed` ones free again. For good, `from_frozen` ones go from there, `from_wallet`
    ones leave the user's hands, and `to_debt` could not be found; `restored` ones come back, and `repaid` of them go
    against what the user owes.
    """

    user: UUID
    currency: str
    unit: str = CREDITS
    frozen: int = 0
    thawed: int = 0
    from_frozen: int = 0
    from_wallet: int = 0
    to_debt: int = 0
    restored: int = 0
    repaid: int = 0
    lost: int = 0
    recognised: tuple[Earned, ...] = ()


def dispute_moved(
    dispute: UUID, *, number: int, gateway: str, currency: str, withdrawn: int, fee: int, at: datetime
) -> list[Journal]:
    """Book what a gateway took for a dispute or gave back, and its fee; nothing when nothing moved.

    `number` tells apart the movements of one dispute: money may be taken, come back and be taken again.
    """
    clearing = chart.clearing(gateway, currency)
    postings = shift(chart.dispute_receivable(gateway, currency), clearing, withdrawn)
    postings += shift(chart.fees_dispute(gateway, currency), clearing, fee)
    kind = "reinstated" if withdrawn < 0 else "withdrawn" if withdrawn else "dispute_fee"
    return [journal("dispute", dispute, f"{kind}:{number}", at, postings)] if postings else []


def dispute_lost(
    dispute: UUID,
    *,
    number: int,
    gateway: str,
    currency: str,
    lost: int,
    paid_in: str,
    unearned: int,
    at: datetime,
) -> list[Journal]:
    """Book money that nobody expects back: `unearned` of it was still owed in goods, the rest is a loss.

    What was owed is in the currency of the payment, `paid_in`; where that is another one, it lowers the loss there.
    """
    receivable = chart.dispute_receivable(gateway, currency)
    covered = max(0, min(lost, unearned)) if currency == paid_in else 0
    postings = moves(chart.deferred_revenue(paid_in), receivable, covered)
    postings += shift(chart.chargeback_loss(currency), receivable, lost - covered)
    postings += _owed_no_more(paid_in, unearned - covered)
    return [journal("dispute", dispute, f"lost:{number}", at, postings)] if postings else []


def surplus_lost(dispute: UUID, *, number: int, gateway: str, currency: str, owed: int, at: datetime) -> list[Journal]:
    """Book money of a second capture that a bank gave back before we did: it is owed to nobody any more."""
    postings = shift(chart.refund_payable(currency), chart.dispute_receivable(gateway, currency), owed)
    return [journal("dispute", dispute, f"owed:{number}", at, postings)] if postings else []


def goods_claimed(
    source: Literal["dispute", "refund"], source_id: UUID, kind: str, *, split: ClaimSplit, at: datetime
) -> list[Journal]:
    """Book what claims do to goods, and what of their money is owed no more; nothing when they change nothing."""
    postings = _units(split) + recognise(split.recognised, split.unit) + _owed_no_more(split.currency, split.lost)
    return [journal(source, source_id, kind, at, postings)] if postings else []


def tax_lost(
    source: Literal["dispute", "refund"], source_id: UUID, kind: str, *, currency: str, amount: int, at: datetime
) -> list[Journal]:
    """Book the tax in money that was lost: it is not owed to the tax office any more and lowers the loss."""
    postings = shift(chart.tax_payable(currency), chart.chargeback_loss(currency), amount)
    return [journal(source, source_id, kind, at, postings)] if postings else []


def _owed_no_more(currency: str, amount: int) -> tuple[Posting, ...]:
    """Let money that was owed in goods stand for a loss: with the goods it is not owed any more."""
    return shift(chart.deferred_revenue(currency), chart.chargeback_loss(currency), amount)


def _units(split: ClaimSplit) -> tuple[Posting, ...]:
    held, issuer = chart.held(split.unit, split.user), chart.issuer(split.unit)
    postings = shift(held, issuer, split.from_wallet - split.restored)
    if split.unit != CREDITS:  # cards that are suspended stay where they are
        return postings
    frozen, debt = chart.wallet_frozen(split.user), chart.wallet_debt(split.user)
    postings += shift(held, frozen, split.frozen - split.thawed) + moves(frozen, issuer, split.from_frozen)
    return postings + moves(debt, issuer, split.to_debt) + moves(held, debt, split.repaid)
