"""Disputes: a customer's bank takes a payment back, with Stripe's fee, until one side has won."""

from collections.abc import Mapping
from types import MappingProxyType

from tillkeeper.gateways.stripe.sandbox import balance, events, lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.currencies import written
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError, invalid
from tillkeeper.sandbox_kit.books import Json

# The fee is 15.00, which is kept whoever wins; like the charge's fixed fee it is counted in minor units.
fee_minor = 1500
answer_within_seconds = 9 * 86_400
evidence_length_max = 20_000

OPEN = ("needs_response", "under_review")
NETWORK_CODES: Mapping[str, str] = MappingProxyType(
    {
        "fraudulent": "10.4",
        "credit_not_processed": "13.6",
        "duplicate": "12.6",
        "general": "13.5",
        "product_not_received": "13.1",
        "product_unacceptable": "13.3",
        "subscription_canceled": "13.2",
        "unrecognized": "10.4",
    }
)
REASONS = tuple(NETWORK_CODES)
EVIDENCE_TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
EVIDENCE_FILES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)


def open_one(act: Act, charge: Json, *, amount: int | None, reason: str) -> Json:
    """Let the customer's bank take a payment back, or part of it; without an amount, what was not refunded."""
    disputed = _disputable(act, charge, amount)
    card = (charge["payment_method_details"] or {}).get("card") or {"brand": "visa", "network": "visa"}
    due_by = act.now + answer_within_seconds
    dispute = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": disputed,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": act.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys((*EVIDENCE_TEXTS, *EVIDENCE_FILES)), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": NETWORK_CODES[reason],
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card["brand"],
                "case_type": "chargeback",
                "network": card["network"],
                "network_reason_code": NETWORK_CODES[reason],
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
    transaction = balance.enter(act, "dispute", dispute, -disputed, fee_amount=fee_minor)
    dispute = act.put({**dispute, "balance_transactions": [transaction]}, due=due_by)
    act.put({**charge, "disputed": True})
    events.emit(act, "charge.dispute.created", dispute)
    events.emit(act, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def retrieve(act: Act, params: Params, dispute_id: str) -> Json:
    """Show a dispute."""
    params.done()
    return act.load("dispute", dispute_id, param="dispute")


def listing(act: Act, params: Params) -> Json:
    """List disputes, all or those of one charge or payment intent."""
    narrowed = {name: params.text(name) for name in ("payment_intent", "charge")}
    where = {name: value for name, value in narrowed.items() if value is not None}
    return lists.page(act, params, lists.Shelf("dispute", "/v1/disputes", where))


def update(act: Act, params: Params, dispute_id: str) -> Json:
    """Add evidence, and hand it to the bank unless `submit` says not yet."""
    before = act.load("dispute", dispute_id, param="dispute")
    given = _evidence(params)
    submit = params.boolean("submit")
    metadata = params.metadata(before["metadata"])
    params.done()
    if given or submit:
        checked_status(before, ("needs_response",), doing="updated with evidence")
        _checked_day(act, before)
    evidence = {**before["evidence"], **given}
    has_evidence = any(evidence[name] for name in EVIDENCE_TEXTS)
    details = {**before["evidence_details"], "has_evidence": has_evidence}
    dispute = {**before, "evidence": evidence, "evidence_details": details, "metadata": metadata}
    if submit or (given and submit is None):
        handed_in = {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        dispute |= {"status": "under_review", "evidence_details": {**details, **handed_in}}
    act.put(dispute, due=details["due_by"] if dispute["status"] == "needs_response" else None)
    changed = {name: before[name] for name in ("evidence", "evidence_details", "metadata", "status")}
    events.emit(
        act,
        "charge.dispute.updated",
        dispute,
        before={name: value for name, value in changed.items() if value != dispute[name]},
    )
    return dispute


def close(act: Act, params: Params, dispute_id: str) -> Json:
    """Accept a dispute as the merchant, which loses it."""
    params.done()
    dispute = act.load("dispute", dispute_id, param="dispute")
    checked_status(dispute, ("needs_response",), doing="closed")
    return _closed(act, dispute, "lost")


def win(act: Act, dispute: Json) -> Json:
    """Let the bank decide for the merchant, who gets the money back but not the fee."""
    checked_status(dispute, OPEN, doing="won")
    transaction = balance.enter(act, "dispute_reversal", dispute, dispute["amount"])
    transactions = [*dispute["balance_transactions"], transaction]
    won = {**dispute, "balance_transactions": transactions, "is_charge_refundable": True}
    won = _closed(act, won, "won")
    events.emit(act, "charge.dispute.funds_reinstated", won)
    return won


def lose(act: Act, dispute: Json) -> Json:
    """Let the bank decide for the customer, who keeps the money."""
    checked_status(dispute, OPEN, doing="lost")
    return _closed(act, dispute, "lost")


def lapse(act: Act, dispute: Json) -> Json:
    """Lose a dispute that nobody answered in time."""
    details = {**dispute["evidence_details"], "past_due": True}
    return _closed(act, {**dispute, "evidence_details": details}, "lost")


def blocks_refund(act: Act, charge: Json) -> bool:
    """Say whether a dispute that is open or lost already took the money of a charge."""
    found = act.change.select("dispute", where={"charge": charge["id"]}) if charge["disputed"] else []
    return any(dispute["status"] != "won" for dispute in found)


def checked_status(dispute: Json, allowed: tuple[str, ...], *, doing: str) -> None:
    """Refuse unless the dispute's status allows what is asked."""
    if dispute["status"] not in allowed:
        message = f"This dispute could not be {doing} because it has a status of {dispute['status']}."
        raise StripeError(message, param="dispute")


def _checked_day(act: Act, dispute: Json) -> None:
    if act.now > dispute["evidence_details"]["due_by"]:
        message = "This dispute could not be updated with evidence because its last day is over."
        raise StripeError(message, param="dispute")


def _disputable(act: Act, charge: Json, amount: int | None) -> int:
    if not charge["captured"] or charge["status"] != "succeeded":
        message = f"Charge {charge['id']} has taken no money, so there is nothing to dispute."
        raise StripeError(message, param="charge")
    if act.change.select("dispute", where={"charge": charge["id"]}, limit=1):
        message = f"Charge {charge['id']} has been disputed already."
        raise StripeError(message, code="charge_disputed", param="charge")
    left: int = charge["amount"] - charge["amount_refunded"]
    # Banks take back a payment even when the merchant has refunded it, so a full refund is no protection.
    wanted: int = (left or charge["amount_captured"]) if amount is None else amount
    if wanted > charge["amount_captured"]:
        asked, most = (written(value, charge["currency"]) for value in (wanted, charge["amount_captured"]))
        message = f"Dispute amount ({asked}) is greater than what the charge took ({most})."
        raise invalid(message, param="amount")
    return wanted


def _evidence(params: Params) -> Json:
    group = params.group("evidence") or Params({})
    return {name: group.text(name, length_max=evidence_length_max) for name in EVIDENCE_TEXTS if group.has(name)}


def _closed(act: Act, dispute: Json, status: str) -> Json:
    closed = act.put({**dispute, "status": status})
    events.emit(act, "charge.dispute.closed", closed)
    return closed
