"""Captures: money that was taken, what PayPal kept of it, and what went back."""

from http import HTTPStatus

from tillkeeper.gateways.paypal.sandbox import events, ledger, money
from tillkeeper.gateways.paypal.sandbox.act import Act, new_id
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import Issue, impossible
from tillkeeper.sandbox_kit.books import Json

invoice_length_max = 127
custom_length_max = 127
note_length_max = 255

EVENTS = {
    "COMPLETED": ("PAYMENT.CAPTURE.COMPLETED", "Payment completed for"),
    "PENDING": ("PAYMENT.CAPTURE.PENDING", "Payment pending for"),
    "DECLINED": ("PAYMENT.CAPTURE.DECLINED", "A payment capture was declined for"),
}
TAKEN = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")


def record(
    act: Act, order: Json, amount: int, *, state: str, reason: str | None = None, authorization: str | None = None
) -> Json:
    """Record a capture of an order, and move the merchant's balance when it took money."""
    unit = order["unit"]
    capture = act.put(
        {
            "id": new_id(),
            "object": "capture",
            "created": act.now,
            "order": order["id"],
            "authorization": authorization,
            "amount": amount,
            "currency": unit["currency"],
            "status": state,
            "reason": reason,
            "final": True,
            "fee": 0,
            "refunded": 0,
            "disputed": False,
            "refunds": [],
            "custom_id": unit["custom_id"],
            "invoice_id": unit["invoice_id"],
        }
    )
    return _earn(act, capture) if state == "COMPLETED" else capture


def settle(act: Act, capture: Json, *, completed: bool) -> Json:
    """End a pending capture: the money came, or it did not."""
    if capture["status"] != "PENDING":
        raise impossible(Issue.INVALID_PARAMETER_VALUE, field="status", value=capture["status"])
    if completed:
        done = _earn(act, {**capture, "status": "COMPLETED", "reason": None})
        announce(act, done)
        return done
    denied = act.put({**capture, "status": "DECLINED", "reason": None})
    events.emit(act, "PAYMENT.CAPTURE.DENIED", denied, f"A payment capture was denied for {_price(denied)}")
    return denied


def announce(act: Act, capture: Json) -> None:
    """Tell what became of a capture."""
    kind, words = EVENTS[capture["status"]]
    events.emit(act, kind, capture, f"{words} {_price(capture)}")


def retrieve(act: Act, fields: Fields, capture_id: str) -> Answered:
    """Show a capture."""
    del fields
    return Answered(HTTPStatus.OK, act.load("capture", capture_id, field="capture_id"))


def refund(act: Act, fields: Fields, capture_id: str) -> Answered:
    """Give money back, all that is left or a part."""
    capture = act.load("capture", capture_id, field="capture_id")
    wanted = fields.money("amount")
    told = {
        "custom_id": fields.text("custom_id", most=custom_length_max) or capture["custom_id"],
        "invoice_id": fields.text("invoice_id", most=invoice_length_max) or capture["invoice_id"],
        "note": fields.text("note_to_payer", most=note_length_max),
    }
    if wanted is not None and wanted[1] != capture["currency"]:
        raise impossible(Issue.REFUND_CAPTURE_CURRENCY_MISMATCH)
    made = give_back(act, capture, wanted[0] if wanted else None, told)
    return Answered(HTTPStatus.CREATED, made)


def retrieve_refund(act: Act, fields: Fields, refund_id: str) -> Answered:
    """Show a refund."""
    del fields
    return Answered(HTTPStatus.OK, act.load("refund", refund_id, field="refund_id"))


def give_back(act: Act, capture: Json, amount: int | None, told: Json, *, reversed_by_paypal: bool = False) -> Json:
    """Give money back, debit the merchant, and say so; PayPal itself may reverse a capture the same way."""
    left = capture["amount"] - capture["refunded"]
    if capture["status"] not in TAKEN or (capture["disputed"] and not reversed_by_paypal):
        raise impossible(Issue.REFUND_NOT_ALLOWED)
    if left == 0:
        raise impossible(Issue.CAPTURE_FULLY_REFUNDED)
    wanted = left if amount is None else amount
    if wanted > left:
        raise impossible(
            Issue.REFUND_AMOUNT_EXCEEDED, field="/amount/value", value=money.text(wanted, capture["currency"])
        )
    refunded = capture["refunded"] + wanted
    made = act.put(
        {
            "id": new_id(),
            "object": "refund",
            "created": act.now,
            "order": capture["order"],
            "capture": capture["id"],
            "amount": wanted,
            "currency": capture["currency"],
            "status": "COMPLETED",
            "refunded_by_then": refunded,
            **told,
        }
    )
    _count(act, capture, refunded, made["id"])
    ledger.enter(act, ledger.REVERSAL if reversed_by_paypal else ledger.REFUND, made, -wanted)
    verb = "REVERSED" if reversed_by_paypal else "REFUNDED"
    words = f"A {_price(made)} capture payment was {verb.lower()}"
    events.emit(act, f"PAYMENT.CAPTURE.{verb}", made, words)
    return made


def fail_refund(act: Act, made: Json) -> Json:
    """Let a refund fail after it had succeeded, as when the payer's bank sends it back."""
    if made["status"] != "COMPLETED":
        raise impossible(Issue.INVALID_PARAMETER_VALUE, field="status", value=made["status"])
    failed = act.put({**made, "status": "FAILED"})
    capture = act.load("capture", made["capture"])
    _count(act, capture, capture["refunded"] - made["amount"], None)
    ledger.enter(act, ledger.REFUND_FAILED, failed, made["amount"])
    events.emit(act, "PAYMENT.REFUND.FAILED", failed, f"A {_price(failed)} refund failed")
    return failed


def claim_invoice(act: Act, order: Json) -> None:
    """Refuse a second payment under one invoice id, as the accounts that want it so do."""
    invoice = order["unit"]["invoice_id"]
    if invoice is None or order["instrument"] not in {"good", "echeck", "review"}:
        return
    place = f"invoice/{invoice}"
    holder = act.change.find("invoice", place)
    if holder is not None and holder["order"] != order["id"]:
        raise impossible(Issue.DUPLICATE_INVOICE_ID)
    act.put({"id": place, "object": "invoice", "created": act.now, "order": order["id"]})


def _earn(act: Act, capture: Json) -> Json:
    fee = money.fee(capture["amount"], capture["currency"])
    taken = act.put({**capture, "fee": fee})
    ledger.enter(act, ledger.PAYMENT, taken, taken["amount"], fee=fee)
    return taken


def _count(act: Act, capture: Json, refunded: int, refund_id: str | None) -> None:
    """Write down how much of a capture went back."""
    status = "COMPLETED" if not refunded else "REFUNDED" if refunded == capture["amount"] else "PARTIALLY_REFUNDED"
    made = [*capture["refunds"], *([refund_id] if refund_id else [])]
    act.put({**capture, "refunded": refunded, "status": status, "refunds": made})
    if refund_id:
        order = act.load("order", capture["order"])
        act.put({**order, "refunds": [*order["refunds"], refund_id]})


def _price(thing: Json) -> str:
    return f"{money.text(thing['amount'], thing['currency'])} {thing['currency']}"
