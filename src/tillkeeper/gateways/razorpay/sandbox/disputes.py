"""Disputes: a customer's bank asks for a payment back; money moves only when the merchant loses."""

from tillkeeper.gateways.razorpay.sandbox import entries, events, lists, payments
from tillkeeper.gateways.razorpay.sandbox.act import Act, changed, new_id, record
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json

answer_within_seconds = 7 * 86_400
summary_length_max = 1000
PDF = b"%PDF-"
PHASES = ("chargeback", "fraud", "retrieval", "pre_arbitration", "arbitration")
# In these phases the bank only asks; nothing is claimed yet.
ASKING = ("fraud", "retrieval")
OPEN = ("open", "under_review")
REASONS = (
    "goods_or_services_not_received_or_partially_received",
    "processed_invalid_expired_card",
    "warning_bulletin_or_exception_file",
    "credit_not_processed",
    "duplicate_processing",
    "fraudulent_transaction",
)
PROOFS = (
    "shipping_proof",
    "billing_proof",
    "cancellation_proof",
    "customer_communication",
    "proof_of_service",
    "explanation_letter",
    "refund_confirmation",
    "access_activity_log",
    "refund_cancellation_policy",
    "term_and_conditions",
)


def open_one(act: Act, payment: Json, *, amount: int | None, reason: str, phase: str) -> Json:
    """Let the customer's bank question a captured payment; without an amount, all that was not refunded."""
    shown = payment["shown"]
    if not shown["captured"]:
        message = "The payment has taken no money, so there is nothing to dispute."
        raise invalid(message)
    left = shown["amount"] - shown["amount_refunded"]
    # Banks take back a payment even when the merchant has refunded it, so a full refund is no protection.
    wanted = (left or shown["amount"]) if amount is None else amount
    if wanted > shown["amount"]:
        message = "The dispute amount is greater than the payment amount."
        raise invalid(message, field="amount")
    due = act.now + answer_within_seconds
    told = {
        "id": new_id("disp"),
        "entity": "dispute",
        "payment_id": payment["id"],
        "amount": wanted,
        "currency": shown["currency"],
        "amount_deducted": 0,
        "reason_code": reason,
        "respond_by": due,
        "status": "open",
        "phase": phase,
        "created_at": act.now,
        "evidence": {
            "amount": wanted,
            "summary": None,
            **dict.fromkeys(PROOFS),
            "others": None,
            "submitted_at": None,
        },
    }
    dispute = act.put(record("dispute", told), due=due)
    act.change.tie([dispute["id"]], payment["id"])
    return _announce(act, "created", dispute)


def retrieve(act: Act, fields: Fields, dispute_id: str) -> Json:
    """Show a dispute."""
    fields.done()
    shown: Json = act.load("dispute", dispute_id)["shown"]
    return shown


def listing(act: Act, fields: Fields) -> Json:
    """List disputes."""
    return lists.page(act, fields, "dispute")


def accept(act: Act, fields: Fields, dispute_id: str) -> Json:
    """Accept a dispute as the merchant, which loses it."""
    fields.done()
    shown: Json = lose(act, _in(act.load("dispute", dispute_id), ("open",)))["shown"]
    return shown


def contest(act: Act, fields: Fields, dispute_id: str) -> Json:
    """Add evidence and, unless it is a draft, hand it to the bank."""
    dispute = _in(act.load("dispute", dispute_id), ("open",))
    if act.now > dispute["shown"]["respond_by"]:
        message = "The last day to contest this dispute is over."
        raise invalid(message)
    given: Json = {"amount": fields.integer("amount"), "summary": fields.text("summary", length_max=summary_length_max)}
    given |= {name: fields.values.get(name) for name in (*PROOFS, "others")}
    fields.left -= {*PROOFS, "others"}
    submit = fields.choice("action", ("draft", "submit")) == "submit"
    fields.done()
    evidence = {**dispute["shown"]["evidence"], **{name: value for name, value in given.items() if value is not None}}
    dispute = changed(dispute, evidence=evidence)
    named = [each for name in PROOFS for each in evidence[name] or ()]
    for document in named:
        act.load("document", document)
    if submit and not named:
        message = "At least one document is needed to contest a dispute."
        raise invalid(message)
    if submit:
        evidence["submitted_at"] = act.now
        dispute = review(act, dispute)
    else:
        act.put(dispute, due=dispute["shown"]["respond_by"])
    shown: Json = dispute["shown"]
    return shown


