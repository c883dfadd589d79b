"""Refunds: pending at first and processed right after, never more than what is left of a captured payment."""

from tillkeeper.gateways.razorpay.sandbox import disputes, entries, events, lists, payments
from tillkeeper.gateways.razorpay.sandbox.act import Act, changed, new_id, record
from tillkeeper.gateways.razorpay.sandbox.currencies import checked_amount
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json

HABIT = "refunds are held"
ARN = "10000000000000"


def create(act: Act, fields: Fields, payment_id: str) -> Json:
    """Refund a payment in full or in part; the answer comes before the money goes."""
    payment = act.load("payment", payment_id)
    amount, receipt = fields.integer("amount"), fields.text("receipt")
    speed = fields.choice("speed", ("normal", "optimum")) or "normal"
    notes = fields.notes()
    fields.done()
    _check_receipt(act, payment, receipt)
    shown: Json = give_back(act, payment, amount, notes=notes, receipt=receipt, speed=speed)["shown"]
    return shown


def give_back(
    act: Act, payment: Json, amount: int | None, *, notes: Json, receipt: str | None = None, speed: str = "normal"
) -> Json:
    """Begin a refund and, unless refunds are held, let it arrive; return it as it was at first."""
    wanted = _allowed(act, payment, amount)
    refund, payment = _record(act, payment, wanted, notes=notes, receipt=receipt, speed=speed)
    entries.of_refund(act, refund, payment)
    events.emit(act, "refund.created", {"refund": refund["shown"], "payment": payments.told(payment)})
    if not held(act):
        process(act, refund)
    return refund


def give_back_uncaptured(act: Act, payment: Json) -> Json:
    """Let go of an authorised payment that nobody captured: a refund of money that never was the merchant's."""
    if payment["shown"]["status"] != "authorized":
        message = f"Only an authorised payment lapses; this one is {payment['shown']['status']}."
        raise invalid(message)
    refund, payment = _record(act, payment, payment["shown"]["amount"], notes={}, receipt=None, speed="normal")
    events.emit(act, "refund.created", {"refund": refund["shown"], "payment": payments.told(payment)})
    process(act, refund)
    return payment


def process(act: Act, refund: Json) -> Json:
    """Let a refund arrive."""
    _checked_status(refund, ("pending",))
    done = act.put(changed(refund, status="processed", acquirer_data={"arn": ARN}))
    _announce(act, "refund.processed", done)
    return done


def fail(act: Act, refund: Json) -> Json:
    """Let a refund fail, which may happen after it had been processed: the money is the merchant's again."""
    _checked_status(refund, ("pending", "processed"))
    payment = act.load("payment", refund["shown"]["payment_id"])
    shown = payment["shown"]
    if not shown["captured"]:
        message = "What was never captured goes back by itself, and that does not fail."
        raise invalid(message)
    left = shown["amount_refunded"] - refund["shown"]["amount"]
    payment = act.put(
        changed(payment, status="captured", amount_refunded=left, refund_status="partial" if left else None)
    )
    failed = act.put(changed(refund, status="failed"))
    entries.of_correction(act, refund, payment, refund["shown"]["amount"], "Refund reversed")
    _announce(act, "refund.failed", failed)
    return failed


def hold(act: Act, *, on: bool) -> Json:
    """Leave refunds pending from now on, or let them arrive at once again."""
    return act.put({"id": HABIT, "object": "habit", "created": act.now, "on": on})


def held(act: Act) -> bool:
    """Say whether refunds are left pending."""
    habit = act.change.find("habit", HABIT)
    return bool(habit and habit["on"])


def retrieve(act: Act, fields: Fields, refund_id: str) -> Json:
    """Show a refund."""
    fields.done()
    shown: Json = act.load("refund", refund_id)["shown"]
    return shown


def retrieve_of(act: Act, fields: Fields, payment_id: str, refund_id: str) -> Json:
    """Show a refund of a payment."""
    refund = retrieve(act, fields, refund_id)
    if refund["payment_id"] != payment_id:
        message = "The id provided does not exist"
        raise invalid(message)
    return refund


def listing(act: Act, fields: Fields) -> Json:
    """List refunds."""
    return lists.page(act, fields, "refund")


def listing_of(act: Act, fields: Fields, payment_id: str) -> Json:
    """List the refunds of a payment."""
    act.load("payment", payment_id)
    return lists.page(act, fields, "refund", ids=act.change.tied(payment_id))


def _record(act: Act, payment: Json, amount: int, *, notes: Json, receipt: str | None, speed: str) -> tuple[Json, Json]:
    """Store a refund, and what it leaves of the payment."""
    total = payment["shown"]["amount_refunded"] + amount
    full = total == payment["shown"]["amount"]
    shown = {
        "id": new_id("rfnd"),
        "entity": "refund",
        "amount": amount,
        "currency": payment["shown"]["currency"],
        "payment_id": payment["id"],
        "notes": notes or [],
        "receipt": receipt,
        "acquirer_data": {"arn": None},
        "created_at": act.now,
        "batch_id": None,
        "status": "pending",
        "speed_processed": "normal",
        "speed_requested": speed,
    }
    refund = act.put(record("refund", shown))
    act.change.tie([refund["id"]], payment["id"])
    status = "refunded" if full else payment["shown"]["status"]
    state = "full" if full else "partial"
    return refund, act.put(changed(payment, status=status, amount_refunded=total, refund_status=state))


def _check_receipt(act: Act, payment: Json, receipt: str | None) -> None:
    """Refuse a receipt that another refund of the payment has, however long ago."""
    used = {refund["shown"]["receipt"] for refund in act.children("refund", payment["id"])}
    if receipt is not None and receipt in used:
        message = "Duplicate receipt found for this refund request; a receipt names one refund of a payment."
        raise invalid(message, field="receipt")


def _allowed(act: Act, payment: Json, amount: int | None) -> int:
    shown = payment["shown"]
    if not shown["captured"]:
        message = "The payment status should be captured for action to be taken"
        raise invalid(message)
    left: int = shown["amount"] - shown["amount_refunded"]
    if left == 0:
        message = "The payment has been fully refunded already"
        raise invalid(message)
    if disputes.blocks_refund(act, payment):
        message = "The payment is under dispute, so it cannot be refunded"
        raise invalid(message)
    wanted = left if amount is None else checked_amount(amount, shown["currency"])
    if wanted > left:
        message = (
            "The refund amount provided is greater than amount captured"
            if wanted > shown["amount"]
            else "The total refund amount is greater than the refund payment amount"
        )
        raise invalid(message, field="amount")
    return wanted


def _checked_status(refund: Json, allowed: tuple[str, ...]) -> None:
    if refund["shown"]["status"] not in allowed:
        message = f"The refund is {refund['shown']['status']} already."
        raise invalid(message)


def _announce(act: Act, kind: str, refund: Json) -> None:
    payment = act.load("payment", refund["shown"]["payment_id"])
    events.emit(act, kind, {"refund": refund["shown"], "payment": payments.told(payment)})
