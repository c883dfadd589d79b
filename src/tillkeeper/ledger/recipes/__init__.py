"""How each event is booked: plain values in, a journal out; the key makes every fact unrepeatable."""

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
    "RefundSplit",
    "capture",
    "debt_repaid",
    "fee",
    "fee_correction",
    "grant",
    "refund_met_goods",
    "refund_requested",
    "refund_returned",
    "refund_reversed",
    "refund_succeeded",
    "spend",
    "surplus_captured",
]
