"""Calls to Square over HTTP; its SDK does not tell a call that never left from one without an answer."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import partial

import msgspec

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    CustomerOrder,
    Declined,
    Envelope,
    Evidence,
    Feature,
    Order,
    Outcome,
    RefundOrder,
    Refused,
    Told,
    Unknown,
)
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.gateways.square import lookup, settlement, webhook
from tillkeeper.gateways.square.calls import API_VERSION, UNREADABLE, Wire, read_safely, segment, unavailable
from tillkeeper.gateways.square.cards import Cards
from tillkeeper.gateways.square.disputes import Disputes
from tillkeeper.gateways.square.links import JOINT, Links
from tillkeeper.gateways.square.webhook import Object
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.kernel.money import amount_max as minor_units_max
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.kernel.sheets import FileUnreadableError

key_window_seconds = 23 * 3600
"""Square does not say how long it keeps keys; one that is a day old is not sent again."""
NOT_FOUND = "NOT_FOUND"
CURRENCIES = frozenset({"AUD", "CAD", "EUR", "GBP", "JPY", "USD"})
"""Square works in eight countries, and an account takes the currency of its own."""
fee_basis_points = 290
fee_fixed = 30
events_page_size = 100
EVERYWHERE = frozenset({Feature.CUSTOMERS, Feature.FEES, Feature.DISPUTE_EVIDENCE, Feature.DISPUTE_ACCEPT})
WITHIN_PAGES = frozenset({Feature.EMBEDDED, Feature.MANUAL_CAPTURE, Feature.PARTIAL_CAPTURE})
"""What needs Square's card form, and with it the id of the application; a payment link takes money at once."""


