"""How money moves: attempts, authentication, capture, late authorisation, with Razorpay's events in its order."""

from http import HTTPStatus

from tillkeeper.gateways.razorpay.sandbox import entries, events, links, lists, methods, orders
from tillkeeper.gateways.razorpay.sandbox.act import Act, changed, new_id, record
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.methods import FAILURES, Failure
from tillkeeper.gateways.razorpay.sandbox.refusals import RazorpayError, invalid
from tillkeeper.sandbox_kit.books import Json

EMAIL = "customer@example.com"
CONTACT = "+919876543210"
ORDER_PAID = (
    "Your payment has been declined as the order is already paid. Please initiate the payment with a new order."
)
NO_ERROR = dict.fromkeys(("error_code", "error_description", "error_source", "error_step", "error_reason"))
minute_seconds = 60
answer_within_seconds = 10 * 60
"""A payment of which the bank says nothing for this long counts as failed."""


def begin(act: Act, order: Json, method: str) -> Json:
    """Begin an attempt: the customer was sent to a bank or an app, and nothing is known yet."""
    if order["shown"]["status"] == "paid":
        raise invalid(ORDER_PAID)
    order = orders.attempted(act, order)
    sold = order["shown"]
    payment_id = new_id("pay")
    shown = {
        "id": payment_id,
        "entity": "payment",
        "amount": sold["amount"],
        "currency": sold["currency"],
        "status": "created",
        "order_id": order["id"],
        "invoice_id": None,
        "international": sold["currency"] != "INR",
        "amount_refunded": 0,
        "refund_status": None,
        "captured": False,
        # A payment on a link says which link only in its description, and the link's notes stay with the order.
        "description": f"#{order['link'].removeprefix('plink_')}" if order["link"] else None,
        **methods.paid_with(method),
        "email": EMAIL,
        "contact": CONTACT,
        "notes": [] if order["link"] else sold["notes"],
        "fee": None,
        "tax": None,
        **NO_ERROR,
        "acquirer_data": methods.no_reference(method),
        "created_at": act.now,
    }
    payment = act.put(record("payment", shown, authorized_at=None), due=act.now + answer_within_seconds)
    act.change.tie([payment_id], order["id"])
    return payment


def succeed(act: Act, payment: Json) -> Json:
    """Authorise a payment and, where the order says so, capture it."""
    shown = payment["shown"]
    if shown["status"] not in {"created", "failed"}:
        message = f"There is nothing to authorise: the payment is {shown['status']}."
        raise invalid(message)
    order = act.load("order", shown["order_id"])
    references = methods.reference(shown["method"])
    payment = {**payment, "authorized_at": act.now}
    payment = changed(payment, status="authorized", acquirer_data=references, **NO_ERROR)
    act.put(payment, due=act.now + order["manual_minutes"] * minute_seconds)
    events.emit(act, "payment.authorized", {"payment": told(payment)})
    in_time = act.now <= shown["created_at"] + order["automatic_minutes"] * minute_seconds
    if order["automatic"] and in_time and order["shown"]["status"] != "paid":
        return take(act, payment)
    return payment


def fail(act: Act, payment: Json, failure: Failure) -> Json:
    """Fail a payment; it may still turn out to have succeeded."""
    if payment["shown"]["status"] != "created":
        message = f"Only a payment under way can fail; this one is {payment['shown']['status']}."
        raise invalid(message)
    payment = act.put(
        changed(
            payment,
            status="failed",
            error_code=failure.code,
            error_description=failure.description,
            error_source=failure.source,
            error_step=failure.step,
            error_reason=failure.reason,
        )
    )
    events.emit(act, "payment.failed", {"payment": told(payment)})
    return payment


def take(act: Act, payment: Json) -> Json:
    """Capture an authorised payment, all of it, less the fee."""
    shown = payment["shown"]
    order = act.load("order", shown["order_id"])
    fee, tax = entries.fee(shown["amount"])
    payment = act.put(changed(payment, status="captured", captured=True, fee=fee, tax=tax))
    order = orders.paid(act, order)
    entries.of_payment(act, payment, order)
    events.emit(act, "payment.captured", {"payment": told(payment)})
    events.emit(act, "order.paid", {"payment": told(payment), "order": order["shown"]})
    if order["link"] is not None:
        link = act.load("payment_link", order["link"])
        closed = links.paid(act, link, payment)
        if closed["shown"]["status"] != link["shown"]["status"]:
            payload = {"payment_link": links.told(closed), "order": order["shown"], "payment": told(payment)}
            events.emit(act, "payment_link.paid", payload)
    return payment


def capture(act: Act, fields: Fields, payment_id: str) -> Json:
    """Capture as the merchant: exactly what was authorised, and only once."""
    payment = act.load("payment", payment_id)
    amount, currency = fields.needed_integer("amount"), fields.text("currency")
    fields.done()
    shown = payment["shown"]
    if shown["captured"]:
        message = "This payment has already been captured"
        raise invalid(message)
    if shown["status"] != "authorized":
        message = "Only payments which have been authorized and not yet captured can be captured"
        raise invalid(message)
    if currency not in {None, shown["currency"]}:
        message = "The capture currency must be the same as that of the payment."
        raise invalid(message, field="currency")
    if amount != shown["amount"]:
        message = "Capture amount must be equal to the amount authorized"
        raise invalid(message, field="amount")
    if act.load("order", shown["order_id"])["shown"]["status"] == "paid":
        raise invalid(ORDER_PAID)
    taken: Json = take(act, payment)["shown"]
    return taken


def retrieve(act: Act, fields: Fields, payment_id: str) -> Json:
    """Show a payment."""
    fields.done()
    shown: Json = act.load("payment", payment_id)["shown"]
    return shown


def listing(act: Act, fields: Fields) -> Json:
    """List payments."""
    return lists.page(act, fields, "payment")


def told(payment: Json) -> Json:
    """Show a payment as webhooks do: with the card behind it."""
    shown = payment["shown"]
    more = {"base_amount": shown["amount"], "amount_transferred": 0}
    by_card = {"card": methods.card(shown["card_id"])} if shown["method"] == "card" else {}
    return {**shown, **more, **by_card}


def time_out(act: Act, payment: Json) -> Json:
    """Fail a payment of which the bank said nothing."""
    return fail(act, payment, FAILURES["payment_timed_out"])


def undecided(act: Act, payment_id: str) -> Json:
    """Load a payment whose customer is at the bank."""
    payment = act.load("payment", payment_id)
    if payment["shown"]["status"] != "created":
        message = f"The payment is not waiting for its customer: it is {payment['shown']['status']}."
        raise RazorpayError(message, status=HTTPStatus.BAD_REQUEST)
    return payment
