"""Authorisations: money that is held, then captured in whole or part, or let go."""

from http import HTTPStatus

from tillkeeper.gateways.paypal.sandbox import captures, events, money
from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import Issue, impossible
from tillkeeper.sandbox_kit.books import Json

FIELD = "authorization_id"


def retrieve(act: Act, fields: Fields, authorization_id: str) -> Answered:
    """Show an authorisation."""
    del fields
    return Answered(HTTPStatus.OK, act.load("authorization", authorization_id, field=FIELD))


def capture(act: Act, fields: Fields, authorization_id: str) -> Answered:
    """Take what is held, or a part of it; a final capture lets the rest go."""
    held = act.load("authorization", authorization_id, field=FIELD)
    wanted = fields.money("amount")
    final = fields.flag("final_capture")
    fields.text("invoice_id", most=captures.invoice_length_max)
    fields.text("note_to_payer", most=captures.note_length_max)
    if wanted is not None and wanted[1] != held["currency"]:
        raise impossible(Issue.CURRENCY_MISMATCH, field="/amount/currency_code", value=wanted[1])
    return Answered(HTTPStatus.CREATED, take(act, held, wanted[0] if wanted else None, final=final))


def void(act: Act, fields: Fields, authorization_id: str) -> Answered:
    """Let go of what is held."""
    del fields
    held = act.load("authorization", authorization_id, field=FIELD)
    if held["status"] in {"CAPTURED", "PARTIALLY_CAPTURED"}:
        raise impossible(Issue.PREVIOUSLY_CAPTURED)
    if held["status"] == "VOIDED":
        raise impossible(Issue.PREVIOUSLY_VOIDED)
    return Answered(HTTPStatus.OK, let_go(act, held), silent=True)


def take(act: Act, held: Json, amount: int | None, *, final: bool) -> Json:
    """Capture held money; an authorisation gives no more than it holds."""
    if held["status"] == "VOIDED":
        raise impossible(Issue.AUTHORIZATION_VOIDED)
    left = held["amount"] - held["captured"]
    if held["status"] == "CAPTURED" or left == 0:
        raise impossible(Issue.AUTHORIZATION_ALREADY_CAPTURED)
    wanted = left if amount is None else amount
    if wanted > left:
        raise impossible(
            Issue.MAX_CAPTURE_AMOUNT_EXCEEDED, field="/amount/value", value=money.text(wanted, held["currency"])
        )
    order = act.load("order", held["order"])
    made = captures.record(act, order, wanted, state="COMPLETED", authorization=held["id"])
    made = act.put({**made, "final": final})
    spent = held["captured"] + wanted
    status = "CAPTURED" if final or spent == held["amount"] else "PARTIALLY_CAPTURED"
    act.put({**held, "captured": spent, "status": status}, due=None if status == "CAPTURED" else held["expires"])
    order = act.put({**order, "captures": [*order["captures"], made["id"]]})
    captures.announce(act, made)
    return made


def let_go(act: Act, held: Json) -> Json:
    """Void an authorisation, by the merchant's wish or because its time is over."""
    if held["status"] not in {"CREATED", "PARTIALLY_CAPTURED"}:
        raise impossible(Issue.PREVIOUSLY_VOIDED)
    voided = act.put({**held, "status": "VOIDED"})
    events.emit(act, "PAYMENT.AUTHORIZATION.VOIDED", voided, "A payment authorization was voided")
    return voided
