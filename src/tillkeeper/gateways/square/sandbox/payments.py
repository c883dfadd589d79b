"""How money moves: payments and their states, with Square's events in Square's order."""

from dataclasses import dataclass

from tillkeeper.gateways.square.sandbox import account, balance, events, orders, sources
from tillkeeper.gateways.square.sandbox.act import Act, new_id, stamp
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.gateways.square.sandbox.sources import Source
from tillkeeper.sandbox_kit.books import Json

delay_default_seconds = 7 * 86_400
id_suffix = "LZY"
receipt_length = 4
version_token_suffix = "6o"  # noqa: S105 (the end of a version token as Square writes it)
LATE_FEE = "late_fee"
EDITS = ["EDIT_AMOUNT_UP", "EDIT_AMOUNT_DOWN", "EDIT_TIP_AMOUNT_UP", "EDIT_TIP_AMOUNT_DOWN"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say what is to be paid; `named` are the texts that Square shows as they came."""

    money: Json
    named: Json
    complete: bool = True
    delay_seconds: int = delay_default_seconds
    delay_action: str = "CANCEL"
    key: str | None = None
    link: str | None = None


def take(act: Act, wanted: Wanted, source: Source, order: Json | None) -> Json:
    """Try a source: it pays, is authorised, takes days, or is declined; return the payment as it then stands."""
    order = order or orders.open_one(act, [orders.line_item("Custom Amount", wanted.money)], state="OPEN")
    if source.code is not None:
        return _fail(act, wanted, source, order)
    payment = _add(act, wanted, source, order, status="PENDING" if source.bank else "APPROVED")
    events.emit(act, "payment.created", payment)
    if source.bank:
        events.emit(act, "payment.updated", payment)
        return payment
    return complete(act, payment) if wanted.complete else payment


def complete(act: Act, payment: Json) -> Json:
    """Take what was authorised."""
    checked_status(payment, ("APPROVED",), doing="completed")
    return land(act, payment)


def land(act: Act, payment: Json) -> Json:
    """Let the money of a payment arrive, whatever its state was before."""
    money = payment["shown"]["total_money"]
    times = {**payment["times"], "captured_at": stamp(act.now)}
    told = sources.details(Source(**payment["source"]), money["amount"], times)
    changes = {**told, "status": "COMPLETED", "capabilities": None, **_token()}
    payment = act.amend(payment, changes, due=None, times=times, fee=balance.fee(money["amount"]))
    events.emit(act, "payment.updated", payment)
    orders.tender(act, act.load("order", payment["shown"]["order_id"]), payment)
    paid = {"fee_amount": payment["fee"], "payment_id": payment["id"]}
    balance.enter(act, "CHARGE", money["amount"], money["currency"], **paid)
    late_seconds = act.change.dial.late_fee_seconds
    if late_seconds:
        act.change.count("late_fee_seconds", payment["id"])
        act.remind(LATE_FEE, payment["id"], at=act.now + late_seconds)
        return payment
    tell_fee(act, payment)
    return payment


def tell_fee(act: Act, payment: Json) -> Json:
    """Show the fee of a completed payment, which Square does a little later."""
    money = {"amount": payment["fee"], "currency": payment["shown"]["total_money"]["currency"]}
    told = {"effective_at": stamp(act.now), "type": "INITIAL", "amount_money": money}
    payment = act.amend(payment, {"processing_fee": [told], **_token()})
    events.emit(act, "payment.updated", payment)
    return payment


def void(act: Act, payment: Json) -> Json:
    """Let go of what was authorised."""
    checked_status(payment, ("APPROVED", "PENDING"), doing="canceled")
    timeline = {"voided_at": stamp(act.now), **payment["times"]}
    told = sources.details(Source(**payment["source"]), 0, timeline)
    if "card_details" in told:
        told["card_details"]["status"] = "VOIDED"
    payment = act.amend(payment, {**told, "status": "CANCELED", "capabilities": None, **_token()})
    events.emit(act, "payment.updated", payment)
    if payment["link"] is None:
        orders.move(act, act.load("order", payment["shown"]["order_id"]), "CANCELED")
    return payment


def settle(act: Act, payment: Json, *, succeeded: bool) -> Json:
    """End a bank payment that is under way: the money came, or it did not."""
    checked_status(payment, ("PENDING",), doing="settled")
    return land(act, payment) if succeeded else _bounce(act, payment)


def lapse(act: Act, payment: Json) -> Json:
    """Do what was said would be done with an authorisation that nobody completed in time."""
    if payment["shown"]["status"] != "APPROVED":
        return act.change.put(payment)
    return complete(act, payment) if payment["shown"]["delay_action"] == "COMPLETE" else void(act, payment)


def change_amount(act: Act, payment: Json, money: Json) -> Json:
    """Change how much of an authorisation is to be taken."""
    checked_status(payment, ("APPROVED",), doing="updated")
    approved = payment["shown"]["approved_money"]
    if money["currency"] != approved["currency"]:
        detail = "The currency of a payment cannot be changed."
        raise SquareError(detail, code="CURRENCY_MISMATCH", field="payment.amount_money.currency")
    if money["amount"] > payment["authorised"]:
        detail = "The amount is higher than what the card holder's bank approved."
        raise SquareError(detail, code="AMOUNT_TOO_HIGH", field="payment.amount_money.amount")
    changes = {"amount_money": money, "total_money": money, "approved_money": money, **_token()}
    payment = act.amend(payment, changes, due=payment["lapses"])
    events.emit(act, "payment.updated", payment)
    return payment


def checked_status(payment: Json, allowed: tuple[str, ...], *, doing: str) -> None:
    """Refuse unless the payment's status allows what is asked."""
    status = payment["shown"]["status"]
    if status not in allowed:
        detail = f"Payment {payment['id']} could not be {doing}: it has status {status}, not {' or '.join(allowed)}."
        raise SquareError(detail)


def checked_version(payment: Json, given: str | None) -> None:
    """Refuse a version token that is not the payment's present one."""
    if given is not None and given != payment["shown"]["version_token"]:
        detail = "The version token does not match the latest version of the payment."
        raise SquareError(detail, code="CONFLICT", status=409, field="version_token")


def _fail(act: Act, wanted: Wanted, source: Source, order: Json) -> Json:
    payment = _add(act, wanted, source, order, status="FAILED")
    events.emit(act, "payment.created", payment)
    payment = act.amend(payment, _token())
    events.emit(act, "payment.updated", payment)
    return payment


def _bounce(act: Act, payment: Json) -> Json:
    payment = act.amend(payment, {"status": "FAILED", **_token()})
    events.emit(act, "payment.updated", payment)
    return payment


def _add(act: Act, wanted: Wanted, source: Source, order: Json, *, status: str) -> Json:
    payment_id = new_id(id_suffix)
    times = {} if source.bank or source.code else {"authorized_at": stamp(act.now)}
    approved = status == "APPROVED"
    lapses = act.now + wanted.delay_seconds if approved and not wanted.complete else None
    shown = {
        "id": payment_id,
        "amount_money": wanted.money,
        "total_money": wanted.money,
        **({"approved_money": wanted.money, "capabilities": EDITS} if approved else {}),
        "status": status,
        "delay_duration": f"PT{wanted.delay_seconds // 3600}H",
        "delay_action": wanted.delay_action,
        "delayed_until": stamp(act.now + wanted.delay_seconds),
        "location_id": account.location(act),
        "order_id": order["id"],
        "application_details": {"square_product": "ECOMMERCE_API", "application_id": "sandbox-sq0idb-till"},
        "receipt_number": payment_id[:receipt_length],
        "receipt_url": f"https://squareup.com/receipt/preview/{payment_id}",
        **sources.details(source, wanted.money["amount"], dict(times)),
        **wanted.named,
        **_token(),
    }
    kept = {"key": wanted.key, "link": wanted.link, "source": _kept(source), "times": times, "lapses": lapses}
    return act.add("payment", shown, due=lapses, authorised=wanted.money["amount"], fee=0, **kept)


def _kept(source: Source) -> Json:
    return {"last_4": source.last_4, "code": source.code, "detail": source.detail, "bank": source.bank}


def _token() -> Json:
    return {"version_token": new_id(version_token_suffix)}
