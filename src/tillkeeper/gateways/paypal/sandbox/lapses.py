"""What time alone brings about: orders, authorisations and unanswered disputes lapse."""

from tillkeeper.gateways.paypal.sandbox import authorizations, disputes, orders
from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.sandbox_kit.books import Json


def lapse(act: Act, thing: Json) -> None:
    """Let an object lapse whose time is over."""
    if thing["object"] == "order" and thing["status"] in {*orders.OPEN, "APPROVED"}:
        orders.expire(act, thing)
    elif thing["object"] == "authorization" and thing["status"] in {"CREATED", "PARTIALLY_CAPTURED"}:
        authorizations.let_go(act, thing)
    elif thing["object"] == "dispute" and thing["status"] != "RESOLVED":
        disputes.lose(act, thing)
    else:
        act.put(thing)
