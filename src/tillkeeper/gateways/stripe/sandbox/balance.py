"""Balance transactions: what a charge, refund, dispute or payout did to the merchant's balance, with Stripe's fee.

The fee is 2.9 % plus 30 minor units, rounded half up, to whole units where Stripe only writes hundredths of them;
it is kept when a charge is refunded. Each currency settles in itself, so no exchange rate occurs.
"""

from tillkeeper.gateways.stripe.sandbox import lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.sandbox_kit.books import Json

fee_per_mille = 29
fee_fixed_minor = 30
available_after_seconds = 2 * 86_400

# By what happened: Stripe's type, its reporting category, and what it calls the fee.
KINDS = {
    "charge": ("charge", "charge", "Stripe processing fees"),
    "payment": ("payment", "charge", "Stripe processing fees"),
    "refund": ("refund", "refund", ""),
    "payment_refund": ("payment_refund", "refund", ""),
    "refund_failure": ("refund_failure", "refund_failure", ""),
    "dispute": ("adjustment", "dispute", "Dispute fee"),
    "dispute_reversal": ("adjustment", "dispute_reversal", ""),
    "payout": ("payout", "payout", ""),
    "payout_failure": ("payout_failure", "payout_failure", ""),
}
WHOLE = ("isk", "ugx")
"""Counted in hundredths, of which there are none."""
AT_ONCE = ("payout", "payout_failure")


def fee(amount: int, currency: str) -> int:
    """Work out Stripe's fee on a captured amount, in minor units, rounded half up."""
    kept = (amount * fee_per_mille + 500) // 1000 + fee_fixed_minor
    return (kept + 50) // 100 * 100 if currency in WHOLE else kept


def enter(act: Act, kind: str, source: Json, amount: int, *, fee_amount: int = 0) -> Json:
    """Move the merchant's balance by a signed amount, less the fee."""
    named, category, fee_description = KINDS[kind]
    fee_details = [
        {
            "amount": fee_amount,
            "application": None,
            "currency": source["currency"],
            "description": fee_description,
            "type": "stripe_fee",
        }
    ]
    return act.put(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": act.now if kind in AT_ONCE else act.now + available_after_seconds,
            "balance_type": "payments",
            "created": act.now,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee_amount,
            "fee_details": fee_details if fee_amount else [],
            "net": amount - fee_amount,
            "reporting_category": category,
            "source": source["id"],
            "status": "pending",
            "type": named,
        }
    )


def retrieve(act: Act, params: Params, transaction_id: str) -> Json:
    """Show a balance transaction."""
    params.done()
    return _as_of_now(act, act.load("balance_transaction", transaction_id))


def listing(act: Act, params: Params) -> Json:
    """List balance transactions, narrowed by source, type, currency or payout."""
    narrowed = {name: params.text(name) for name in ("source", "type", "currency")}
    where = {name: value for name, value in narrowed.items() if value is not None}
    payout = params.text("payout")
    if payout is not None:
        act.load("payout", payout, param="payout", in_path=False)
    gathered = None if payout is None else act.change.tied(payout)
    page = lists.page(act, params, lists.Shelf("balance_transaction", "/v1/balance_transactions", where, gathered))
    return {**page, "data": [_as_of_now(act, transaction) for transaction in page["data"]]}


def _as_of_now(act: Act, transaction: Json) -> Json:
    return {**transaction, "status": "available" if transaction["available_on"] <= act.now else "pending"}