class Square:
    """Talk to Square."""

    name = "square"
    title = "Square"
    api_version: str | None = API_VERSION
    settlement_zone = "America/Los_Angeles"
    """In the United States a payout ends at 5 pm Pacific time: developer.squareup.com/docs/payouts/overview."""
    key_window_seconds = key_window_seconds
    signature_header = webhook.SIGNATURE_HEADER

    def __init__(self, secrets: Secrets, *, base: str, origin: str, live: bool, form: str | None = None) -> None:
        self.checkout_origin = origin
        self._secrets = secrets
        self._live = live
        self._form = form
        self._wire = Wire(base, partial(secrets.get, "SQUARE_ACCESS_TOKEN"))
        self._location = secrets.get("SQUARE_LOCATION_ID")
        self._links = Links(self._wire, self._location, live)
        self._cards = Cards(self._wire, self._location, live)
        self._disputes = Disputes(self._wire, live=live)
        self._events_enabled = False
        self.features: AbstractSet[Feature] = EVERYWHERE
        if secrets.get("SQUARE_APPLICATION_ID"):
            self.features = EVERYWHERE | WITHIN_PAGES

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime, *, offline: bool = False
    ) -> Envelope:
        """Check a webhook's signature with the key, and with the previous one while it is accepted."""
        del offline  # nothing is ever fetched for it
        urls = self._secrets.accepted("SQUARE_WEBHOOK_URL", now)
        return webhook.verify(headers, body, urls, self._secrets.accepted("SQUARE_WEBHOOK_SIGNATURE_KEY", now))

    def translate(self, body: bytes) -> list[Notice]:
        """Put a webhook body into our words."""
        return webhook.translate(body, live=self._live)

    def check_amount(self, amount: int, currency: str) -> None:
        """Raise CurrencyNotSupportedError for what this account cannot take; amounts are minor units there too."""
        only = self._secrets.get("SQUARE_CURRENCY")
        taken = {only} if only else CURRENCIES
        if currency not in taken:
            message = f"Square takes payments in {', '.join(sorted(taken))} here, not in {currency}."
            raise CurrencyNotSupportedError(message, param="currency")
        if not 0 < amount <= minor_units_max:
            message = f"Square takes from 1 to {minor_units_max} minor units."
            raise CurrencyNotSupportedError(message, param="amount")

    def predict_fee(self, amount: int, currency: str) -> int:
        """Tell Square's usual fee for payments online, rounded half up."""
        del currency
        return (amount * fee_basis_points + 5_000) // 10_000 + fee_fixed if amount > fee_fixed else 0

    async def create(self, order: Order) -> Outcome:
        """Open a payment link, or tell a page what Square's card form needs; for that, nothing is sent yet."""
        self.check_amount(order.amount, order.currency)
        if order.embedded:
            return self._card_form()
        if order.manual_capture:
            message = "Square's hosted checkout takes money at once; only an embedded one can set it aside first."
            raise InvalidStateError(message)
        return await self._links.open(order)

    async def confirm(self, order: Order, reference: str | None, data: Mapping[str, str]) -> Outcome:
        """Charge the nonce that the browser brought as `source_id`; without one, find out what came of the checkout."""
        if order.embedded:
            return await (self._cards.charge(order, data) if data else self._cards.settle(order))
        return await self.retrieve(reference) if reference else Accepted()

    async def create_customer(self, order: CustomerOrder) -> Outcome:
        """Make a customer known; Square wants one name at least, so one without any is called by our id."""
        ours = ids.text("customer", order.customer)
        named = {"given_name": order.name, "email_address": order.email}
        body = {name: text for name, text in named.items() if text} or {"given_name": ours}
        return await self._wire.tell(
            lambda answer: Accepted(references=(_text(answer["customer"], "id"),)),
            "POST",
            "customers",
            body | {"idempotency_key": order.key, "reference_id": ours},
        )

    async def capture(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """Take authorised money; for a part of it, the payment is made smaller first."""
        answer = await self._wire.call("GET", _path(reference))
        if not isinstance(answer, dict):
            return _not_yet(answer)
        read = read_safely(self._read_payment, answer)
        if not isinstance(read, Accepted):
            return read
        payment = answer["payment"]
        status, version = payment["status"], payment.get("version_token")
        held, unit = webhook.money(payment["total_money"])
        if status == "COMPLETED" and (held, unit) == (amount, currency):
            return read
        if status != "APPROVED" or unit != currency or held < amount:
            message = f"{amount} {currency} cannot be taken of a payment that is {status} over {held} {unit}."
            return Declined(code="PAYMENT_NOT_CAPTURABLE", message=message)
        if amount < held:
            smaller = {"amount_money": {"amount": amount, "currency": currency}, "version_token": version}
            answer = await self._wire.call("PUT", _path(reference), {"idempotency_key": key, "payment": smaller})
            if not isinstance(answer, dict):
                return answer
            version = (answer.get("payment") or {}).get("version_token")
        return await self._wire.tell(
            self._read_payment, "POST", _path(reference, "complete"), {"version_token": version}
        )

    async def cancel(self, reference: str, key: str) -> Outcome:
        """Delete an open link, or let authorised money go; either happens once by its nature, so no key is needed."""
        del key
        if JOINT in reference:
            return await self._links.end(reference)
        outcome = await self._wire.tell(self._read_payment, "POST", _path(reference, "cancel"), {})
        if not isinstance(outcome, Declined):
            return outcome
        asked = await self.retrieve(reference)
        ended = isinstance(asked, Accepted) and any(each.kind is NoticeKind.PAYMENT_CANCELED for each in asked.notices)
        return asked if ended or isinstance(asked, Unknown) else outcome

    async def refund(self, order: RefundOrder) -> Outcome:
        """Give money back; our ids travel in the reason, because a refund has no other place for them."""
        body = {
            "idempotency_key": order.key,
            "payment_id": order.reference,
            "amount_money": {"amount": order.amount, "currency": order.currency},
            "reason": f"{ids.text('refund', order.refund)} of {ids.text('payment', order.payment)}",
        }
        return await self._wire.tell(self._read_refund, "POST", "refunds", body)

    async def look_up(self, order: Order) -> Outcome | Absent:
        """Ask whether a link was opened, or a card charged, of which no answer came: either carries our id."""
        return await (self._cards if order.embedded else self._links).find(order)

    async def look_up_refund(self, order: RefundOrder) -> Outcome | Absent:
        """Ask whether a refund was made, of which no answer came, among those that the payment names."""
        answer = await self._wire.call("GET", _path(order.reference))
        if not isinstance(answer, dict):
            return lookup.in_doubt(answer)
        read = read_safely(self._read_payment, answer)
        if not isinstance(read, Accepted):
            return read
        for refund_id in reversed(answer["payment"].get("refund_ids") or []):
            outcome = await self._wire.tell(self._read_refund, "GET", f"refunds/{segment(refund_id)}")
            if not isinstance(outcome, Accepted):
                return outcome if isinstance(outcome, Unknown) else lookup.in_doubt(outcome)
            if outcome.notices[0].refund == order.refund:
                return outcome
        return Absent()

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a link, a payment or, when it is no payment, an order."""
        if JOINT in reference:
            return await self._links.ask(reference)
        outcome = await self._wire.tell(self._read_payment, "GET", _path(reference))
        if not isinstance(outcome, Declined):
            return outcome
        order = await self._links.ask_order(reference)
        return outcome if isinstance(order, Declined) else order

    async def submit_evidence(self, reference: str, evidence: Evidence, key: str) -> Outcome:
        """Hand in what speaks for us in a dispute."""
        return await self._disputes.submit(reference, evidence, key)

    async def accept_dispute(self, reference: str, key: str) -> Outcome:
        """Give a dispute up."""
        del key
        return await self._disputes.accept(reference)

    async def retrieve_dispute(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await self._disputes.retrieve(reference)

    async def fetch_fee(self, reference: str) -> Outcome:
        """Ask what Square kept of a completed payment; it is known a while after the money."""
        return await self._wire.tell(
            lambda answer: Accepted(notices=tuple(webhook.of_fee(answer["payment"], live=self._live))),
            "GET",
            _path(reference),
        )

    async def events(self, since: datetime, until: datetime) -> list[Told]:
        """List the events between two moments that have an effect here, oldest first; raises GatewayUnavailableError.

        Square keeps them for 28 days, and only from when somebody switched their search on, which is done here.
        """
        if not self._events_enabled:
            if await self._search("PUT", "events/enable", None):
                raise unavailable(Unknown(reason="their search cannot be switched on"))
            self._events_enabled = True
        created = {"start_at": _written(since), "end_at": _written(until)}
        query = {
            "filter": {"event_types": sorted(webhook.READERS), "created_at": created},
            "sort": {"field": "DEFAULT", "order": "ASC"},
        }
        asked: Object = {"limit": events_page_size, "query": query}
        found: list[Told] = []
        while True:
            page = await self._search("POST", "events", asked)
            found += _told(page)
            if not page.get("cursor"):
                return found
            asked["cursor"] = page["cursor"]

    async def settlement(self, since: datetime, until: datetime, after: str | None) -> SettlementPage:
        """Read one part of Square's account of us; raises GatewayUnavailableError."""
        return await settlement.read(self._wire, self._location, since, until, after)

    def read_settlement(self, file: bytes) -> SettlementPage:
        """Refuse: what Square's dashboard offers for download does not name what moved; its API does."""
        del file
        message = "There is no settlement file of Square that says what moved; its payouts are read from its API."
        raise FileUnreadableError(message)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    def _card_form(self) -> Accepted:
        """Say what Square's script needs in a page; in the sandbox a form without a script stands in for it."""
        if Feature.EMBEDDED not in self.features:
            message = "Square's embedded checkout needs SQUARE_APPLICATION_ID."
            raise InvalidStateError(message)
        return Accepted(
            next_action={
                "type": "client",
                "gateway": self.name,
                "application_id": self._secrets.get("SQUARE_APPLICATION_ID"),
                "location_id": self._secrets.get("SQUARE_LOCATION_ID"),
                **({"form": self._form} if self._form else {}),
            }
        )

    async def _search(self, method: str, path: str, body: Object | None) -> Object:
        answer = await self._wire.call(method, path, body)
        if not isinstance(answer, dict):
            raise unavailable(answer)
        return answer

    def _read_payment(self, answer: Object) -> Accepted:
        payment = answer["payment"]
        webhook.money(payment["total_money"])
        return Accepted(references=(payment["id"],), notices=tuple(webhook.of_payment(payment, live=self._live)))

    def _read_refund(self, answer: Object) -> Accepted:
        return Accepted(notices=tuple(webhook.of_refund(answer["refund"], live=self._live)))


def _path(payment: str, verb: str = "") -> str:
    return f"payments/{segment(payment)}" + (f"/{verb}" if verb else "")


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _told(page: Object) -> list[Told]:
    """Turn listed events into what their webhooks were; raises GatewayUnavailableError."""
    rows = lookup.rows_of(page, "events")
    if rows is None:
        raise unavailable(Unknown(reason="it is no list of events"))
    try:
        return [
            Told(envelope=Envelope(event_id=event["event_id"], type=event["type"]), body=msgspec.json.encode(event))
            for event in rows
        ]
    except UNREADABLE as error:
        raise unavailable(Unknown(reason=f"one of them is none ({type(error).__name__})")) from error


def _text(thing: Object, name: str) -> str:
    """Read a text that must be there."""
    value = thing[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value


def _not_yet(failure: Declined | Refused | Unknown) -> Outcome:
    """Doubt that a payment is absent which Square itself has named: it shows new ones late."""
    absent = isinstance(failure, Declined) and failure.code == NOT_FOUND
    return Unknown(reason="Square cannot find the payment yet") if absent else failure
