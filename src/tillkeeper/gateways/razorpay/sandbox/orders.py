"""Orders: what is to be paid once, by however many attempts."""

from dataclasses import dataclass

from tillkeeper.gateways.razorpay.sandbox import lists
from tillkeeper.gateways.razorpay.sandbox.act import Act, changed, new_id, record
from tillkeeper.gateways.razorpay.sandbox.currencies import checked_amount, checked_currency
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json

receipt_length_max = 40
automatic_minutes_least = 12
manual_minutes_most = 7200
manual_minutes_default = 3 * 24 * 60
"""Razorpay gives back what was not captured within three days."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Say whether payments are captured at once, until when after their creation, and when they are given back."""

    automatic: bool = True
    automatic_minutes: int = manual_minutes_default
    manual_minutes: int = manual_minutes_default


def create(act: Act, fields: Fields) -> Json:
    """Open an order; nothing keeps a second one with the same receipt from being opened."""
    currency = checked_currency(fields.needed_text("currency"))
    amount = checked_amount(fields.needed_integer("amount"), currency)
    receipt = fields.text("receipt", length_max=receipt_length_max)
    notes = fields.notes()
    capture = _capture(fields)
    if fields.flag("partial_payment"):
        message = "This sandbox imitates full payments only."
        raise invalid(message, field="partial_payment")
    fields.done()
    shown: Json = open_one(act, amount, currency, receipt=receipt, notes=notes, capture=capture)["shown"]
    return shown


def open_one(
    act: Act,
    amount: int,
    currency: str,
    *,
    receipt: str | None,
    notes: Json,
    capture: Capture,
    link: str | None = None,
) -> Json:
    """Store a new order, for itself or behind a payment link."""
    shown = {
        "id": new_id("order"),
        "entity": "order",
        "amount": amount,
        "amount_paid": 0,
        "amount_due": amount,
        "currency": currency,
        "receipt": receipt,
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": notes or [],
        "created_at": act.now,
    }
    order = act.put(
        record(
            "order",
            shown,
            link=link,
            automatic=capture.automatic,
            automatic_minutes=capture.automatic_minutes,
            manual_minutes=capture.manual_minutes,
        )
    )
    if receipt is not None:
        act.change.tie([order["id"]], f"receipt {receipt}")
    return order


def retrieve(act: Act, fields: Fields, order_id: str) -> Json:
    """Show an order."""
    fields.done()
    shown: Json = act.load("order", order_id)["shown"]
    return shown


def listing(act: Act, fields: Fields) -> Json:
    """List orders, all, those with one receipt, or those that are or are not authorised."""
    receipt, authorized = fields.text("receipt"), fields.choice("authorized", ("0", "1"))
    ids = None if receipt is None else act.change.tied(f"receipt {receipt}")

    def fits(order: Json) -> bool:
        payments = act.children("payment", order["id"])
        return any(payment["shown"]["status"] in AUTHORIZED for payment in payments) == (authorized == "1")

    return lists.page(act, fields, "order", ids=ids, fits=None if authorized is None else fits)


def payments(act: Act, fields: Fields, order_id: str) -> Json:
    """List the attempts to pay an order."""
    fields.done()
    act.load("order", order_id)
    return lists.collection([payment["shown"] for payment in act.children("payment", order_id)])


def attempted(act: Act, order: Json) -> Json:
    """Count an attempt."""
    status = "attempted" if order["shown"]["status"] == "created" else order["shown"]["status"]
    return act.put(changed(order, status=status, attempts=order["shown"]["attempts"] + 1))


def paid(act: Act, order: Json) -> Json:
    """Close an order that was paid."""
    return act.put(changed(order, status="paid", amount_paid=order["shown"]["amount"], amount_due=0))


AUTHORIZED = ("authorized", "captured", "refunded")


def _capture(fields: Fields) -> Capture:
    """Read the capture settings, in their present form or in the old one."""
    old = fields.flag("payment_capture")
    payment = fields.group("payment")
    if payment is None:
        return Capture(automatic=old is not False)
    mode = payment.choice("capture", ("automatic", "manual"))
    if mode is None:
        message = "The payment.capture field is required."
        raise invalid(message, field="payment.capture")
    options = payment.group("capture_options") or Fields({})
    automatic, manual = options.integer("automatic_expiry_period"), options.integer("manual_expiry_period")
    options.choice("refund_speed", ("normal", "optimum"))
    if automatic is not None and automatic < automatic_minutes_least:
        message = f"The automatic_expiry_period must be at least {automatic_minutes_least}."
        raise invalid(message, field="automatic_expiry_period")
    last = manual_minutes_default if manual is None else manual
    if not (automatic or 0) <= last <= manual_minutes_most:
        message = f"The manual_expiry_period must be between automatic_expiry_period and {manual_minutes_most}."
        raise invalid(message, field="manual_expiry_period")
    return Capture(mode == "automatic", last if automatic is None else automatic, last)
