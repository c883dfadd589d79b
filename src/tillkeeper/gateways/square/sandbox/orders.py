"""Orders: what is sold, and by which payments it was paid; every payment and every refund has one."""

from tillkeeper.gateways.square.sandbox import account, events
from tillkeeper.gateways.square.sandbox.act import Act, new_id
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

uid_suffix = "ZY"
order_suffix = "4FZY"
reference_length_max = 40
title_length_max = 512
quantity_digits_max = 12


def open_one(act: Act, items: list[Json], *, state: str, reference: str | None = None, **more: object) -> Json:
    """Open an order over line items."""
    currency = items[0]["total_money"]["currency"]
    total = {"amount": sum(item["total_money"]["amount"] for item in items), "currency": currency}
    zero = {"amount": 0, "currency": currency}
    shown = {
        "id": new_id(order_suffix),
        "location_id": account.location(act),
        "source": {"name": "Sandbox"},
        "line_items": items,
        "state": state,
        "version": 1,
        "total_money": total,
        "total_tax_money": zero,
        "total_discount_money": zero,
        "total_tip_money": zero,
        "total_service_charge_money": zero,
        "net_amounts": {"total_money": total, "tax_money": zero, "discount_money": zero, "tip_money": zero},
        "net_amount_due_money": total,
        **({"reference_id": reference} if reference else {}),
        **{name: value for name, value in more.items() if value},
    }
    return act.add("order", shown)


def line_item(name: str, money: Json, quantity: int = 1) -> Json:
    """Write one line of an order."""
    total = {"amount": money["amount"] * quantity, "currency": money["currency"]}
    zero = {"amount": 0, "currency": money["currency"]}
    return {
        "uid": new_id(uid_suffix),
        "name": name,
        "quantity": str(quantity),
        "item_type": "ITEM",
        "base_price_money": money,
        "variation_total_price_money": total,
        "gross_sales_money": total,
        "total_tax_money": zero,
        "total_discount_money": zero,
        "total_money": total,
    }


def read_items(params: Params) -> list[Json]:
    """Take the line items of an order that a caller describes."""
    items = [_item(group) for group in params.groups("line_items")]
    if not items:
        params.lack("line_items")
    if len({item["total_money"]["currency"] for item in items}) > 1:
        params.refuse("line_items", "All line items must be in one currency.")
    return items


def tender(act: Act, order: Json, payment: Json) -> Json:
    """Note that a payment pays an order, or that it failed to."""
    shown = payment["shown"]
    paid = {
        "id": payment["id"],
        "location_id": shown["location_id"],
        "transaction_id": order["id"],
        "created_at": shown["created_at"],
        "amount_money": shown["total_money"],
        "type": shown["source_type"],
        "payment_id": payment["id"],
    }
    tenders = {each["id"]: each for each in order["shown"].get("tenders", [])} | {payment["id"]: paid}
    due = {} if shown["status"] == "FAILED" else {"net_amount_due_money": {**shown["total_money"], "amount": 0}}
    state = "OPEN" if due else order["shown"]["state"]
    return move(act, order, state, tenders=[*tenders.values()], **due)


def is_paid(act: Act, order: Json) -> bool:
    """Say whether one of the payments that an order lists came to something."""
    tried = [act.load("payment", each["payment_id"]) for each in order["shown"].get("tenders", [])]
    return any(payment["shown"]["status"] not in {"FAILED", "CANCELED"} for payment in tried)


def move(act: Act, order: Json, state: str, **changes: object) -> Json:
    """Change the state of an order, and say so."""
    order = act.amend(order, {"state": state, "version": order["version"] + 1, **changes})
    events.emit_order(act, "order.updated", order)
    return order


def retrieve(act: Act, params: Params, order_id: str) -> Json:
    """Show an order."""
    params.done()
    return act.load("order", order_id)


def update(act: Act, params: Params, order_id: str) -> Json:
    """Cancel an order that nobody has paid; no other change is imitated."""
    group = params.group("order") or Params({})
    account.checked_location(act, group.text("location_id"), field="order.location_id")
    version, state = group.integer("version"), group.choice("state", ("CANCELED",))
    params.done()
    order = act.load("order", order_id)
    if state is None:
        group.lack("state")
    if version != order["shown"]["version"]:
        detail = f"The version is not that of the order, which is {order['shown']['version']}."
        raise SquareError(detail, code="CONFLICT", status=409, field="order.version")
    if is_paid(act, order):
        detail = "An order with a payment cannot be canceled."
        raise SquareError(detail, field="order.state")
    return move(act, order, state)


def _item(group: Params) -> Json:
    name = group.needed_text("name", most=title_length_max)
    quantity = group.needed_text("quantity", most=quantity_digits_max)
    money = group.needed_money("base_price_money", least=0)
    group.ignore("note", "item_type", "uid", "metadata")
    if not (quantity.isascii() and quantity.isdigit() and int(quantity)):
        group.refuse("quantity", "A quantity is a whole number above zero.")
    return line_item(name, money, int(quantity))
