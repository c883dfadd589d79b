"""Disputes: a customer's bank takes a payment back; Square holds the money until one side has won, and asks no fee."""

from collections.abc import Mapping
from types import MappingProxyType

from tillkeeper.gateways.square.sandbox import account, balance, events, lists
from tillkeeper.gateways.square.sandbox.act import Act, moment_of, new_id, stamp
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

answer_within_seconds = 14 * 86_400
id_length = 20
evidence_length_max = 500
OPEN = ("EVIDENCE_REQUIRED", "PROCESSING")
INQUIRY = ("INQUIRY_EVIDENCE_REQUIRED", "INQUIRY_PROCESSING")
STATES = (*INQUIRY, "INQUIRY_CLOSED", *OPEN, "WON", "LOST", "ACCEPTED")
REASONS = (
    "NO_KNOWLEDGE",
    "AMOUNT_DIFFERS",
    "CANCELLED",
    "DUPLICATE",
    "NOT_AS_DESCRIBED",
    "NOT_RECEIVED",
    "PAID_BY_OTHER_MEANS",
    "CUSTOMER_REQUESTS_CREDIT",
    "EMV_LIABILITY_SHIFT",
)
SENT: Mapping[str, str] = MappingProxyType(
    {"EVIDENCE_REQUIRED": "PROCESSING", "INQUIRY_EVIDENCE_REQUIRED": "INQUIRY_PROCESSING"}
)


def open_one(act: Act, payment: Json, *, amount: int | None, reason: str, inquiry: bool) -> Json:
    """Let the customer's bank take a payment back, or only ask about it."""
    money = _disputable(act, payment, amount)
    dispute_id = new_id()[:id_length]
    due = act.now + answer_within_seconds
    shown = {
        "id": dispute_id,
        "dispute_id": dispute_id,
        "amount_money": money,
        "reason": reason,
        "state": INQUIRY[0] if inquiry else OPEN[0],
        "due_at": stamp(due),
        "disputed_payment": {"payment_id": payment["id"]},
        "card_brand": "VISA",
        "brand_dispute_id": new_id(),
        "reported_at": stamp(act.now),
        "evidence_ids": [],
        "version": 1,
        "location_id": account.location(act),
    }
    dispute = act.add("dispute", shown, due=due, payment=payment["id"])
    if not inquiry:
        _move_money(act, dispute, "OPEN_DISPUTE", -money["amount"])
    events.emit(act, "dispute.created", dispute)
    return dispute


def retrieve(act: Act, params: Params, dispute_id: str) -> Json:
    """Show a dispute."""
    params.done()
    return act.load("dispute", dispute_id)


def listing(act: Act, params: Params) -> Json:
    """List disputes, all or those in one state."""
    state = params.choice("states", STATES)
    params.ignore("location_id")
    where = {"shown.state": state} if state else {}
    return lists.page(act, params, lists.Shelf("dispute", "disputes", where))


def accept(act: Act, params: Params, dispute_id: str) -> Json:
    """Accept a dispute as the merchant, which loses it."""
    params.done()
    dispute = act.load("dispute", dispute_id)
    _checked_state(dispute, ("EVIDENCE_REQUIRED", "INQUIRY_EVIDENCE_REQUIRED"), doing="accepted")
    if dispute["shown"]["state"] in INQUIRY:
        _move_money(act, dispute, "DISPUTE", -dispute["shown"]["amount_money"]["amount"])
    return _move(act, dispute, "ACCEPTED")


def add_evidence(act: Act, params: Params, dispute_id: str) -> Json:
    """Add a text that speaks for the merchant."""
    text = params.needed_text("evidence_text", most=evidence_length_max)
    kind = params.text("evidence_type") or "GENERIC_EVIDENCE"
    params.done()
    dispute = act.load("dispute", dispute_id)
    _checked_state(dispute, tuple(SENT), doing="given evidence")
    _checked_day(act, dispute)
    shown = {"id": new_id(), "dispute_id": dispute_id, "evidence_text": text, "evidence_type": kind}
    evidence = act.add("evidence", shown)
    known = dispute["shown"]["evidence_ids"]
    act.amend(dispute, {"evidence_ids": [*known, evidence["id"]]}, due=moment_of(dispute["shown"]["due_at"]))
    return evidence


