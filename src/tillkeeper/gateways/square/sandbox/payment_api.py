"""Payments as callers ask for them: the endpoints."""

import re

from tillkeeper.gateways.square.sandbox import account, customers, lists, orders, payments, sources
from tillkeeper.gateways.square.sandbox.act import Act
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.payments import Wanted
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

key_length_max = 45
reference_length_max = 40
note_length_max = 500
identifier_length_max = 20
email_length_max = 255
delay_least_seconds = 60
delay_most_seconds = 36 * 86_400
UNITS = {"D": 86_400, "H": 3600, "M": 60, "S": 1}
DURATION = re.compile(r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")


def create(act: Act, params: Params) -> Json:
    """Charge a source, or authorise it when the payment is not to complete by itself."""
    source_id = params.needed_text("source_id")
    verified = params.text("verification_token") is not None
    order = _order(act, params.text("order_id"))
    wanted = _wanted(act, params)
    params.done()
    if order and order["shown"]["total_money"] != wanted.money:
        detail = "The payment total does not match the order total."
        raise SquareError(detail, code="PAYMENT_AMOUNT_MISMATCH", field="amount_money")
    source = sources.chosen(act, source_id, verified=verified)
    payment = payments.take(act, wanted, source, order)
    if payment["shown"]["status"] == "FAILED":
        raise sources.refused(source, payment["shown"])
    return payment


def retrieve(act: Act, params: Params, payment_id: str) -> Json:
    """Show a payment."""
    params.done()
    return act.load("payment", payment_id)


def listing(act: Act, params: Params) -> Json:
    """List payments, narrowed by time, total and card."""
    account.checked_location(act, params.text("location_id"))
    total, last_4 = params.integer("total"), params.text("last_4")
    narrowed = {"shown.total_money.amount": total, "shown.card_details.card.last_4": last_4}
    params.ignore("card_brand", "is_offline_payment", "sort_field", "updated_at_begin_time", "updated_at_end_time")
    where = {name: value for name, value in narrowed.items() if value is not None}
    created, oldest_first = lists.span(params), lists.oldest_first(params)
    shelf = lists.Shelf("payment", "payments", where, created=created, oldest_first=oldest_first)
    return lists.page(act, params, shelf)


def update(act: Act, params: Params, payment_id: str) -> Json:
    """Change the amount of an authorised payment."""
    group = params.group("payment")
    if group is None:
        params.lack("payment")
    money = group.needed_money("amount_money")
    version = group.text("version_token")
    params.done()
    payment = act.load("payment", payment_id)
    payments.checked_version(payment, version)
    return payments.change_amount(act, payment, money)


def complete(act: Act, params: Params, payment_id: str) -> Json:
    """Take what was authorised."""
    version = params.text("version_token")
    params.done()
    payment = act.load("payment", payment_id)
    payments.checked_version(payment, version)
    return payments.complete(act, payment)


def cancel(act: Act, params: Params, payment_id: str) -> Json:
    """Let go of what was authorised."""
    params.done()
    return payments.void(act, act.load("payment", payment_id))


def cancel_by_key(act: Act, params: Params) -> Json:
    """Let go of whatever came of a creation under a key; when nothing came of it, nothing is done."""
    key = params.needed_text("idempotency_key", most=key_length_max)
    params.done()
    for payment in act.change.select("payment", where={"key": key}, limit=1):
        if payment["shown"]["status"] not in {"CANCELED", "FAILED"}:
            payments.void(act, payment)
    return {}


def _wanted(act: Act, params: Params) -> Wanted:
    money = account.checked(act, params.needed_money("amount_money"), field="amount_money")
    account.checked_location(act, params.text("location_id"))
    complete = params.flag("autocomplete", default=True)
    action = params.choice("delay_action", ("CANCEL", "COMPLETE"))
    delay_seconds = _delay(params)
    if complete and (action or params.has("delay_duration")):
        detail = "delay_duration and delay_action are for payments with autocomplete=false only."
        raise SquareError(detail, code="CONFLICTING_PARAMETERS", field="delay_duration")
    params.flag("accept_partial_authorization", default=False)
    named = {
        "reference_id": params.text("reference_id", most=reference_length_max),
        "note": params.text("note", most=note_length_max),
        "customer_id": customers.checked(act, params.text("customer_id"), field="customer_id"),
        "buyer_email_address": params.text("buyer_email_address", most=email_length_max),
        "statement_description_identifier": params.text("statement_description_identifier", most=identifier_length_max),
    }
    told = {name: text for name, text in named.items() if text is not None}
    return Wanted(money, told, complete, delay_seconds, action or "CANCEL", key=act.key)


def _delay(params: Params) -> int:
    text = params.text("delay_duration")
    if text is None:
        return payments.delay_default_seconds
    found = DURATION.fullmatch(text)
    parts = found.groups() if found else ()
    seconds = sum(int(part) * unit for part, unit in zip(parts, UNITS.values(), strict=False) if part)
    if not delay_least_seconds <= seconds <= delay_most_seconds:
        params.refuse("delay_duration", "It is at least one minute and at most 36 days, such as PT36H.")
    return seconds


def _order(act: Act, order_id: str | None) -> Json | None:
    if order_id is None:
        return None
    order = act.load("order", order_id, field="order_id")
    if order["shown"]["state"] != "OPEN" or order["shown"].get("tenders"):
        detail = f"Order {order_id} cannot be paid: its state is {order['shown']['state']}, or it is paid already."
        raise SquareError(detail, field="order_id")
    return order


def open_order(act: Act, params: Params) -> Json:
    """Open an order that a payment may pay later."""
    group = params.group("order")
    if group is None:
        params.lack("order")
    account.checked_location(act, group.needed_text("location_id"), field="order.location_id")
    items = orders.read_items(group)
    reference = group.text("reference_id", most=reference_length_max)
    metadata = group.metadata("metadata")
    params.done()
    account.checked(act, items[0]["total_money"], field="order.line_items[0].base_price_money")
    return orders.open_one(act, items, state="OPEN", reference=reference, metadata=metadata)
