"""The gateways, as they would speak with a canary in their mouths: in their answers and in their webhooks.

What they call things, and where they send people, is kept as they say it (decision 0086): there no canary stands, but
where what they say is no name at all.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from tillkeeper.kernel import clock

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saying:
    """Hold an answer; one that stands `at` a path stands there only, and everywhere else callers are turned away."""

    status: int
    body: bytes
    kind: str = "application/json"
    at: str = ""


@dataclass(frozen=True, slots=True)
class Sold:
    """Name two payments of one gateway: one that is still to be paid, and one whose money was taken."""

    waits: Json
    paid: Json
    money: str
    """What the gateway calls the money that was taken."""


class Voice(Protocol):
    """Say something as one gateway would."""

    name: str
    currency: str
    spared: Sequence[str]
    """How addresses begin without which nobody comes as far as to ask."""

    def answers(self, said: str) -> list[Saying]:
        """Answer a call."""

    def failure(self, payment: Json, code: str, said: str) -> Json:
        """Tell by webhook that paying failed."""

    def dispute(self, said: str, sold: Sold) -> Json:
        """Tell by webhook that a payment is disputed."""

    def events(self, said: str, sold: Sold) -> list[Json]:
        """Tell something by webhook: of payments that exist, and what makes no sense."""

    def numbered(self, event: Json, event_id: str) -> Json:
        """Put around an event what each of them has."""


def _answer(status: int, body: Json, at: str = "") -> Saying:
    return Saying(status, json.dumps(body).encode(), at=at)


def _strange(said: str) -> list[Saying]:
    """Answer as no gateway does: with a page, and with half an object."""
    return [Saying(200, f"<html>{said}</html>".encode(), "text/html"), Saying(200, f'{{"id": "{said}'.encode())]


def _mark(said: str, length: int = 14) -> str:
    """Make an id of its own for each thing that is told of, which gives nothing away."""
    return sha256(said.encode()).hexdigest()[:length].upper()


def _moment() -> str:
    return clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


class Stripe:
    """Speak as Stripe."""

    name, currency = "stripe", "EUR"
    spared: Sequence[str] = ()

    def answers(self, said: str) -> list[Saying]:
        declined = {"code": "card_declined", "message": f"Your card {said} was declined.", "param": said}
        return [
            _answer(402, {"error": declined | {"type": "card_error", "decline_code": "generic_decline"}}),
            _answer(402, {"error": declined | {"type": "card_error", "code": said, "decline_code": said}}),
            _answer(400, {"error": declined | {"type": "invalid_request_error", "code": "parameter_invalid"}}),
            _answer(500, {"error": {"type": "api_error", "message": said}}),
            _answer(401, {"error": {"type": said, "message": f"Invalid API Key: {said}"}}),
            _answer(200, {"id": said, "object": said, "url": said}),
            *_strange(said),
        ]

    def failure(self, payment: Json, code: str, said: str) -> Json:
        error = {"message": said, "code": "card_declined", "decline_code": code, "type": said}
        return self._intent(payment, said, status="requires_payment_method", last_payment_error=error)

    def dispute(self, said: str, sold: Sold, **more: object) -> Json:
        dispute = {"id": f"dp_{_mark(said)}", "status": "needs_response", "amount": 1, "currency": "eur"}
        disputed = dispute | {"payment_intent": sold.money, "reason": said}
        return {"type": "charge.dispute.created", "data": {"object": disputed | more}}

    def events(self, said: str, sold: Sold) -> list[Json]:
        charge = {"id": said, "refunds": said, "payment_intent": said}
        payout = {"id": f"po_{_mark(said)}", "status": "failed", "amount": 1, "currency": "eur"}
        return [
            self.failure(sold.waits, said, f"Your card {said} was declined."),
            self._intent(sold.waits, said, amount_received=said, status=said) | {"type": "payment_intent.succeeded"},
            {"type": "payment_intent.succeeded", "data": {"object": said}},
            {"type": "charge.refunded", "data": {"object": charge}},
            {"type": f"something.{said}", "data": {"object": {"note": said}}},
            {"type": "payout.failed", "data": {"object": payout | {"failure_message": said, "failure_code": said}}},
            self.dispute(said, sold),
        ]

    def numbered(self, event: Json, event_id: str) -> Json:
        return {"id": event_id, "object": "event", "api_version": "2026-10-28.endive", **event}

    def _intent(self, payment: Json, said: str, **more: object) -> Json:
        intent = {
            "id": f"pi_{_mark(said)}",
            "object": "payment_intent",
            "amount": payment["amount"],
            "currency": "eur",
            "metadata": {"payment": payment["id"]},
        }
        return {"type": "payment_intent.payment_failed", "data": {"object": intent | more}}


class PayPal:
    """Speak as PayPal."""

    name, currency = "paypal", "EUR"
    spared: Sequence[str] = ("/paypal/v1/oauth2/token", "/paypal/v1/notifications/certs/")

    def answers(self, said: str) -> list[Saying]:
        [token, certificates] = self.spared
        del certificates
        issue = {"issue": "INSTRUMENT_DECLINED", "description": f"The card {said} was declined.", "value": said}
        no = {"name": "UNPROCESSABLE_ENTITY", "message": said, "debug_id": said}
        links = [{"rel": "payer-action", "href": f"https://x.example/{_mark(said)}", "title": said}]
        return [
            _answer(422, no | {"details": [issue]}),
            _answer(422, no | {"details": [issue | {"issue": said}]}),
            _answer(400, {"name": said, "message": said}),
            _answer(500, no),
            _answer(401, {"error": said, "error_description": said}),
            _answer(200, {"id": f"O{_mark(said)}", "status": said, "links": links, "note": said}),
            _answer(200, {"access_token": said, "expires_in": 32_400}, at=token),
            _answer(401, {"error": said, "error_description": said}, at=token),
            *_strange(said),
        ]

    def failure(self, payment: Json, code: str, said: str) -> Json:
        reason = {"status": "DECLINED", "status_details": {"reason": code}, "note_to_payer": said}
        return self._told("PAYMENT.CAPTURE.DECLINED", said, payment, **reason)

    def dispute(self, said: str, sold: Sold, **more: object) -> Json:
        dispute = {
            "dispute_id": f"PP-D-{_mark(said)}",
            "status": "OPEN",
            "reason": said,
            "dispute_amount": {"value": "0.01", "currency_code": "EUR"},
            "disputed_transactions": [{"seller_transaction_id": sold.money, "custom": sold.paid["id"]}],
        }
        return {"event_type": "CUSTOMER.DISPUTE.CREATED", "resource": dispute | more}

    def events(self, said: str, sold: Sold) -> list[Json]:
        up = [{"rel": "up", "href": f"https://x.example/v2/payments/captures/C{_mark(said)}", "title": said}]
        return [
            self.failure(sold.waits, said, said),
            self._told("PAYMENT.CAPTURE.COMPLETED", said, sold.waits, status=said),
            self._told("PAYMENT.CAPTURE.COMPLETED", said, sold.waits, amount={"value": said, "currency_code": said}),
            self._told("PAYMENT.CAPTURE.REFUNDED", said, sold.waits, links=up, note_to_payer=said),
            {"event_type": f"something.{said}", "resource": {"note": said}, "summary": said},
            {"event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": said},
            self.dispute(said, sold),
        ]

    def numbered(self, event: Json, event_id: str) -> Json:
        return {"id": event_id, "resource_version": "2.0", "create_time": _moment(), **event}

    def _told(self, kind: str, said: str, payment: Json, **more: object) -> Json:
        capture = {
            "id": f"C{_mark(said)}",
            "status": "COMPLETED",
            "amount": {"value": f"{payment['amount'] // 100}.{payment['amount'] % 100:02}", "currency_code": "EUR"},
            "custom_id": payment["id"],
            "create_time": _moment(),
            "update_time": _moment(),
        }
        return {"event_type": kind, "resource": capture | more}


class Razorpay:
    """Speak as Razorpay."""

    name, currency = "razorpay", "INR"
    spared: Sequence[str] = ()

    def answers(self, said: str) -> list[Saying]:
        no = {"code": "BAD_REQUEST_ERROR", "description": f"Your card {said} was declined.", "field": said}
        opened = {"id": said, "entity": said, "short_url": said, "status": said, "receipt": said}
        return [
            _answer(400, {"error": no | {"reason": "payment_failed", "metadata": {"payment_id": said}}}),
            _answer(400, {"error": no | {"reason": said, "source": said}}),
            _answer(400, {"error": {"code": said, "description": said}}),
            _answer(500, {"error": {"code": said, "description": said}}),
            _answer(401, {"error": no}),
            _answer(200, opened),
            _answer(200, opened | {"id": f"plink_{_mark(said)}", "status": "created"}),
            *_strange(said),
        ]

    def failure(self, payment: Json, code: str, said: str) -> Json:
        error = {"error_code": said, "error_reason": code, "error_description": said, "error_source": said}
        return self._told("payment.failed", said, payment, status="failed", vpa=said, email=said, contact=said, **error)

    def dispute(self, said: str, sold: Sold, **more: object) -> Json:
        amount = {"amount": 1, "amount_deducted": 0, "currency": "INR", "payment_id": sold.money}
        dispute = {"id": f"disp_{_mark(said)}", "status": "open", "phase": "chargeback"} | amount
        disputed = dispute | {"reason_code": said, "reason_description": said} | more
        return {"event": "payment.dispute.created", "payload": {"dispute": {"entity": disputed}}}

    def events(self, said: str, sold: Sold) -> list[Json]:
        mark = _mark(said)
        refund = {"id": f"rfnd_{mark}", "amount": 1, "currency": "INR", "payment_id": f"pay_{mark}"}
        refund |= {"status": "processed", "speed_processed": said}
        return [
            self.failure(sold.waits, said, f"Your card {said} was declined."),
            self._told("payment.captured", said, sold.waits, status=said),
            self._told("payment.captured", said, sold.waits, status="captured", amount=said, currency=said),
            {"event": "refund.processed", "payload": {"refund": {"entity": refund | {"notes": {"refund": said}}}}},
            {"event": f"something.{said}", "payload": {"note": said}},
            {"event": "payment.captured", "payload": said},
            self.dispute(said, sold),
        ]

    def numbered(self, event: Json, event_id: str) -> Json:
        del event_id  # it stands in a header
        return {"entity": "event", "created_at": int(clock.now().timestamp()), **event}

    def _told(self, kind: str, said: str, payment: Json, **more: object) -> Json:
        mark = _mark(said)
        paid = {"id": f"pay_{mark}", "order_id": f"order_{mark}", "amount": payment["amount"], "currency": "INR"}
        order = {"id": f"order_{mark}", "notes": {"payment": payment["id"]}}
        return {"event": kind, "payload": {"payment": {"entity": paid | more}, "order": {"entity": order}}}


class Square:
    """Speak as Square."""

    name, currency = "square", "EUR"
    spared: Sequence[str] = ()

    def answers(self, said: str) -> list[Saying]:
        no = {"category": "PAYMENT_METHOD_ERROR", "code": "CARD_DECLINED", "detail": said, "field": said}
        mark = _mark(said)
        place = f"https://x.example/{mark}"
        link = {"id": f"L{mark}", "order_id": f"R{mark}", "url": place, "long_url": place, "description": said}
        return [
            _answer(402, {"errors": [no], "payment": {"id": said}}),
            _answer(400, {"errors": [no | {"code": said}]}),
            _answer(400, {"errors": [no | {"category": said, "code": "BAD_REQUEST"}]}),
            _answer(500, {"errors": [no | {"code": said}]}),
            _answer(401, {"errors": [no | {"category": "AUTHENTICATION_ERROR", "code": said}]}),
            _answer(200, {"payment_link": link, "related_resources": {"orders": [{"id": f"R{mark}", "note": said}]}}),
            *_strange(said),
        ]

    def failure(self, payment: Json, code: str, said: str) -> Json:
        errors = [{"code": code, "detail": said, "category": said, "field": said}]
        card = {"errors": errors, "card": {"cardholder_name": said}, "statement_description": said}
        return self._told("payment.updated", said, payment, status="FAILED", card_details=card, receipt_number=said)

    def dispute(self, said: str, sold: Sold, **more: object) -> Json:
        one = {"amount_money": {"amount": 1, "currency": "EUR"}, "updated_at": _moment()}
        dispute = {"id": f"dp{_mark(said)}", "state": "EVIDENCE_REQUIRED", "reason": said} | one
        disputed = dispute | {"disputed_payment": {"payment_id": sold.money}}
        return {"type": "dispute.created", "data": {"object": {"dispute": disputed | more}}}

    def events(self, said: str, sold: Sold) -> list[Json]:
        one = {"amount_money": {"amount": 1, "currency": "EUR"}, "updated_at": _moment()}
        refund = one | {"id": f"R{_mark(said)}", "status": said, "payment_id": f"P{_mark(said)}", "reason": said}
        return [
            self.failure(sold.waits, said, f"Your card {said} was declined."),
            self._told("payment.updated", said, sold.waits, status=said),
            self._told("payment.updated", said, sold.waits, total_money={"amount": said, "currency": said}),
            {"type": "refund.updated", "data": {"id": said, "object": {"refund": refund}}},
            {"type": f"something.{said}", "data": {"object": {"note": said}}, "merchant_id": said},
            {"type": "payment.updated", "data": {"object": said}},
            self.dispute(said, sold),
        ]

    def numbered(self, event: Json, event_id: str) -> Json:
        return {"event_id": event_id, "created_at": _moment(), **event}

    def _told(self, kind: str, said: str, payment: Json, **more: object) -> Json:
        paid = {
            "id": f"P{_mark(said)}",
            "status": "COMPLETED",
            "total_money": {"amount": payment["amount"], "currency": "EUR"},
            "note": payment["id"],
        }
        return {"type": kind, "data": {"object": {"payment": paid | more}}}


VOICES: Sequence[Voice] = (Stripe(), PayPal(), Razorpay(), Square())
