"""How each event is booked: plain values in, a journal out; the key makes every fact unrepeatable."""

from tillkeeper.ledger.recipes.disputes import ClaimSplit, dispute_lost, dispute_moved, goods_claimed
from tillkeeper.ledger.recipes.goods import debt_repaid, grant, spend
from tillkeeper.ledger.recipes.payments import capture, fee, fee_correction, surplus_captured
from tillkeeper.ledger.recipes.refunds import (
    RefundSplit,
    refund_met_goods,
    refund_requested,
    refund_returned,
    refund_reversed,
    refund_succeeded,
)

__all__ = [
    "ClaimSplit",
    "RefundSplit",
    "capture",
    "debt_repaid",
    "dispute_lost",
    "dispute_moved",
    "fee",
    "fee_correction",
    "goods_claimed",
    "grant",
    "refund_met_goods",
    "refund_requested",
    "refund_returned",
    "refund_reversed",
    "refund_succeeded",
    "spend",
    "surplus_captured",
]
