"""Calls to Razorpay."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from tillkeeper.facts import EXPIRED, Notice, NoticeKind
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
    Told,
    Unknown,
)
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.gateways.razorpay import calls, entities, history, reports, settlement, signatures, webhook
from tillkeeper.gateways.razorpay.currencies import to_razorpay
from tillkeeper.gateways.razorpay.disputes import Disputes
from tillkeeper.gateways.razorpay.entities import Object
from tillkeeper.gateways.razorpay.refunds import Refunds
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.secrets import Secrets

OWN_API_BASE = "https://api.razorpay.com"
OWN_CHECKOUT = "https://rzp.io"
key_window_seconds = 23 * 3600
"""Razorpay does not say for how long it knows the key of a refund; a day less an hour is what others promise."""
link_lifetime_seconds_min = 16 * 60
"""Razorpay refuses links that would live for less than 15 minutes; the sixteenth is for the way there."""
automatic_minutes_min = 12
capture_minutes_max = 3 * 24 * 60
"""What is not captured by then is given back to the customer."""
title_length_max = 2048
INVALID_STATE = "invalid_state"
REFERENCE_TAKEN = "already exists"
fee_percent = 2
tax_percent = 18


class Razorpay:
    """Talk to Razorpay: payment links for hosted checkout, orders for embedded checkout."""

    name = entities.GATEWAY
    title = "Razorpay"
    api_version: str | None = None
    settlement_zone = "Asia/Kolkata"
    """It settles to Indian banks on Indian days; razorpay.com/docs/api/settlements/fetch-recon itself names no zone."""
    key_window_seconds = key_window_seconds
    signature_header = webhook.SIGNATURE_HEADER
    features: AbstractSet[Feature] = frozenset(
        {
            Feature.EMBEDDED,
            Feature.MANUAL_CAPTURE,
            Feature.FEES,
            Feature.SETTLEMENT_FILES,
            Feature.DISPUTE_EVIDENCE,
            Feature.DISPUTE_ACCEPT,
        }
    )

    def __init__(self, secrets: Secrets, *, base: str, live: bool) -> None:
        self.checkout_origin = OWN_CHECKOUT if base == OWN_API_BASE else "/".join(base.split("/")[:3])
        self._secrets = secrets
        self._live = live
        self._wire = calls.Wire(secrets, base=base)
        self._disputes = Disputes(self._wire, self._marked)
        self._refunds = Refunds(self._wire, self._marked)

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime, *, offline: bool = False
    ) -> Envelope:
        """Check a webhook's signature with the secret, and with the previous one while it is accepted.

        After a change of the secret Razorpay still signs retries of older events with the old one.
        """
        del offline  # nothing is ever fetched for it
        return webhook.verify(headers, body, self._secrets.accepted("RAZORPAY_WEBHOOK_SECRET", now))

    def translate(self, body: bytes) -> list[Notice]:
        """Put a webhook body into our words; the key tells the mode, because the body does not."""
        return list(self._marked(webhook.translate(body)))

    def check_amount(self, amount: int, currency: str) -> None:
        """Raise CurrencyNotSupportedError when Razorpay cannot take the amount exactly."""
        to_razorpay(amount, currency)

    def predict_fee(self, amount: int, currency: str) -> int:
        """Tell Razorpay's usual fee with the tax on it, each rounded half up."""
        del currency
        fee = (amount * fee_percent + 50) // 100
        return fee + (fee * tax_percent + 50) // 100

    async def create(self, order: Order) -> Outcome:
        """Open a payment link, or an order for a page that shows the checkout within itself.

        Razorpay knows no keys here. A link's reference id is used up for ever, which does the same; of two orders
        with one receipt nobody is shown the one whose answer was lost.
        """
        if order.embedded:
            return await self._wire.tell("POST", "orders", _order(order), read=self._order_opened)
        if order.manual_capture:
            message = (
                "Razorpay captures what is paid by a payment link at once; manual capture needs checkout=embedded."
            )
            return Declined(code=INVALID_STATE, message=message)
        opened = await self._wire.tell("POST", "payment_links", _link(order), read=self._link_opened)
        if isinstance(opened, Declined) and REFERENCE_TAKEN in opened.message:
            found = await self.look_up(order)
            return (
                found if isinstance(found, Accepted) else Unknown(reason="Razorpay has this link, and does not show it")
            )
        return opened

    async def confirm(self, order: Order, reference: str | None, data: Mapping[str, str]) -> Outcome:
        """Check what the customer's browser brought, and ask what has become of that payment.

        Raises InvalidFieldError when Razorpay did not sign it for this very checkout.
        """
        if not data:
            return await self.retrieve(reference) if reference else Accepted()
        payment_id = _brought(data, reference, self._secrets.accepted("RAZORPAY_KEY_SECRET", clock.now()))
        outcome = await self.retrieve(payment_id)
        if isinstance(outcome, Declined):
            return Unknown(reason=f"Razorpay signed for {payment_id} and cannot find it yet.")
        if not isinstance(outcome, Accepted):
            return outcome
        return replace(outcome, notices=tuple(replace(notice, payment=order.payment) for notice in outcome.notices))

    async def create_customer(self, order: CustomerOrder) -> Outcome:
        """Say that customers are not kept at Razorpay: nothing that we use there asks for one."""
        del order
        return Declined(code=INVALID_STATE, message="Customers are not kept at Razorpay.")

    async def capture(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """Take authorised money, all of it, for Razorpay takes no part.

        It captures a payment once, so the key is not needed: what was captured already is an answer.
        """
        del key
        body = {"amount": to_razorpay(amount, currency), "currency": currency}
        outcome = await self._wire.tell(
            "POST", f"payments/{calls.segment(reference)}/capture", body, read=self._payment
        )
        if not isinstance(outcome, Declined):
            return outcome
        found = await self.retrieve(reference)
        if _says(found, NoticeKind.PAYMENT_AUTHORIZED) and (_amount(found) or 0) > amount:
            message = f"Razorpay captures all that was authorised, {_amount(found)}, and no part of it."
            return Declined(code=INVALID_STATE, message=message)
        return found if _says(found, NoticeKind.PAYMENT_CAPTURED) else outcome

    async def cancel(self, reference: str, key: str) -> Outcome:
        """End what has not been paid, as far as Razorpay lets anybody.

        A link is cancelled. An order cannot be: it is over for us when nobody has paid it, and what is paid late all
        the same is told as captured. An authorised payment cannot be voided: Razorpay gives it back by itself when
        nobody captures it, and until it has said so the payment is not canceled. Whoever asks knows better than the
        code, which says that time ran out.
        """
        del key
        ended: Outcome | None = None
        if reference.startswith("plink_"):
            path = f"payment_links/{calls.segment(reference)}/cancel"
            ended = await self._wire.tell("POST", path, {}, read=lambda link: _timed_out(self._link(link)))
            if not isinstance(ended, Declined):
                return ended
        found = await self.retrieve(reference)
        if not isinstance(found, Accepted) or _says(found, NoticeKind.PAYMENT_CANCELED):
            return found
        if _says(found, NoticeKind.PAYMENT_AUTHORIZED):
            message = "Razorpay has no void; it gives an authorised payment back when it is not captured in time."
            return Declined(code=INVALID_STATE, message=message)
        if found.notices or not reference.startswith("order_"):
            return ended or Declined(code=INVALID_STATE, message="This was paid, or has failed already.")
        over = Notice(kind=NoticeKind.PAYMENT_CANCELED, gateway=self.name, references=(reference,))
        return _timed_out(replace(found, notices=self._marked([over])))

    async def refund(self, order: RefundOrder) -> Outcome:
        """Give money back."""
        return await self._refunds.make(order)

    async def look_up(self, order: Order) -> Outcome | Absent:
        """Ask whether a link or an order was opened, of which no answer came: it carries the key."""
        path, name, mark = ("orders", "receipt", "items") if order.embedded else LINKS
        try:
            answer = await self._wire.ask("GET", path, query={name: order.key, "count": calls.page_size})
            found = next((each for each in answer[mark] if each[name] == order.key), None)
            if found is None:
                return Absent()
            return self._order_opened(found) if order.embedded else self._link_opened(found)
        except (calls.NotExecutedError, calls.SaidNoError, calls.UnclearError, *calls.UNREADABLE) as error:
            return Unknown(reason=f"Razorpay could not be asked: {type(error).__name__}")

    async def look_up_refund(self, order: RefundOrder) -> Outcome | Absent:
        """Ask whether a refund was made, of which no answer came."""
        return await self._refunds.look_up(order)

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a link, an order or a payment."""
        if reference.startswith("plink_"):
            return await self._wire.tell("GET", f"payment_links/{calls.segment(reference)}", read=self._link)
        if reference.startswith("order_"):
            path = f"orders/{calls.segment(reference)}/payments"
            return await self._wire.tell("GET", path, read=lambda found: self._attempts(reference, found))
        return await self._wire.tell("GET", f"payments/{calls.segment(reference)}", read=self._payment)

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
        """Ask what Razorpay kept of a captured payment, tax included."""
        return await self._wire.tell("GET", f"payments/{calls.segment(reference)}", read=self._fee)

    async def events(self, since: datetime, until: datetime) -> list[Told]:
        """List what happened between two moments, read from lists of things; raises GatewayUnavailableError."""
        return await history.read(self._wire, since, until, clock.now())

    async def settlement(self, since: datetime, until: datetime, after: str | None) -> SettlementPage:
        """Read one part of Razorpay's account of us; raises GatewayUnavailableError."""
        return await settlement.read(self._wire, since, until, after)

    def read_settlement(self, file: bytes) -> SettlementPage:
        """Read the settlement report of the dashboard; raises FileUnreadableError."""
        return reports.read(file)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    def _link_opened(self, link: Object) -> Accepted:
        return replace(self._link(link), next_action={"type": "redirect", "url": _text(link, "short_url")})

    def _order_opened(self, order: Object) -> Accepted:
        """Read an opened order: what Razorpay's script needs to show the checkout."""
        next_action = {
            "type": "client",
            "gateway": self.name,
            "order_id": _text(order, "id"),
            "key_id": self._secrets.get("RAZORPAY_KEY_ID"),
            "amount": str(order["amount"]),
            "currency": _text(order, "currency"),
        }
        return Accepted(references=(_text(order, "id"),), next_action=next_action)

    def _link(self, link: Object) -> Accepted:
        return Accepted(references=(_text(link, "id"),), notices=self._marked(entities.of_link(link)))

    def _payment(self, payment: Object) -> Accepted:
        return Accepted(references=(_text(payment, "id"),), notices=self._marked(entities.of_payment(payment)))

    def _attempts(self, reference: str, found: Object) -> Accepted:
        """Read the attempts to pay an order: what was captured counts most, then what is authorised.

        Failed attempts are told by webhooks; here they mean that the order goes on.
        """
        notices = [notice for payment in found["items"] for notice in entities.of_payment(payment)]
        told = next((each for kind in COUNTING for each in notices if each.kind is kind), None)
        return Accepted(references=(reference,), notices=self._marked([told] if told else []))

    def _fee(self, payment: Object) -> Accepted:
        return Accepted(references=(_text(payment, "id"),), notices=self._marked(entities.of_fee(payment)))

    def _marked(self, notices: Sequence[Notice]) -> tuple[Notice, ...]:
        return tuple(replace(notice, live=self._live) for notice in notices)


LINKS = ("payment_links", "reference_id", "payment_links")
COUNTING = (NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_CANCELED)


def _link(order: Order) -> Object:
    """Describe a payment link; nobody but us tells the customer of it."""
    now = int(clock.now().timestamp())
    return {
        "amount": to_razorpay(order.amount, order.currency),
        "currency": order.currency,
        "accept_partial": False,
        "expire_by": max(int(order.expires_at.timestamp()), now + link_lifetime_seconds_min),
        "reference_id": order.key,
        "description": order.title[:title_length_max],
        "notes": {"payment": ids.text("payment", order.payment)},
        "notify": {"sms": False, "email": False},
        "reminder_enable": False,
        "callback_url": order.return_url,
        "callback_method": "get",
    }


def _order(order: Order) -> Object:
    """Describe an order; what is authorised after its time is not captured by itself."""
    lifetime_minutes = int((order.expires_at - order.created_at).total_seconds()) // 60
    automatic = {"automatic_expiry_period": min(max(lifetime_minutes, automatic_minutes_min), capture_minutes_max)}
    options = {"manual_expiry_period": capture_minutes_max, "refund_speed": "normal"}
    return {
        "amount": to_razorpay(order.amount, order.currency),
        "currency": order.currency,
        "receipt": order.key,
        "notes": {"payment": ids.text("payment", order.payment)},
        "payment": {
            "capture": "manual" if order.manual_capture else "automatic",
            "capture_options": options if order.manual_capture else options | automatic,
        },
    }


def _brought(data: Mapping[str, str], reference: str | None, secrets: Sequence[str]) -> str:
    """Check what Razorpay's checkout handed to the browser, and return the payment's id.

    A signature for another checkout is a true one too, so it must name the one that we opened.
    """
    linked = "razorpay_payment_link_id" in data
    parts = LINK_PARTS if linked else ORDER_PARTS
    missing = next((name for name in (*parts, SIGNATURE) if not data.get(name)), None)
    if missing:
        message = f"{missing} is missing: send what Razorpay's checkout handed to the page."
        raise InvalidFieldError(message, param=missing)
    if reference not in {data[parts[0]], data["razorpay_payment_id"]}:
        message = "This belongs to another checkout."
        raise InvalidFieldError(message, param=parts[0])
    if not signatures.matches(secrets, "|".join(data[name] for name in parts).encode(), data[SIGNATURE]):
        message = "Razorpay did not sign this."
        raise InvalidFieldError(message, param=SIGNATURE)
    return data["razorpay_payment_id"]


SIGNATURE = "razorpay_signature"
ORDER_PARTS = ("razorpay_order_id", "razorpay_payment_id")
LINK_PARTS = (
    "razorpay_payment_link_id",
    "razorpay_payment_link_reference_id",
    "razorpay_payment_link_status",
    "razorpay_payment_id",
)


def _says(outcome: Outcome, kind: NoticeKind) -> bool:
    return isinstance(outcome, Accepted) and any(notice.kind is kind for notice in outcome.notices)


def _amount(outcome: Outcome) -> int | None:
    return outcome.notices[0].amount if isinstance(outcome, Accepted) else None


def _timed_out(ended: Accepted) -> Accepted:
    return replace(ended, notices=tuple(replace(notice, code=EXPIRED) for notice in ended.notices))


def _text(thing: Object, name: str) -> str:
    """Read a text that must be there."""
    value = thing[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value
