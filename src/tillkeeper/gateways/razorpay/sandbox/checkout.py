"""What a customer does at a payment link or at an order's checkout, and what time does to things."""

import hashlib
import hmac
from collections.abc import Callable, Mapping

from tillkeeper.gateways.razorpay.sandbox import disputes, links, payments, refunds
from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.methods import FAILURES
from tillkeeper.gateways.razorpay.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json

KEY_SECRET = "RAZORPAY_KEY_SECRET"  # noqa: S105 - the name of the variable, not a secret
USUAL = "upi"


def order_of(act: Act, target_id: str) -> Json:
    """Load the order that a checkout is about; a link that has ended, or a paid order, refuses."""
    if not target_id.startswith("plink_"):
        return act.load("order", target_id)
    link = act.load("payment_link", target_id)
    if not links.is_open(act, link):
        status = link["shown"]["status"]
        message = f"This payment link is {'expired' if status == 'created' else status}."
        raise invalid(message)
    return links.order_behind(act, link)


def pay(act: Act, target_id: str, method: str = USUAL) -> Json:
    """Pay; return the payment as it then stands."""
    return payments.succeed(act, payments.begin(act, order_of(act, target_id), method))


def decline(act: Act, target_id: str, reason: str, method: str = USUAL) -> Json:
    """Try to pay in vain; the checkout stays open."""
    return payments.fail(act, payments.begin(act, order_of(act, target_id), method), FAILURES[reason])


def ask(act: Act, target_id: str, method: str = "card") -> Json:
    """Send the customer to the bank."""
    return payments.begin(act, order_of(act, target_id), method)


def answer(act: Act, payment: Json, *, passed: bool) -> Json:
    """Take what the customer told the bank."""
    return payments.succeed(act, payment) if passed else payments.fail(act, payment, FAILURES["incorrect_otp"])


def time_out(act: Act, target_id: str, method: str = USUAL) -> Json:
    """Let an attempt end without a word from the bank, which makes it fail for now."""
    return payments.time_out(act, payments.begin(act, order_of(act, target_id), method))


def succeed_late(act: Act, target_id: str) -> Json:
    """Hear from the bank after all that a payment went through, though it had failed or its link has ended."""
    order = _order_whatever(act, target_id)
    failed = [each for each in act.children("payment", order["id"]) if each["shown"]["status"] in {"failed", "created"}]
    return payments.succeed(act, failed[0] if failed else payments.begin(act, order, USUAL))


def lapse(act: Act, thing: Json) -> None:
    """Do what time brings: links expire, authorisations are given back, unanswered disputes end."""
    now_due = LAPSES.get((thing["object"], thing["shown"]["status"]))
    if now_due is None:
        act.put(thing)
    else:
        now_due(act, thing)


def callback(act: Act, payment: Json) -> Json:
    """Tell what the customer's browser brings to the merchant, signed with the key's secret."""
    order = act.load("order", payment["shown"]["order_id"])
    secret = act.desk.secrets[KEY_SECRET]
    if order["link"] is None:
        signed = f"{order['id']}|{payment['id']}"
        brought = {"razorpay_payment_id": payment["id"], "razorpay_order_id": order["id"]}
        return {**brought, "razorpay_signature": _signature(secret, signed)}
    link = act.load("payment_link", order["link"])["shown"]
    signed = f"{link['id']}|{link['reference_id']}|{link['status']}|{payment['id']}"
    return {
        "razorpay_payment_id": payment["id"],
        "razorpay_payment_link_id": link["id"],
        "razorpay_payment_link_reference_id": link["reference_id"],
        "razorpay_payment_link_status": link["status"],
        "razorpay_signature": _signature(secret, signed),
    }


LAPSES: Mapping[tuple[str, str], Callable[[Act, Json], Json]] = {
    ("payment_link", "created"): links.expire,
    ("payment", "created"): payments.time_out,
    ("payment", "authorized"): refunds.give_back_uncaptured,
    ("dispute", "open"): disputes.lapse,
}


def _order_whatever(act: Act, target_id: str) -> Json:
    if target_id.startswith("plink_"):
        return links.order_behind(act, act.load("payment_link", target_id))
    return act.load("order", target_id)


def _signature(secret: str, signed: str) -> str:
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
