"""Disputes: a payer wants money back; an inquiry takes none yet, a chargeback does until one side has won."""

from http import HTTPStatus

from tillkeeper.gateways.paypal.sandbox import captures, events, ledger, money
from tillkeeper.gateways.paypal.sandbox.act import Act, new_id
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import Issue, impossible, malformed
from tillkeeper.sandbox_kit.books import Json

# The standard fee of 15.00 is due when the payer wins a chargeback; like the fixed fee it is counted in minor units.
fee_minor = 1_500
answer_within_seconds = 10 * 86_400
page_size_usual = 10
page_size_max = 50

REASONS = (
    "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
    "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
    "UNAUTHORISED",
    "CREDIT_NOT_PROCESSED",
    "DUPLICATE_TRANSACTION",
    "INCORRECT_AMOUNT",
    "OTHER",
)
STAGES = ("CHARGEBACK", "INQUIRY")
WAITING = "WAITING_FOR_SELLER_RESPONSE"


def open_one(act: Act, capture: Json, *, amount: int | None, reason: str, stage: str) -> Json:
    """Let the payer dispute a capture, or part of it; without an amount, what was not refunded."""
    left = capture["amount"] - capture["refunded"]
    # Payers dispute what was refunded already, so a full refund is no protection.
    wanted = (left or capture["amount"]) if amount is None else amount
    if capture["status"] not in captures.TAKEN or capture["disputed"]:
        raise impossible(Issue.REFUND_NOT_ALLOWED)
    if wanted > capture["amount"]:
        raise impossible(Issue.REFUND_AMOUNT_EXCEEDED, value=money.text(wanted, capture["currency"]))
    due_by = act.now + answer_within_seconds
    dispute: Json = {
        "id": f"PP-R-{new_id()}",
        "object": "dispute",
        "created": act.now,
        "capture": capture["id"],
        "captured": capture["created"],
        "gross": capture["amount"],
        "amount": wanted,
        "currency": capture["currency"],
        "custom_id": capture["custom_id"],
        "reason": reason,
        "stage": stage,
        "status": WAITING,
        "evidences": [],
        "outcome": None,
        "movements": [],
        "due_by": due_by,
    }
    if stage == "CHARGEBACK":
        dispute = _move(act, dispute, "DEBIT")
    dispute = act.put(dispute, due=due_by)
    act.put({**capture, "disputed": True})
    events.emit(act, "CUSTOMER.DISPUTE.CREATED", dispute, "A new dispute opened")
    return dispute


def escalate(act: Act, dispute: Json) -> Json:
    """Turn an inquiry into a claim, for which PayPal holds the money back."""
    if dispute["stage"] != "INQUIRY" or dispute["status"] == "RESOLVED":
        raise _unsuitable(dispute)
    moved = act.put(_move(act, {**dispute, "stage": "CHARGEBACK"}, "DEBIT"), due=dispute["due_by"])
    events.emit(act, "CUSTOMER.DISPUTE.UPDATED", moved, "A dispute was updated")
    return moved


def win(act: Act, dispute: Json) -> Json:
    """Let PayPal decide for the merchant."""
    return _resolve(act, _given_back(act, dispute), "RESOLVED_SELLER_FAVOUR", keeps=True)


def withdraw(act: Act, dispute: Json) -> Json:
    """Let the payer take the dispute back."""
    return _resolve(act, _given_back(act, dispute), "CANCELED_BY_BUYER", keeps=True)


def lose(act: Act, dispute: Json) -> Json:
    """Let PayPal decide for the payer, who keeps the money; a chargeback costs the merchant a fee besides."""
    if not dispute["movements"]:
        dispute = _move(act, dispute, "DEBIT")
    elif dispute["status"] != "RESOLVED":
        fee = {"type": "DEBIT", "amount": fee_minor, "reason": "DISPUTE_FEE", "at": act.now}
        ledger.enter(act, ledger.DISPUTE_FEE, dispute, -fee_minor)
        dispute = {**dispute, "movements": [*dispute["movements"], fee]}
    return _resolve(act, dispute, "RESOLVED_BUYER_FAVOUR", keeps=False)


