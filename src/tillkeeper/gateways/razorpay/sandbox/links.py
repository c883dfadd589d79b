"""Payment links: a hosted page that opens an order once somebody pays there."""

from tillkeeper.gateways.razorpay.sandbox import events, lists, orders
from tillkeeper.gateways.razorpay.sandbox.act import Act, changed, new_id, record
from tillkeeper.gateways.razorpay.sandbox.currencies import HOME, checked_amount, checked_currency
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.orders import Capture
from tillkeeper.gateways.razorpay.sandbox.refusals import RazorpayError, invalid
from tillkeeper.sandbox_kit.books import Json

reference_length_max = 40
expiry_least_seconds = 15 * 60
expiry_most_seconds = 183 * 86_400
PAID_ALREADY = "cannot cancel or expire an already paid/partially paid link"
ENDED_ALREADY = "cannot cancel or expire an expired link"


def create(act: Act, fields: Fields) -> Json:
    """Open a payment link; its reference id is used up for ever."""
    currency = checked_currency(fields.text("currency") or HOME)
    amount = checked_amount(fields.needed_integer("amount"), currency)
    expire_by = _expiry(act, fields)
    reference = fields.text("reference_id", length_max=reference_length_max)
    if fields.flag("accept_partial") or fields.flag("upi_link") or fields.integer("first_min_partial_amount"):
        message = "This sandbox imitates standard payment links that are paid in full."
        raise invalid(message, field="accept_partial")
    shown = {
        "accept_partial": False,
        "amount": amount,
        "amount_paid": 0,
        **_callback(fields),
        "cancelled_at": 0,
        "created_at": act.now,
        "currency": currency,
        "customer": _customer(fields),
        "description": fields.text("description") or "",
        "expire_by": expire_by or 0,
        "expired_at": 0,
        "first_min_partial_amount": 0,
        "id": new_id("plink"),
        "notes": fields.notes() or None,
        "notify": _notify(fields),
        "payments": None,
        "reference_id": reference or "",
        "reminder_enable": fields.flag("reminder_enable") or False,
        "reminders": [],
        "short_url": "",
        "status": "created",
        "updated_at": act.now,
        "upi_link": False,
        "user_id": "",
        "whatsapp_link": False,
    }
    fields.done()
    _reserve(act, reference, shown["id"])
    shown["short_url"] = f"{act.desk.public_url}/razorpay/l/{shown['id']}"
    act.put(record("payment_link", shown, order=None), due=expire_by)
    return shown


def retrieve(act: Act, fields: Fields, link_id: str) -> Json:
    """Show a link."""
    fields.done()
    shown: Json = act.load("payment_link", link_id)["shown"]
    return shown


def listing(act: Act, fields: Fields) -> Json:
    """List links, all, those with one reference id or the one behind a payment."""
    reference, payment_id = fields.text("reference_id"), fields.text("payment_id")
    ids = None if reference is None else act.change.tied(f"reference {reference}")
    if payment_id is not None:
        payment = act.load("payment", payment_id)
        link = act.load("order", payment["shown"]["order_id"])["link"]
        ids = [known for known in ([link] if link else []) if ids is None or known in ids]
    # This one list has a name of its own where all others have "items".
    return {"payment_links": lists.page(act, fields, "payment_link", ids=ids)["items"]}


def cancel(act: Act, fields: Fields, link_id: str) -> Json:
    """Cancel a link that nobody paid."""
    fields.done()
    link = _still_open(act.load("payment_link", link_id))
    canceled = act.put(changed(link, status="cancelled", cancelled_at=act.now, updated_at=act.now))
    events.emit(act, "payment_link.cancelled", {"payment_link": told(canceled)})
    shown: Json = canceled["shown"]
    return shown


def expire(act: Act, link: Json) -> Json:
    """Let a link expire."""
    expired = act.put(changed(_still_open(link), status="expired", expired_at=act.now, updated_at=act.now))
    events.emit(act, "payment_link.expired", {"payment_link": told(expired)})
    return expired


def order_behind(act: Act, link: Json) -> Json:
    """Load the order behind a link, or open it when nobody tried to pay yet."""
    if link["order"] is not None:
        return act.load("order", link["order"])
    shown = link["shown"]
    order = orders.open_one(
        act,
        shown["amount"],
        shown["currency"],
        receipt=shown["reference_id"] or None,
        notes=shown["notes"] or {},
        capture=Capture(),
        link=link["id"],
    )
    act.put({**link, "order": order["id"]}, due=shown["expire_by"] or None)
    return order


def paid(act: Act, link: Json, payment: Json) -> Json:
    """Close a link that was paid; one that had ended before stays as it is, though the money came."""
    if link["shown"]["status"] != "created":
        return link
    line = {
        "amount": payment["shown"]["amount"],
        "created_at": payment["shown"]["created_at"],
        "method": payment["shown"]["method"],
        "payment_id": payment["id"],
        "plink_id": link["id"],
        "status": "captured",
        "updated_at": act.now,
    }
    return act.put(changed(link, status="paid", amount_paid=line["amount"], payments=[line], updated_at=act.now))


def told(link: Json) -> Json:
    """Show a link as webhooks do: without its payments."""
    return {name: value for name, value in link["shown"].items() if name != "payments"}


def is_open(act: Act, link: Json) -> bool:
    """Say whether a link can still be paid."""
    shown = link["shown"]
    return shown["status"] == "created" and not 0 < shown["expire_by"] <= act.now


def _still_open(link: Json) -> Json:
    status = link["shown"]["status"]
    if status == "paid":
        raise invalid(PAID_ALREADY)
    if status != "created":
        raise invalid(ENDED_ALREADY)
    return link


def _expiry(act: Act, fields: Fields) -> int | None:
    expire_by = fields.integer("expire_by")
    if expire_by is None:
        return None
    if expire_by < act.now + expiry_least_seconds:
        message = "expire_by should be at least 15 minutes after current time"
        raise invalid(message, field="expire_by")
    if expire_by > act.now + expiry_most_seconds:
        message = "expire_by should be within six months from current time"
        raise invalid(message, field="expire_by")
    return expire_by


def _callback(fields: Fields) -> Json:
    url, method = fields.url("callback_url"), fields.text("callback_method")
    if url is not None and method != "get":
        message = "callback_method must be passed with the value get"
        raise invalid(message, field="callback_method")
    return {"callback_method": method or "", "callback_url": url or ""}


def _customer(fields: Fields) -> Json:
    group = fields.group("customer") or Fields({})
    given = {name: group.text(name) for name in ("contact", "email", "name")}
    return {name: value for name, value in given.items() if value is not None}


def _notify(fields: Fields) -> Json:
    group = fields.group("notify") or Fields({})
    return {name: group.flag(name) or False for name in ("email", "sms", "whatsapp")}


def _reserve(act: Act, reference: str | None, link_id: str) -> None:
    if reference is None:
        return
    if act.change.tied(f"reference {reference}"):
        message = (
            f"payment link with given reference_id: {reference} already exists."
            " Please create a payment link with a different reference_id"
        )
        raise RazorpayError(message)
    act.change.tie([link_id], f"reference {reference}")
