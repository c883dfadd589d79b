"""Calls to Stripe through its own SDK: retries off, time-outs set, telemetry off."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, NoReturn, cast

import msgspec
import stripe

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    CustomerOrder,
    Envelope,
    Evidence,
    Feature,
    Order,
    Outcome,
    RefundOrder,
    Told,
)
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.gateways.stripe import calls, reports, settlement, webhook
from tillkeeper.gateways.stripe.disputes import Disputes
from tillkeeper.kernel import ids
from tillkeeper.kernel.money import TENS, CurrencyNotSupportedError, exponent
from tillkeeper.kernel.secrets import Secrets

OWN_API_BASE = "https://api.stripe.com"
OWN_CHECKOUT = "https://checkout.stripe.com"
key_window_seconds = 23 * 3600
"""Stripe keeps keys for at least 24 hours; the hour is for clocks that differ."""
stripe_amount_max = 99_999_999
clock_skew_seconds = 60
types_max = 20
"""So many types of events Stripe takes in one question."""
EMBEDDED = "embedded_page"
API_VERSION = "2026-10-28.endive"
"""What this adapter and its SDK are written for; a test compares it with the SDK."""
fee_basis_points = 290
fee_fixed = 30


class Stripe:
    """Talk to Stripe."""

    name = "stripe"
    title = "Stripe"
    key_window_seconds = key_window_seconds
    signature_header = webhook.SIGNATURE_HEADER
    features: AbstractSet[Feature] = frozenset(Feature)
    api_version: str | None = API_VERSION
    settlement_zone = "UTC"
    """Its days and its reports: docs.stripe.com/payouts/customized-start-of-day says who may have others."""

    def __init__(self, secrets: Secrets, *, base: str) -> None:
        self.checkout_origin = OWN_CHECKOUT if base == OWN_API_BASE else "/".join(base.split("/")[:3])
        self._secrets = secrets
        self._wire = calls.Wire(partial(secrets.get, "STRIPE_SECRET_KEY"))
        self._client = stripe.StripeClient(
            secrets.get("STRIPE_SECRET_KEY"),
            base_addresses={"api": base},
            http_client=self._wire,
            max_network_retries=0,
        )
        self._disputes = Disputes(self._client)

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime, *, offline: bool = False
    ) -> Envelope:
        """Check a webhook's signature with the secret, and with the previous one while it is accepted."""
        del offline  # nothing is ever fetched for it
        return webhook.verify(headers, body, self._secrets.accepted("STRIPE_WEBHOOK_SECRET", now), now)

    def translate(self, body: bytes) -> list[Notice]:
        """Put a webhook body into our words."""
        return webhook.translate(body)

    def check_amount(self, amount: int, currency: str) -> None:
        """Raise CurrencyNotSupportedError when Stripe cannot take the amount exactly."""
        _to_stripe(amount, currency)

    def predict_fee(self, amount: int, currency: str) -> int:
        """Tell Stripe's usual fee, rounded half up."""
        del currency
        return (amount * fee_basis_points + 5_000) // 10_000 + fee_fixed if amount > fee_fixed else 0

    async def create(self, order: Order) -> Outcome:
        """Open a checkout session that knows our payment, and whose intent does too."""
        ours = {"payment": ids.text("payment", order.payment)}
        capture = webhook.MANUAL if order.manual_capture else "automatic"
        params = {
            "mode": "payment",
            "client_reference_id": ours["payment"],
            **_landing(order),
            "expires_at": int(order.expires_at.timestamp()),
            "metadata": ours | ({"capture": capture} if order.manual_capture else {}),
            "payment_intent_data": {"metadata": ours, "capture_method": capture},
            **({"customer": order.customer} if order.customer else {}),
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency.lower(),
                        "unit_amount": _to_stripe(order.amount, order.currency),
                        "product_data": {"name": order.title},
                    },
                }
            ],
        }
        call = self._client.v1.checkout.sessions.create_async
        return await calls.tell(lambda: call(cast(Any, params), {"idempotency_key": order.key}), self._opened)

    async def confirm(self, order: Order, reference: str | None, data: Mapping[str, str]) -> Outcome:
        """Ask what came of it: Stripe goes on by itself with what the customer approved."""
        del order, data
        return await self.retrieve(reference) if reference else Accepted()

    async def create_customer(self, order: CustomerOrder) -> Outcome:
        """Make a customer known."""
        known = {"email": order.email, "name": order.name}
        params = {name: value for name, value in known.items() if value} | {
            "metadata": {"customer": ids.text("customer", order.customer)}
        }
        call = self._client.v1.customers.create_async
        return await calls.tell(
            lambda: call(cast(Any, params), {"idempotency_key": order.key}),
            lambda made: Accepted(references=(_text(made, "id"),)),
        )

    async def capture(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """Take authorised money; `reference` is the payment intent."""
        params = {"amount_to_capture": _to_stripe(amount, currency)}
        call = self._client.v1.payment_intents.capture_async
        return await calls.tell(lambda: call(reference, cast(Any, params), {"idempotency_key": key}), _intent)

    async def cancel(self, reference: str, key: str) -> Outcome:
        """Expire an open session, or cancel an intent that is not captured."""
        if reference.startswith("cs_"):
            expire = self._client.v1.checkout.sessions.expire_async
            return await calls.tell(lambda: expire(reference, {}, {"idempotency_key": key}), _session)
        void = self._client.v1.payment_intents.cancel_async
        return await calls.tell(lambda: void(reference, {}, {"idempotency_key": key}), _intent)

    async def refund(self, order: RefundOrder) -> Outcome:
        """Give money back; our ids travel along, because the webhook may come first."""
        params = {
            "payment_intent": order.reference,
            "amount": _to_stripe(order.amount, order.currency),
            "metadata": {
                "payment": ids.text("payment", order.payment),
                "refund": ids.text("refund", order.refund),
            },
        }
        call = self._client.v1.refunds.create_async
        return await calls.tell(lambda: call(cast(Any, params), {"idempotency_key": order.key}), _refund)

    async def look_up(self, order: Order) -> Outcome | Absent:
        """Ask whether a session was opened, of which no answer came: it names our payment.

        It cannot have been opened after the time at which it was to expire, however much was sold since.
        """
        ours, began = ids.text("payment", order.payment), int(order.created_at.timestamp())
        time = {"gte": began - clock_skew_seconds, "lte": int(order.expires_at.timestamp())}
        sessions = self._client.v1.checkout.sessions
        return await calls.search(
            sessions.list_async, {"created": time}, lambda each: each["client_reference_id"] == ours, self._opened
        )

    async def look_up_refund(self, order: RefundOrder) -> Outcome | Absent:
        """Ask whether a refund was made, of which no answer came: it carries our id."""
        ours = ids.text("refund", order.refund)
        return await calls.search(
            self._client.v1.refunds.list_async,
            {"payment_intent": order.reference},
            lambda each: (each["metadata"] or {}).get("refund") == ours,
            _refund,
        )

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a session or an intent."""
        if reference.startswith("cs_"):
            sessions, params = self._client.v1.checkout.sessions, {"expand": ["payment_intent"]}
            return await calls.tell(lambda: sessions.retrieve_async(reference, cast(Any, params)), _session)
        intents = self._client.v1.payment_intents
        return await calls.tell(lambda: intents.retrieve_async(reference), _intent)

    async def submit_evidence(self, reference: str, evidence: Evidence, key: str) -> Outcome:
        """Hand in what speaks for us in a dispute."""
        return await self._disputes.submit(reference, evidence, key)

    async def accept_dispute(self, reference: str, key: str) -> Outcome:
        """Give a dispute up."""
        return await self._disputes.accept(reference, key)

    async def retrieve_dispute(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await self._disputes.retrieve(reference)

    async def fetch_fee(self, reference: str) -> Outcome:
        """Ask what Stripe kept of a captured intent; it is known once the charge has a balance transaction."""
        params = {"expand": ["latest_charge.balance_transaction"]}
        intents = self._client.v1.payment_intents
        return await calls.tell(lambda: intents.retrieve_async(reference, cast(Any, params)), _fee)

    async def events(self, since: datetime, until: datetime) -> list[Told]:
        """List the events between two moments that have an effect here, oldest first; raises GatewayUnavailableError.

        Stripe keeps them for 30 days.
        """
        window = {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}}
        types = sorted(webhook.READERS)
        found = [
            event
            for start in range(0, len(types), types_max)
            for event in await calls.read_all(
                self._client.v1.events.list_async, window | {"types": types[start : start + types_max]}, _told
            )
        ]
        return [told for _, told in sorted(found, key=itemgetter(0))]

    async def settlement(self, since: datetime, until: datetime, after: str | None) -> SettlementPage:
        """Read one part of Stripe's account of us; raises GatewayUnavailableError."""
        return await settlement.read(self._client, since, until, after)

    def read_settlement(self, file: bytes) -> SettlementPage:
        """Read an itemised report of the dashboard; raises FileUnreadableError."""
        return reports.read(file)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close_async()

    def _opened(self, session: webhook.Object) -> Accepted:
        """Read an opened session: an address to go to, or what a page needs to show it within itself."""
        if session["ui_mode"] == EMBEDDED:
            next_action = {
                "type": "client",
                "gateway": self.name,
                "client_secret": _text(session, "client_secret"),
                "publishable_key": self._secrets.get("STRIPE_PUBLISHABLE_KEY"),
            }
        else:
            next_action = {"type": "redirect", "url": _text(session, "url")}
        return replace(_session(session), next_action=next_action)


def _to_stripe(amount: int, currency: str) -> int:
    """Turn ISO 4217 minor units into Stripe's integer; raises CurrencyNotSupportedError when that is not exact."""
    scale = webhook.decimals(currency) - exponent(currency)
    if scale < 0 and amount % TENS[-scale]:
        _refuse(f"Stripe takes {currency} only in whole units.")
    sent = amount * TENS[scale] if scale >= 0 else amount // TENS[-scale]
    if currency in webhook.THREE_DECIMAL and sent % 10:
        _refuse(f"Stripe takes {currency} only in steps of ten thousandths: the last digit must be 0.")
    if not 0 < sent <= stripe_amount_max:
        _refuse(f"Stripe takes at most eight digits, and {sent} {currency} has more.")
    return sent


def _refuse(message: str) -> NoReturn:
    raise CurrencyNotSupportedError(message, param="amount")


def _landing(order: Order) -> dict[str, str]:
    """Say where the customer goes afterwards, in the words of either kind of checkout."""
    if order.embedded:
        return {"ui_mode": EMBEDDED, "return_url": order.return_url}
    return {"success_url": order.return_url, "cancel_url": order.return_url}


def _session(session: webhook.Object) -> Accepted:
    """Read a session; unless it is over, its intent says more: what is held, and how much of it was really taken."""
    notices, intent = webhook.of_session(session, {}), session["payment_intent"]
    if isinstance(intent, dict) and not any(notice.kind is NoticeKind.PAYMENT_CANCELED for notice in notices):
        notices = webhook.of_intent(intent, {}) or notices or webhook.of_bounced(session, intent)
    return Accepted(references=(_text(session, "id"),), notices=tuple(notices))


def _intent(intent: webhook.Object) -> Accepted:
    return Accepted(references=(_text(intent, "id"),), notices=tuple(webhook.of_intent(intent, {})))


def _refund(refund: webhook.Object) -> Accepted:
    return Accepted(references=(), notices=tuple(webhook.of_refund(refund, {})))


def _fee(intent: webhook.Object) -> Accepted:
    charge = intent["latest_charge"]
    return Accepted(notices=tuple(webhook.of_charge(charge, {}))) if isinstance(charge, dict) else Accepted()


def _told(event: webhook.Object) -> tuple[int, Told]:
    """Read an event of the list, after the second in which it happened."""
    envelope = Envelope(event_id=_text(event, "id"), type=_text(event, "type"), version=event["api_version"])
    return int(event["created"]), Told(envelope=envelope, body=msgspec.json.encode(event))


def _text(thing: webhook.Object, name: str) -> str:
    """Read a text that must be there."""
    value = thing[name]
    if not isinstance(value, str) or not value:
        raise TypeError(name)
    return value
