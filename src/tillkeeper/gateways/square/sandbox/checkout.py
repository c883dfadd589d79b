"""What a customer does on the page of a payment link, and what time does to what was begun."""

from tillkeeper.gateways.square.sandbox import disputes, links, orders, payments, refunds, sources
from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.payments import Wanted
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.gateways.square.sandbox.sources import Source
from tillkeeper.sandbox_kit.books import Json


def pay(act: Act, link: Json, source: Source) -> Json:
    """Try to pay with a source; a declined one leaves the link open. Return the payment."""
    checked_open(act, link)
    return _take(act, link, source)


def succeed_late(act: Act, link: Json) -> Json:
    """Take the money after all, though the link was deleted or its payment had failed."""
    if orders.is_paid(act, links.of_link(act, link)):
        detail = "There is nothing to come late: this link is paid."
        raise SquareError(detail)
    return _take(act, link, sources.GOOD)


def checked_open(act: Act, link: Json) -> None:
    """Refuse unless the link can be paid."""
    why = closed(act, link)
    if why is not None:
        raise SquareError(why)


def closed(act: Act, link: Json) -> str | None:
    """Say why a link cannot be paid, or None when it can."""
    order = links.of_link(act, link)
    if orders.is_paid(act, order):
        return "This checkout is paid."
    if order["shown"]["state"] == "CANCELED":
        return "This checkout was ended by the shop."
    last = last_payment(act, link)
    if last is not None and last["shown"]["status"] == "PENDING":
        return "A bank payment of this checkout is under way."
    return None


def last_payment(act: Act, link: Json) -> Json | None:
    """Find the last try to pay a link."""
    return act.load("payment", link["payment"]) if link["payment"] else None


def lapse(act: Act, thing: Json) -> None:
    """Do what time brings: refunds arrive, authorisations and unanswered disputes lapse, late fees become known."""
    match thing["object"]:
        case "refund" if thing["shown"]["status"] == "PENDING":
            refunds.complete(act, thing)
        case "payment":
            payments.lapse(act, thing)
        case "dispute":
            disputes.lapse(act, thing)
        case "reminder":
            act.change.put(thing)
            payments.tell_fee(act, act.load("payment", thing["about"]))
        case _:
            act.change.put(thing)


def _take(act: Act, link: Json, source: Source) -> Json:
    order, shown = links.of_link(act, link), link["shown"]
    named = {
        "note": shown.get("payment_note"),
        "customer_id": order["shown"].get("customer_id"),
        "buyer_email_address": shown.get("pre_populated_data", {}).get("buyer_email"),
    }
    told = {name: text for name, text in named.items() if text}
    wanted = Wanted(order["shown"]["total_money"], told, link=link["id"])
    payment = payments.take(act, wanted, source, order)
    if payment["shown"]["status"] == "FAILED":
        orders.tender(act, order, payment)
    act.change.put({**link, "payment": payment["id"], "error": source.code})
    return payment