def submit(act: Act, params: Params, dispute_id: str) -> Json:
    """Hand the evidence to the bank."""
    params.done()
    dispute = act.load("dispute", dispute_id)
    _checked_state(dispute, tuple(SENT), doing="submitted")
    _checked_day(act, dispute)
    return _move(act, dispute, SENT[dispute["shown"]["state"]])


def win(act: Act, dispute: Json) -> Json:
    """Let the bank decide for the merchant, who gets the money back; an inquiry is closed."""
    _checked_state(dispute, (*OPEN, *INQUIRY), doing="won")
    if dispute["shown"]["state"] in INQUIRY:
        return _move(act, dispute, "INQUIRY_CLOSED")
    _move_money(act, dispute, "DISPUTE", dispute["shown"]["amount_money"]["amount"])
    return _move(act, dispute, "WON")


def lose(act: Act, dispute: Json) -> Json:
    """Let the bank decide for the customer, who keeps the money."""
    _checked_state(dispute, OPEN, doing="lost")
    return _move(act, dispute, "LOST")


def lapse(act: Act, dispute: Json) -> Json:
    """End a dispute that nobody answered in time."""
    if dispute["shown"]["state"] == "EVIDENCE_REQUIRED":
        return _move(act, dispute, "LOST")
    if dispute["shown"]["state"] == "INQUIRY_EVIDENCE_REQUIRED":
        return _move(act, dispute, "INQUIRY_CLOSED")
    return act.change.put(dispute)


def blocks_refund(act: Act, payment: Json) -> bool:
    """Say whether a dispute that is open or lost already took the money of a payment."""
    return any(held(dispute) for dispute in act.change.select("dispute", where={"payment": payment["id"]}))


def held(dispute: Json) -> int:
    """Tell what Square holds back for a dispute by now."""
    holds = dispute["shown"]["state"] in (*OPEN, "LOST", "ACCEPTED")
    return int(dispute["shown"]["amount_money"]["amount"]) if holds else 0


def _disputable(act: Act, payment: Json, amount: int | None) -> Json:
    if payment["shown"]["status"] != "COMPLETED":
        detail = f"Payment {payment['id']} has taken no money, so there is nothing to dispute."
        raise SquareError(detail)
    if act.change.select("dispute", where={"payment": payment["id"]}, limit=1):
        detail = f"Payment {payment['id']} has been disputed already."
        raise SquareError(detail)
    total = payment["shown"]["total_money"]
    # Banks take back a payment even when the merchant has refunded it, so a full refund is no protection.
    left = total["amount"] - payment["shown"].get("refunded_money", {"amount": 0})["amount"]
    wanted = (left or total["amount"]) if amount is None else amount
    if wanted > total["amount"]:
        detail = f"{wanted} is more than the {total['amount']} that the payment took."
        raise SquareError(detail)
    return {**total, "amount": wanted}


def _move(act: Act, dispute: Json, state: str) -> Json:
    dispute = act.amend(dispute, {"state": state, "version": dispute["version"] + 1})
    events.emit(act, "dispute.state.updated", dispute)
    return dispute


def _move_money(act: Act, dispute: Json, kind: str, amount: int) -> None:
    currency = dispute["shown"]["amount_money"]["currency"]
    balance.enter(act, kind, amount, currency, payment_id=dispute["payment"], dispute_id=dispute["id"])


def _checked_day(act: Act, dispute: Json) -> None:
    if act.now > moment_of(dispute["shown"]["due_at"]):
        detail = "The last day to challenge this dispute is over."
        raise SquareError(detail)


def _checked_state(dispute: Json, allowed: tuple[str, ...], *, doing: str) -> None:
    if dispute["shown"]["state"] not in allowed:
        detail = f"This dispute could not be {doing}: its state is {dispute['shown']['state']}."
        raise SquareError(detail)
