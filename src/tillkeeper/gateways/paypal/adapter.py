"""Calls to PayPal: orders that are captured or authorised once the payer has approved them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tillkeeper.facts import EXPIRED, Notice, NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    CustomerOrder,
    Declined,
    Envelope,
    Evidence,
    Feature,
    GatewayUnavailableError,
    Order,
    Outcome,
    RefundOrder,
    Refused,
    Told,
    Unknown,
)
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.gateways.paypal import amounts, calls, reports, settlement, webhook
from tillkeeper.gateways.paypal.calls import Object
from tillkeeper.gateways.paypal.certificates import Certificates, Trust
from tillkeeper.gateways.paypal.disputes import Disputes
from tillkeeper.gateways.paypal.judge import Judge
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.secrets import Secrets

ORDERS = "/v2/checkout/orders"
AUTHORIZATIONS = "/v2/payments/authorizations"
CAPTURES = "/v2/payments/captures"
key_window_seconds = 5 * 3600
"""PayPal keeps request ids of orders for 6 hours and of payments for 45 days; the hour is for clocks that differ."""
description_length_max = 127
event_page_size = 300
event_pages_max = 100
fee_basis_points = 349
fee_fixed = 49
APPROVAL = frozenset({"approve", "payer-action"})
UNTAKEN = frozenset({"DECLINED", "FAILED"})
VOIDABLE = frozenset({"CREATED", "PENDING", "PARTIALLY_CAPTURED"})
TAKEN = Declined(code="ORDER_ALREADY_CAPTURED", message="The money was taken already.")
FINISHED_BEFORE = frozenset({"ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "ORDER_COMPLETED_OR_VOIDED"})


class PayPal:
    """Talk to PayPal."""

    name = "paypal"
    title = "PayPal"
    api_version: str | None = None
    settlement_zone = "America/Los_Angeles"
    """The day of its report, unless another was agreed on: developer.paypal.com/reports/settlement."""
    signature_header = "paypal-transmission-sig"
    key_window_seconds = key_window_seconds
    features: AbstractSet[Feature] = frozenset(
        {
            Feature.EMBEDDED,
            Feature.MANUAL_CAPTURE,
            Feature.HOSTED_MANUAL_CAPTURE,
            Feature.PARTIAL_CAPTURE,
            Feature.FEES,
            Feature.SETTLEMENT_FILES,
            Feature.DISPUTE_EVIDENCE,
            Feature.DISPUTE_ACCEPT,
        }
    )

    def __init__(self, secrets: Secrets, *, base: str, checkout_origin: str, trust: Trust, live: bool) -> None:
        self.checkout_origin = checkout_origin
        self._secrets = secrets
        self._live = live
        self._around = webhook.Around(live=live)
        self._wire = calls.Wire(base, secrets)
        self._disputes = Disputes(self._wire, self._around)
        self._judge = Judge(secrets, self._wire, Certificates(trust, self._wire.http))

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime, *, offline: bool = False
    ) -> Envelope:
        """Check a webhook's signature with PayPal's certificate, or as the settings say by asking PayPal."""
        return await self._judge.verify(headers, body, now, offline=offline)

    def translate(self, body: bytes) -> list[Notice]:
        """Put a webhook body into our words."""
        return webhook.translate(body, live=self._live)

    def check_amount(self, amount: int, currency: str) -> None:
        """Raise CurrencyNotSupportedError when PayPal cannot take the amount exactly."""
        amounts.to_paypal(amount, currency)

    def predict_fee(self, amount: int, currency: str) -> int:
        """Tell PayPal's usual fee, rounded half up."""
        del currency
        return (amount * fee_basis_points + 5_000) // 10_000 + fee_fixed if amount > fee_fixed else 0

    async def create(self, order: Order) -> Outcome:
        """Open an order that knows our payment; its invoice id is the attempt, which PayPal takes money for once."""
        context = {
            "return_url": order.return_url,
            "cancel_url": order.return_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        unit = {
            "amount": amounts.to_paypal(order.amount, order.currency),
            "custom_id": ids.text("payment", order.payment),
            "invoice_id": order.key,
            "description": order.title[:description_length_max],
        }
        body = {
            "intent": "AUTHORIZE" if order.manual_capture else "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": context}},
        }

        def opened(made: Object) -> Accepted:
            return Accepted(references=(_text(made["id"]),), next_action=self._next_action(order, made))

        return await self._wire.tell("POST", ORDERS, opened, body=body, key=order.key)

    async def confirm(self, order: Order, reference: str | None, data: Mapping[str, str]) -> Outcome:
        """Capture what the payer approved, or have it held; asks instead when that was done already.

        An order is captured once by its nature; the key only spares the second question after a lost reply. PayPal
        answers a key again with what it said before, so after a declined card the next approval needs a key of its own.
        """
        if reference is None:
            return Refused(reason="PayPal has not told us the id of the order yet.")
        if data.get("order_id", reference) != reference:
            message = "This order_id is not the one that this payment was opened with."
            raise InvalidFieldError(message, param="order_id")
        verb = "authorize" if order.manual_capture else "capture"
        path = _at(ORDERS, reference, verb)
        outcome = await self._wire.tell("POST", path, self._finished, body={}, key=order.approval)
        if calls.is_missing(outcome) or (isinstance(outcome, Declined) and outcome.code in FINISHED_BEFORE):
            return await self.retrieve(reference)
        return outcome

    async def create_customer(self, order: CustomerOrder) -> Outcome:
        """Decline: PayPal's payers have accounts of their own."""
        del order
        return Declined(code="customers_not_supported", message="PayPal keeps no customers for a merchant.")

    async def capture(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """Take authorised money; what is not taken is let go."""
        body = {"amount": amounts.to_paypal(amount, currency), "final_capture": True}
        path = _at(AUTHORIZATIONS, reference, "capture")
        return await self._wire.tell("POST", path, self._capture, body=body, key=key)

    async def cancel(self, reference: str, key: str) -> Outcome:
        """Void an authorisation, or leave an order alone: without a capture by us, PayPal takes nothing for it.

        An order that PayPal does not know any more, because nobody approved it in time, has ended too.
        """
        outcome = await self._void(reference, key)
        if not calls.is_missing(outcome):
            return outcome
        outcome = await self._wire.tell("GET", _at(ORDERS, reference), self._ended)
        if not calls.is_missing(outcome):
            held = outcome.references[1:] if isinstance(outcome, Accepted) else ()
            return await self._void(held[0], key) if held else outcome
        captured = await self._wire.tell("GET", _at(CAPTURES, reference), self._capture)
        if calls.is_missing(captured):
            return self._canceled(reference)
        return TAKEN if isinstance(captured, Accepted) else captured

    async def refund(self, order: RefundOrder) -> Outcome:
        """Give money back; our ids travel along, because the webhook may come first."""
        body = {
            "amount": amounts.to_paypal(order.amount, order.currency),
            "custom_id": webhook.label(order.payment, order.refund),
        }
        path = _at(CAPTURES, order.reference, "refund")
        return await self._wire.tell("POST", path, self._refund, body=body, key=order.key)

    async def look_up(self, order: Order) -> Outcome | Absent:
        """Ask whether an order was opened, of which no answer came: PayPal lists none, but knows its key for a while.

        Telling again with the key makes the order if it was never made; nobody saw another one, and none takes money
        by itself.
        """
        if clock.now() - order.created_at > timedelta(seconds=key_window_seconds):
            return Absent()
        return await self.create(order)

    async def look_up_refund(self, order: RefundOrder) -> Outcome | Absent:
        """Ask whether a refund was made, of which no answer came: the order lists it with our id."""
        ours = webhook.label(order.payment, order.refund)
        found = await self._wire.tell("GET", _at(CAPTURES, order.reference), _order_of)
        if not isinstance(found, Accepted):
            return Unknown(reason=f"PayPal does not show the capture: {_why(found)}")

        def pick(thing: Object) -> Accepted:
            refunds = [
                each
                for unit in thing["purchase_units"]
                for each in unit["payments"].get("refunds") or ()
                if each.get("custom_id") == ours
            ]
            return self._refund(refunds[0]) if refunds else Accepted()

        outcome = await self._wire.tell("GET", _at(ORDERS, found.references[0]), pick)
        if isinstance(outcome, Accepted):
            return outcome if outcome.notices else Absent()
        return Unknown(reason=f"PayPal does not show the order: {_why(outcome)}")

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of an order, a capture or an authorisation: their ids look alike.

        What PayPal does not know is declined; it may only not show it yet.
        """
        kinds = {ORDERS: self._order, CAPTURES: self._capture, AUTHORIZATIONS: self._authorization}
        for place, read in kinds.items():
            outcome = await self._wire.tell("GET", _at(place, reference), read)
            if place == AUTHORIZATIONS and isinstance(outcome, Accepted) and not outcome.notices:
                return await self._wire.tell("GET", _at(ORDERS, outcome.references[-1]), self._order)
            if not calls.is_missing(outcome):
                break
        return outcome

    async def submit_evidence(self, reference: str, evidence: Evidence, key: str) -> Outcome:
        """Hand in what speaks for us in a dispute."""
        del key
        return await self._disputes.submit(reference, evidence)

    async def accept_dispute(self, reference: str, key: str) -> Outcome:
        """Give a dispute up."""
        del key
        return await self._disputes.accept(reference)

    async def retrieve_dispute(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await self._disputes.retrieve(reference)

    async def fetch_fee(self, reference: str) -> Outcome:
        """Ask what PayPal kept of a capture."""

        def fee(capture: Object) -> Accepted:
            notices = webhook.of_capture(capture, self._around)
            return Accepted(notices=tuple(each for each in notices if each.kind is NoticeKind.PAYMENT_FEE))

        return await self._wire.tell("GET", _at(CAPTURES, reference), fee)

    async def events(self, since: datetime, until: datetime) -> list[Told]:
        """List the events between two moments that have an effect here, oldest first; raises GatewayUnavailableError.

        PayPal keeps them for 30 days.
        """
        window = {"start_time": _time(since), "end_time": _time(until), "page_size": str(event_page_size)}
        query = urlencode(window)
        found: list[Object] = []
        for _ in range(event_pages_max):
            page = await self._fetch(f"{calls.EVENTS}?{query}")
            try:
                found += [event for event in page["events"] if event["event_type"] in webhook.READERS]
                onward = [link["href"] for link in page.get("links") or () if link["rel"] == "next"]
            except calls.UNREADABLE as error:
                message = f"PayPal's list of events cannot be read: {type(error).__name__}."
                raise GatewayUnavailableError(message) from error
            if not onward:
                return [_told(event) for event in reversed(found)]
            query = urlsplit(onward[0]).query  # whatever host the link names, we ask where we always ask
        message = f"PayPal's list of events is longer than {event_pages_max} pages."
        raise GatewayUnavailableError(message)

    async def settlement(self, since: datetime, until: datetime, after: str | None) -> SettlementPage:
        """Read one part of PayPal's account of us; raises GatewayUnavailableError."""
        return await settlement.read(self._wire, since, until, after)

    def read_settlement(self, file: bytes) -> SettlementPage:
        """Read a settlement report (STL); raises FileUnreadableError."""
        return reports.read(file)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    async def _fetch(self, path: str) -> Object:
        """Read a list; raises GatewayUnavailableError."""
        try:
            answer = await self._wire.send("GET", path)
        except calls.NoAnswerError as error:
            message = f"PayPal's list of events cannot be read: {error}."
            raise GatewayUnavailableError(message) from error
        try:
            if answer.status_code != calls.HTTP_OK:
                raise ValueError
            return calls.OBJECT.decode(answer.content)
        except calls.UNREADABLE as error:
            message = f"PayPal's list of events cannot be read: it answered {answer.status_code}."
            raise GatewayUnavailableError(message) from error

    async def _void(self, reference: str, key: str) -> Outcome:
        path = _at(AUTHORIZATIONS, reference, "void")
        silence = self._canceled(reference)
        return await self._wire.tell("POST", path, self._authorization, body={}, key=key, silence=silence)

    def _next_action(self, order: Order, made: Object) -> dict[str, str]:
        """Say where the payer approves: at an address, or within a page that shows PayPal's buttons."""
        if not order.embedded:
            url = next(link["href"] for link in made["links"] if link["rel"] in APPROVAL)
            return {"type": "redirect", "url": _text(url)}
        return {
            "type": "client",
            "gateway": self.name,
            "order_id": _text(made["id"]),
            "client_id": self._secrets.get("PAYPAL_CLIENT_ID"),
            "currency": order.currency,
        }

    def _order(self, order: Object) -> Accepted:
        return Accepted(references=(_text(order["id"]),), notices=_without_fees(webhook.of_order(order, self._around)))

    def _finished(self, order: Object) -> Accepted:
        """Read an order that was captured or authorised, which must say what came of it."""
        read = self._order(order)
        if not read.notices:
            raise LookupError
        return Accepted(references=read.notices[0].references, notices=read.notices)

    def _ended(self, order: Object) -> Outcome:
        """Read an order that is to end: the second reference names what must be voided for that."""
        payments = order["purchase_units"][0].get("payments") or {}
        if any(each["status"] not in UNTAKEN for each in payments.get("captures") or ()):
            return TAKEN
        held = [each["id"] for each in payments.get("authorizations") or () if each["status"] in VOIDABLE]
        if held:
            return Accepted(references=(order["id"], held[0]))
        return self._canceled(_text(order["id"]))

    def _capture(self, capture: Object) -> Accepted:
        notices = _without_fees(webhook.of_capture(capture, self._around))
        return Accepted(references=notices[0].references, notices=notices)

    def _authorization(self, held: Object) -> Accepted:
        order = held["supplementary_data"]["related_ids"]["order_id"]
        notices = tuple(webhook.of_authorization(held, self._around))
        return Accepted(references=(_text(held["id"]), _text(order)), notices=notices)

    def _refund(self, refund: Object) -> Accepted:
        return Accepted(notices=tuple(webhook.of_refund(refund, self._around)))

    def _canceled(self, reference: str) -> Accepted:
        """Say that a payment ended because its time was over; a person who ended it is named by the flow."""
        notice = Notice(
            kind=NoticeKind.PAYMENT_CANCELED,
            gateway=self.name,
            references=(reference,),
            code=EXPIRED,
            live=self._live,
        )
        return Accepted(references=notice.references, notices=(notice,))


def _at(place: str, reference: str, *more: str) -> str:
    """Write the path of an object; what stands in an id cannot lead elsewhere."""
    return "/".join((place, quote(reference, safe=""), *more))


def _order_of(capture: Object) -> Accepted:
    return Accepted(references=(_text(capture["supplementary_data"]["related_ids"]["order_id"]),))


def _without_fees(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Leave out what PayPal kept: the webhook of the capture tells it, and so does `fetch_fee`."""
    return tuple(notice for notice in notices if notice.kind is not NoticeKind.PAYMENT_FEE)


def _told(event: Object) -> Told:
    body = msgspec.json.encode(event)
    return Told(envelope=webhook.head(body), body=body)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _why(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, Declined) else getattr(outcome, "reason", "no answer")


def _text(value: object) -> str:
    """Read a text that must be there."""
    if not isinstance(value, str) or not value:
        raise TypeError
    return value
