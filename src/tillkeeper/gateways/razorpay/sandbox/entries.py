"""Entries: what each payment, refund and dispute did to the merchant's balance, as the settlement report lists it.

Razorpay's fee is 2 % and the tax on it 18 %, each rounded half up; both are kept when a payment is refunded. Each
currency stays by itself, and only rupees are paid out, so no exchange rate occurs.
"""

from tillkeeper.gateways.razorpay.sandbox import methods
from tillkeeper.gateways.razorpay.sandbox.act import Act, new_id
from tillkeeper.gateways.razorpay.sandbox.currencies import HOME
from tillkeeper.sandbox_kit.books import Json

fee_percent = 2
tax_percent = 18
percent = 100


def fee(amount: int) -> tuple[int, int]:
    """Work out the fee on a captured amount, tax included, and the tax alone."""
    bare = _share(amount, fee_percent)
    tax = _share(bare, tax_percent)
    return bare + tax, tax


def of_payment(act: Act, payment: Json, order: Json) -> None:
    """Credit a captured payment, less the fee."""
    shown = payment["shown"]
    more = {"credit": shown["amount"] - shown["fee"], "fee": shown["fee"], "tax": shown["tax"]}
    _enter(act, "payment", shown, payment, order["shown"]["receipt"], **more)


def of_refund(act: Act, refund: Json, payment: Json) -> None:
    """Debit a refund."""
    _enter(act, "refund", refund["shown"], payment, None, debit=refund["shown"]["amount"], payment_id=payment["id"])


def of_correction(act: Act, thing: Json, payment: Json, amount: int, why: str) -> None:
    """Credit a positive or debit a negative amount, as for a dispute or a refund that came back."""
    more = {"credit": amount} if amount > 0 else {"debit": -amount}
    dispute = thing["id"] if thing["object"] == "dispute" else None
    adjusted = {**thing["shown"], "id": new_id("adj"), "amount": abs(amount), "description": why}
    _enter(act, "adjustment", adjusted, payment, None, payment_id=payment["id"], dispute_id=dispute, **more)


def of_return(act: Act, settlement: Json) -> None:
    """Credit a settlement that the bank sent back."""
    shown = settlement["shown"]
    _store(
        act,
        {**_BLANK, "entity_id": new_id("adj"), "type": "adjustment", "amount": shown["amount"]}
        | {"credit": shown["amount"], "currency": HOME, "description": "Settlement failed"},
    )


def of_adjustment(act: Act, amount: int, why: str) -> Json:
    """Credit a positive or debit a negative amount that belongs to no payment."""
    size = {"credit": amount} if amount > 0 else {"debit": -amount}
    line = {**_BLANK, "entity_id": new_id("adj"), "type": "adjustment", "amount": abs(amount), "currency": HOME}
    return _store(act, line | size | {"description": why})


def _enter(act: Act, kind: str, thing: Json, payment: Json, receipt: str | None, **more: object) -> None:
    paid = payment["shown"]
    card = methods.card(paid["card_id"]) if paid["method"] == "card" else {}
    line = {
        **_BLANK,
        "entity_id": thing["id"],
        "type": kind,
        "amount": thing["amount"],
        "currency": paid["currency"],
        "description": thing.get("description"),
        "notes": thing.get("notes"),
        "order_id": paid["order_id"],
        "order_receipt": receipt,
        "method": paid["method"],
        "card_network": card.get("network"),
        "card_issuer": card.get("issuer"),
        "card_type": card.get("type"),
    }
    _store(act, line | more)


def _store(act: Act, line: Json) -> Json:
    shown = line | {"created_at": act.now}
    act.put({"id": new_id("txn"), "object": "entry", "created": act.now, "shown": shown})
    return shown


_BLANK: Json = {
    "debit": 0,
    "credit": 0,
    "fee": 0,
    "tax": 0,
    "on_hold": False,
    "settled": False,
    "settled_at": None,
    "settlement_id": None,
    "posted_at": None,
    "credit_type": "default",
    "description": None,
    "notes": None,
    "payment_id": None,
    "settlement_utr": None,
    "order_id": None,
    "order_receipt": None,
    "method": None,
    "card_network": None,
    "card_issuer": None,
    "card_type": None,
    "dispute_id": None,
}


def _share(amount: int, rate: int) -> int:
    return (amount * rate + percent // 2) // percent
