"""Balance transactions: what a charge, refund, dispute or payout did to the merchant's balance, with Stripe's fee.

The fee is 2.9 % plus 30 minor units, rounded half up, to whole units where Stripe only writes hundredths of them;
it is kept when a charge is refunded. Each currency settles in itself unless a test has said into which it is converted,
and at which rate.
"""

from decimal import ROUND_HALF_UP, Decimal

import msgspec

from tillkeeper.gateways.stripe.sandbox import lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.currencies import WHOLE_HUNDREDS
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
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
    "payout_failure": ("payout_failure", "payout_reversal", ""),
    "stripe_fee": ("stripe_fee", "fee", ""),
    "tax_fee": ("tax_fee", "tax", ""),
    "reserve": ("reserved_funds", "risk_reserved_funds", ""),
    "adjustment": ("adjustment", "other_adjustment", ""),
}
AT_ONCE = ("payout", "payout_failure")
MOVEMENTS = ("stripe_fee", "tax_fee", "reserve", "adjustment")
CONVERSION = "conversion"


def fee(amount: int, currency: str) -> int:
    """Work out Stripe's fee on a captured amount, in minor units, rounded half up."""
    kept = (amount * fee_per_mille + 500) // 1000 + fee_fixed_minor
    return (kept + 50) // 100 * 100 if currency in WHOLE_HUNDREDS else kept


def enter(act: Act, kind: str, source: Json, amount: int, *, fee_amount: int | None = 0) -> Json:
    """Move the merchant's balance by a signed amount, less the fee; None stands for Stripe's own share of it."""
    currency, rate = _settled_in(act, source["currency"])
    if rate is not None:
        amount = _converted(amount, rate)
    kept = fee(amount, currency) if fee_amount is None else fee_amount
    named, category, fee_description = KINDS[kind]
    fee_details = [
        {
            "amount": kept,
            "application": None,
            "currency": currency,
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
            "currency": currency,
            "description": source.get("description"),
            "exchange_rate": msgspec.json.decode(rate) if rate is not None else None,
            "fee": kept,
            "fee_details": fee_details if kept else [],
            "net": amount - kept,
            "reporting_category": category,
            "source": source["id"],
            "status": "pending",
            "type": named,
        }
    )


def move(act: Act, kind: str, currency: str, amount: int) -> Json:
    """Move the balance for what is no payment: a fee, the tax on fees, a reserve, or a correction."""
    source = {"id": None, "currency": currency, "description": f"{kind} from the dashboard"}
    return enter(act, kind, source, amount)


def convert(act: Act, currency: str, into: str, rate: str) -> Json:
    """Settle a currency in another one from now on; the rate is one between Stripe's integers, as all of its rates."""
    thing = {"id": f"{CONVERSION}/{currency}", "object": CONVERSION, "created": act.now, "into": into, "rate": rate}
    return act.put(thing)


def retrieve(act: Act, params: Params, transaction_id: str) -> Json:
    """Show a balance transaction."""
    params.done()
    return _as_of_now(act, act.load("balance_transaction", transaction_id))


def listing(act: Act, params: Params) -> Json:
    """List balance transactions, narrowed by source, type, currency or payout."""
    narrowed = {name: params.text(name) for name in ("source", "type", "currency")}
    where = {name: value for name, value in narrowed.items() if value is not None}
    payout = params.text("payout")
    if payout is not None and not act.load("payout", payout, param="payout", in_path=False)["automatic"]:
        message = "Balance transaction history can only be filtered on automatic transfers, not manual."
        raise StripeError(message, param="payout")
    gathered = None if payout is None else act.change.tied(payout)
    page = lists.page(act, params, lists.Shelf("balance_transaction", "/v1/balance_transactions", where, gathered))
    return {**page, "data": [_as_of_now(act, transaction) for transaction in page["data"]]}


def _settled_in(act: Act, currency: str) -> tuple[str, str | None]:
    found = act.change.find(CONVERSION, f"{CONVERSION}/{currency}")
    return (found["into"], found["rate"]) if found else (currency, None)


def _converted(amount: int, rate: str) -> int:
    return int((Decimal(amount) * Decimal(rate)).to_integral_value(ROUND_HALF_UP))


def _as_of_now(act: Act, transaction: Json) -> Json:
    return {**transaction, "status": "available" if transaction["available_on"] <= act.now else "pending"}
