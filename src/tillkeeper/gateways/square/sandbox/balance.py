"""The merchant's balance: what a payment, refund or dispute did to it, in the entries that payouts are made of.

The fee is 2.9 % plus 30 minor units, rounded half up; it is kept when a payment is refunded. Each currency settles
in itself.
"""

from tillkeeper.gateways.square.sandbox.act import Act, stamp
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

fee_per_mille = 29
fee_fixed_minor = 30
entry_id_length = 30

DETAILS = {
    "CHARGE": "type_charge_details",
    "REFUND": "type_refund_details",
    "OPEN_DISPUTE": "type_open_dispute_details",
    "DISPUTE": "type_dispute_details",
}
MOVEMENTS = ("FEE", "TAX_ON_FEE", "RESERVE_HOLD", "RESERVE_RELEASE", "ADJUSTMENT")


def fee(amount: int) -> int:
    """Work out Square's fee on a completed amount, in minor units; never more than the amount."""
    return min((amount * fee_per_mille + 500) // 1000 + fee_fixed_minor, amount)


def enter(act: Act, kind: str, amount: int, currency: str, *, fee_amount: int = 0, **details: str) -> Json:
    """Move the merchant's balance by a signed amount, less the fee."""
    shown = {
        "id": f"poe_{token(entry_id_length)}",
        "effective_at": stamp(act.now),
        "type": kind,
        "gross_amount_money": {"amount": amount, "currency": currency},
        "fee_amount_money": {"amount": fee_amount, "currency": currency},
        "net_amount_money": {"amount": amount - fee_amount, "currency": currency},
        **({DETAILS[kind]: details} if kind in DETAILS else {}),
    }
    return act.change.put({"id": shown["id"], "object": "entry", "created": act.now, "shown": shown})