def retrieve(act: Act, fields: Fields, dispute_id: str) -> Answered:
    """Show a dispute."""
    del fields
    return Answered(HTTPStatus.OK, act.load("dispute", dispute_id))


def listing(act: Act, fields: Fields) -> Answered:
    """List disputes, newest first, all or those of one transaction or since a time."""
    size = fields.count("page_size", usual=page_size_usual, most=page_size_max)
    transaction = fields.text("disputed_transaction_id")
    where = {"capture": transaction} if transaction else {}
    created = {"gte": int(events.instant(fields, "start_time").timestamp())} if "start_time" in fields.tree else {}
    after = fields.text("next_page_token")
    older = act.change.place("dispute", after) if after else None
    found = act.change.select("dispute", where=where, created=created, older_than=older, limit=size + 1)
    place = f"{act.api}/v1/customer/disputes"
    links = [{"href": place, "rel": "self", "method": "GET"}]
    if len(found) > size:
        href = f"{place}?page_size={size}&next_page_token={found[size - 1]['id']}"
        links.append({"href": href, "rel": "next", "method": "GET"})
    return Answered.listing("items", found[:size], {"links": links})


def provide_evidence(act: Act, fields: Fields, dispute_id: str) -> Answered:
    """Take what speaks for the merchant, once and in time; then PayPal, or the payer, looks at it."""
    given = fields.tree.get("evidences")
    dispute = act.load("dispute", dispute_id)
    if dispute["status"] != WAITING or act.now > dispute["due_by"]:
        raise _unsuitable(dispute)
    if not isinstance(given, list) or not given:
        raise malformed(Issue.MISSING_REQUIRED_PARAMETER, "/evidences")
    told = []
    for number, each in enumerate(given):
        part = Fields(each if isinstance(each, dict) else {}, f"/evidences/{number}")
        told.append({"evidence_type": part.needed("evidence_type", most=255), "notes": part.needed("notes")})
    reviewed = act.put({**dispute, "status": "UNDER_REVIEW", "evidences": [*dispute["evidences"], *told]})
    events.emit(act, "CUSTOMER.DISPUTE.UPDATED", reviewed, "A dispute was updated with evidence")
    return _look_at(act, reviewed)


def accept(act: Act, fields: Fields, dispute_id: str) -> Answered:
    """Accept a claim as the merchant, who loses it."""
    fields.text("note")
    fields.choice("accept_claim_type", ("REFUND",))
    return _look_at(act, lose(act, act.load("dispute", dispute_id)))


def _look_at(act: Act, dispute: Json) -> Answered:
    """Answer with no more than where the dispute can be looked at."""
    href = f"{act.api}/v1/customer/disputes/{dispute['id']}"
    return Answered(HTTPStatus.OK, body={"links": [{"href": href, "rel": "self", "method": "GET"}]})


def _move(act: Act, dispute: Json, direction: str) -> Json:
    """Take the disputed amount from the merchant, or give it back."""
    code, sign = (ledger.DISPUTE, -1) if direction == "DEBIT" else (ledger.DISPUTE_WON, 1)
    ledger.enter(act, code, dispute, sign * dispute["amount"])
    moved = {"type": direction, "amount": dispute["amount"], "reason": "DISPUTE_SETTLEMENT", "at": act.now}
    return {**dispute, "movements": [*dispute["movements"], moved]}


def _given_back(act: Act, dispute: Json) -> Json:
    return _move(act, dispute, "CREDIT") if dispute["movements"] and dispute["status"] != "RESOLVED" else dispute


def _resolve(act: Act, dispute: Json, outcome: str, *, keeps: bool) -> Json:
    if dispute["status"] == "RESOLVED":
        raise _unsuitable(dispute)
    told: Json = {"outcome_code": outcome}
    if not keeps:
        told["amount_refunded"] = money.written(dispute["amount"], dispute["currency"])
    resolved = act.put({**dispute, "status": "RESOLVED", "outcome": told})
    if keeps:
        act.put({**act.load("capture", dispute["capture"]), "disputed": False})
    events.emit(act, "CUSTOMER.DISPUTE.RESOLVED", resolved, "A dispute was resolved")
    return resolved


def _unsuitable(dispute: Json) -> Exception:
    return malformed(Issue.INVALID_PARAMETER_VALUE, "status", value=dispute["status"])
