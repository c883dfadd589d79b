"""How each event is booked: plain values in, a journal out; the key makes every fact unrepeatable."""

from tillkeeper.ledger.recipes.credits import (
    CreditsOpening,
    credits_expired,
    credits_given,
    credits_opened,
    credits_taken,
    debt_written_off,
)
from tillkeeper.ledger.recipes.disputes import ClaimSplit, dispute_lost, dispute_moved, goods_claimed, tax_lost
from tillkeeper.ledger.recipes.goods import debt_repaid, grant, spend
from tillkeeper.ledger.recipes.payments import capture, fee, fee_correction, surplus_captured
from tillkeeper.ledger.recipes.payouts import payout_created, payout_failed, payout_paid
from tillkeeper.ledger.recipes.refunds import (
    RefundSplit,
    refund_met_goods,
    refund_requested,
    refund_restored,
    refund_returned,
    refund_reversed,
    refund_succeeded,
)
from tillkeeper.ledger.recipes.settlement import (
    Exchange,
    Moved,
    accepted,
    charged,
    converted,
    explained,
    overtaken,
    reserved,
    settled_elsewhere,
    suspended,
    tolerated,
)

__all__ = [
    "ClaimSplit",
    "CreditsOpening",
    "Exchange",
    "Moved",
    "RefundSplit",
    "accepted",
    "capture",
    "charged",
    "converted",
    "credits_expired",
    "credits_given",
    "credits_opened",
    "credits_taken",
    "debt_repaid",
    "debt_written_off",
    "dispute_lost",
    "dispute_moved",
    "explained",
    "fee",
    "fee_correction",
    "goods_claimed",
    "grant",
    "overtaken",
    "payout_created",
    "payout_failed",
    "payout_paid",
    "refund_met_goods",
    "refund_requested",
    "refund_restored",
    "refund_returned",
    "refund_reversed",
    "refund_succeeded",
    "reserved",
    "settled_elsewhere",
    "spend",
    "surplus_captured",
    "suspended",
    "tax_lost",
    "tolerated",
]