def upload(act: Act, fields: Fields) -> Json:
    """Keep a document that is to prove something."""
    purpose = fields.choice("purpose", ("dispute_evidence",))
    held = fields.values.get("file")
    fields.left.discard("file")
    fields.done()
    if purpose is None or not isinstance(held, bytes) or not held.startswith(PDF):
        message = "A document is a PDF, and its purpose is dispute_evidence."
        raise invalid(message, field="file")
    told = {
        "id": new_id("doc"),
        "entity": "document",
        "purpose": purpose,
        "name": "letter.pdf",
        "mime_type": "application/pdf",
        "size": len(held),
        "created_at": act.now,
    }
    shown: Json = act.put(record("document", told))["shown"]
    return shown


def review(act: Act, dispute: Json) -> Json:
    """Let the bank look at the evidence."""
    return _announce(act, "under_review", act.put(changed(_in(dispute, ("open",)), status="under_review")))


def ask_again(act: Act, dispute: Json) -> Json:
    """Let the bank find the evidence wanting: the merchant must add to it."""
    due = dispute["shown"]["respond_by"]
    return _announce(act, "action_required", act.put(changed(_in(dispute, ("under_review",)), status="open"), due=due))


def change(act: Act, dispute: Json, **told: object) -> Json:
    """Change what the bank says of an open dispute but not its status, of which no webhook tells."""
    dispute = changed(_in(dispute, OPEN), **told)
    return act.put(dispute, due=dispute["shown"]["respond_by"])


def win(act: Act, dispute: Json, *, deducted: int = 0) -> Json:
    """Let the bank decide for the merchant, if need be for part of the amount only."""
    return _decide(act, _in(dispute, OPEN), "won", deducted)


def lose(act: Act, dispute: Json) -> Json:
    """Let the bank decide for the customer, who gets the money."""
    return _decide(act, _in(dispute, OPEN), "lost", dispute["shown"]["amount"])


def close(act: Act, dispute: Json) -> Json:
    """Close a suspicion of fraud that the merchant has answered; no money moves."""
    if dispute["shown"]["phase"] not in ASKING:
        message = f"Only {' and '.join(ASKING)} disputes are closed; this is a {dispute['shown']['phase']}."
        raise invalid(message)
    return _decide(act, _in(dispute, OPEN), "closed", 0)


def lapse(act: Act, dispute: Json) -> Json:
    """End a dispute that nobody answered in time: a claim is lost, a mere question is closed."""
    return close(act, dispute) if dispute["shown"]["phase"] in ASKING else lose(act, dispute)


def blocks_refund(act: Act, payment: Json) -> bool:
    """Say whether a claim that is open or lost stands against a refund."""
    found = [dispute["shown"] for dispute in act.children("dispute", payment["id"])]
    return any(each["phase"] not in ASKING and each["status"] in (*OPEN, "lost") for each in found)


def _decide(act: Act, dispute: Json, status: str, deducted: int) -> Json:
    payment = act.load("payment", dispute["shown"]["payment_id"])
    decided = act.put(changed(dispute, status=status, amount_deducted=deducted))
    if deducted:
        entries.of_correction(act, decided, payment, -deducted, "Dispute lost")
    return _announce(act, status, decided)


def _in(dispute: Json, allowed: tuple[str, ...]) -> Json:
    if dispute["shown"]["status"] not in allowed:
        message = f"The dispute is {dispute['shown']['status']}, so this cannot be done."
        raise invalid(message)
    return dispute


def _announce(act: Act, step: str, dispute: Json) -> Json:
    payment = act.load("payment", dispute["shown"]["payment_id"])
    events.emit(act, f"payment.dispute.{step}", {"payment": payments.told(payment), "dispute": dispute["shown"]})
    return dispute
