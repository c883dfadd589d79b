"""Refunds: pending at first, done a moment later, and never more than what is left of a payment."""

from tillkeeper.gateways.square.sandbox import account, balance, disputes, events, lists, orders
from tillkeeper.gateways.square.sandbox.act import Act, new_id
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import REFUND, SquareError
from tillkeeper.sandbox_kit.books import Json

reason_length_max = 192
completes_after_seconds = 1
STATUSES = ("PENDING", "COMPLETED", "REJECTED", "FAILED")
COUNTED = ("PENDING", "COMPLETED")


def create(act: Act, params: Params) -> Json:
    """Refund a payment, in full or in part."""
    money = params.needed_money("amount_money")
    payment_id = params.needed_text("payment_id")
    reason = params.text("reason", most=reason_length_max)
    params.ignore("location_id", "customer_id", "team_member_id")
    version = params.text("payment_version_token")
    params.done()
    payment = act.load("payment", payment_id, field="payment_id")
    if version not in {None, payment["shown"]["version_token"]}:
        detail = "The version token does not match the latest version of the payment."
        raise SquareError(detail, code="CONFLICT", status=409, field="payment_version_token")
    return give_back(act, payment, money, reason=reason)


def give_back(act: Act, payment: Json, money: Json | None, *, reason: str | None) -> Json:
    """Set aside what goes back, and say so; it is done a moment later."""
    wanted = _allowed(act, payment, money)
    order = orders.open_one(act, [orders.line_item("Refund", wanted)], state="COMPLETED")
    shown = {
        "id": new_id(),
        "status": "PENDING",
        "location_id": account.location(act),
        "destination_type": "CARD",
        "amount_money": wanted,
        "payment_id": payment["id"],
        "order_id": order["id"],
        **({"reason": reason} if reason else {}),
    }
    shown["id"] = f"{payment['id']}_{shown['id']}"
    due = None if account.settings(act)["refunds_held"] else act.now + completes_after_seconds
    refund = act.add("refund", shown, due=due)
    balance.enter(
        act, "REFUND", -wanted["amount"], wanted["currency"], payment_id=payment["id"], refund_id=refund["id"]
    )
    events.emit(act, "refund.created", refund)
    events.emit_order(act, "order.created", order)
    _tell_payment(act, payment, refund)
    return refund


def complete(act: Act, refund: Json) -> Json:
    """Let a refund arrive at the customer's bank."""
    _checked_status(refund, ("PENDING",), doing="completed")
    refund = act.amend(refund, {"status": "COMPLETED"})
    events.emit(act, "refund.updated", refund)
    zero = {**refund["shown"]["amount_money"], "amount": 0}
    told = {"effective_at": refund["shown"]["updated_at"], "type": "INITIAL", "amount_money": zero}
    refund = act.amend(refund, {"processing_fee": [told]})
    events.emit(act, "refund.updated", refund)
    events.emit_order(act, "order.updated", act.load("order", refund["shown"]["order_id"]))
    return refund


def fail(act: Act, refund: Json, status: str) -> Json:
    """Let a refund come back, which may happen after it was done; the money is the merchant's again."""
    _checked_status(refund, COUNTED if status == "FAILED" else ("PENDING",), doing=status.lower())
    refund = act.amend(refund, {"status": status})
    money, payment_id = refund["shown"]["amount_money"], refund["shown"]["payment_id"]
    balance.enter(act, "REFUND", money["amount"], money["currency"], payment_id=payment_id, refund_id=refund["id"])
    events.emit(act, "refund.updated", refund)
    _tell_payment(act, act.load("payment", payment_id), None)
    return refund


def retrieve(act: Act, params: Params, refund_id: str) -> Json:
    """Show a refund."""
    params.done()
    return act.load("refund", refund_id)


def listing(act: Act, params: Params) -> Json:
    """List refunds, narrowed by time and status."""
    status = params.choice("status", STATUSES)
    params.ignore("location_id", "source_type", "sort_field", "updated_at_begin_time", "updated_at_end_time")
    where = {"shown.status": status} if status else {}
    created, oldest_first = lists.span(params), lists.oldest_first(params)
    shelf = lists.Shelf("refund", "refunds", where, created=created, oldest_first=oldest_first)
    return lists.page(act, params, shelf)


def of_payment(act: Act, payment: Json) -> list[Json]:
    """List the refunds of a payment that took money, or still may."""
    found = [act.change.find("refund", refund_id) for refund_id in payment["shown"].get("refund_ids", [])]
    return [refund for refund in found if refund and refund["shown"]["status"] in COUNTED]


def _tell_payment(act: Act, payment: Json, refund: Json | None) -> None:
    """Write on a payment what was given back of it in all."""
    known = payment["shown"].get("refund_ids", [])
    payment = {**payment, "shown": {**payment["shown"], "refund_ids": [*known, *([refund["id"]] if refund else [])]}}
    given_back = sum(each["shown"]["amount_money"]["amount"] for each in of_payment(act, payment))
    money = {**payment["shown"]["total_money"], "amount": given_back}
    payment = act.amend(payment, {"refunded_money": money, "version_token": new_id("6o")})
    events.emit(act, "payment.updated", payment)


def _allowed(act: Act, payment: Json, money: Json | None) -> Json:
    total = payment["shown"]["total_money"]
    status = payment["shown"]["status"]
    if status == "APPROVED":
        detail = "Payments must be completed before they can be refunded."
        raise SquareError(detail, code="REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", category=REFUND)
    if status != "COMPLETED":
        detail = f"A payment with status {status} cannot be refunded."
        raise SquareError(detail, code="PAYMENT_NOT_REFUNDABLE", category=REFUND)
    if disputes.blocks_refund(act, payment):
        detail = "The payment is disputed and cannot be refunded."
        raise SquareError(detail, code="PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", category=REFUND)
    pending = [each for each in of_payment(act, payment) if each["shown"]["status"] == "PENDING"]
    if pending and account.settings(act)["refunds_held"]:
        detail = "The payment already has a pending refund."
        raise SquareError(detail, code="REFUND_ALREADY_PENDING", category=REFUND)
    left = total["amount"] - sum(each["shown"]["amount_money"]["amount"] for each in of_payment(act, payment))
    wanted = money or {**total, "amount": left}
    if wanted["currency"] != total["currency"]:
        detail = "The refund must be in the currency of the payment."
        raise SquareError(detail, code="CURRENCY_MISMATCH", category=REFUND, field="amount_money.currency")
    if not 0 < wanted["amount"] <= left:
        detail = "The requested refund amount exceeds the amount available to refund."
        raise SquareError(detail, code="REFUND_AMOUNT_INVALID", category=REFUND, field="amount_money.amount")
    return wanted


def _checked_status(refund: Json, allowed: tuple[str, ...], *, doing: str) -> None:
    if refund["shown"]["status"] not in allowed:
        detail = f"This refund could not be {doing}: it has status {refund['shown']['status']}."
        raise SquareError(detail)
