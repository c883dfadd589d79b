"""Payment links: a page on which a customer pays an order, until the link is deleted."""

from urllib.parse import urlencode, urlsplit

from tillkeeper.gateways.square.sandbox import account, customers, events, lists, orders
from tillkeeper.gateways.square.sandbox.act import Act, new_id
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError, missing
from tillkeeper.sandbox_kit.books import Json

id_length = 16
note_length_max = 500
url_length_max = 2048
email_length_max = 255
limit_max = 1000
OPTIONS = ("allow_tipping", "ask_for_shipping_address", "enable_coupon", "enable_loyalty")
DATA = ("buyer_email", "buyer_phone_number")


def create(act: Act, params: Params) -> Json:
    """Open a link over an order, or over a name and a price."""
    quick, described = params.group("quick_pay"), params.group("order")
    if (quick is None) == (described is None):
        detail = "Exactly one of quick_pay and order is needed."
        raise SquareError(detail, code="BAD_REQUEST", field="quick_pay" if quick else "order")
    shown = {
        "description": params.text("description"),
        "checkout_options": _options(params),
        "pre_populated_data": _data(params),
        "payment_note": params.text("payment_note", most=note_length_max),
    }
    sold = _quick(act, quick) if quick else _described(act, described or params)
    params.done()
    money = sold["items"][0]["total_money"]
    account.checked(act, money, field="quick_pay.price_money")
    order = orders.open_one(act, sold.pop("items"), state="DRAFT", **sold)
    events.emit_order(act, "order.created", order)
    link_id = new_id()[:id_length].upper()
    url = f"{act.desk.public_url}/square/pay/{link_id}"
    named = {name: value for name, value in shown.items() if value}
    link = act.add(
        "payment_link",
        {"id": link_id, "version": 1, "order_id": order["id"], "url": url, "long_url": url, **named},
        order=order["id"],
        deleted=False,
        payment=None,
        error=None,
    )
    return {"payment_link": link["shown"], "related_resources": {"orders": [order["shown"]]}}


def retrieve(act: Act, params: Params, link_id: str) -> Json:
    """Show a link."""
    params.done()
    return _live(act, link_id)


def listing(act: Act, params: Params) -> Json:
    """List links that were not deleted."""
    shelf = lists.Shelf("payment_link", "payment_links", {"deleted": False}, limit_max=limit_max)
    return lists.page(act, params, shelf)


def delete(act: Act, params: Params, link_id: str) -> Json:
    """Delete a link, and cancel its order unless somebody has tried to pay that."""
    params.done()
    return end(act, _live(act, link_id))


def end(act: Act, link: Json) -> Json:
    """End a link, and cancel its order unless somebody has tried to pay that, even in vain.

    Whoever has the page open can then go on to pay until the order itself is canceled.
    """
    act.amend(link, {}, deleted=True)
    order = of_link(act, link)
    if order["shown"]["state"] != "DRAFT" or order["shown"].get("tenders"):
        return {"id": link["id"]}
    orders.move(act, order, "CANCELED")
    return {"id": link["id"], "cancelled_order_id": order["id"]}


def of_link(act: Act, link: Json) -> Json:
    """Load the order that a link sells."""
    return act.load("order", link["order"])


def find(act: Act, name: str) -> Json:
    """Find a link, deleted or not, by its id; in `order:link`, as an adapter may write it, that stands last."""
    return act.load("payment_link", name.rpartition(":")[2])


def landing(link: Json, payment: Json | None) -> str:
    """Tell where the customer goes, with what Square appends; empty when the link names no address."""
    url: str = link["shown"].get("checkout_options", {}).get("redirect_url", "")
    if not url or payment is None:
        return url
    told = urlencode({"transactionId": payment["id"], "orderId": link["order"]})
    return f"{url}{'&' if urlsplit(url).query else '?'}{told}"


def _live(act: Act, link_id: str) -> Json:
    link = act.load("payment_link", link_id)
    if link["deleted"]:
        raise missing(link["object"], link_id)
    return link


def _quick(act: Act, quick: Params) -> Json:
    account.checked_location(act, quick.needed_text("location_id"), field="quick_pay.location_id")
    name = quick.needed_text("name", most=255)
    return {"items": [orders.line_item(name, quick.needed_money("price_money"))]}


def _described(act: Act, described: Params) -> Json:
    account.checked_location(act, described.needed_text("location_id"), field="order.location_id")
    customer = customers.checked(act, described.text("customer_id"), field="order.customer_id")
    return {
        "items": orders.read_items(described),
        "reference": described.text("reference_id", most=orders.reference_length_max),
        "metadata": described.metadata("metadata"),
        "customer_id": customer,
    }


def _options(params: Params) -> Json | None:
    group = params.group("checkout_options")
    if group is None:
        return None
    flags = {name: group.flag(name, default=False) for name in OPTIONS if group.has(name)}
    methods = group.group("accepted_payment_methods")
    if methods is not None:
        methods.ignore("apple_pay", "google_pay", "cash_app_pay", "afterpay_clearpay")
    url, email = group.text("redirect_url", most=url_length_max), group.text("merchant_support_email")
    if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
        group.refuse("redirect_url", "Not a valid URL.")
    texts = {"redirect_url": url, "merchant_support_email": email}
    return {**flags, **{name: text for name, text in texts.items() if text}}


def _data(params: Params) -> Json | None:
    group = params.group("pre_populated_data")
    if group is None:
        return None
    texts = {name: group.text(name, most=email_length_max) for name in DATA}
    return {name: text for name, text in texts.items() if text}
