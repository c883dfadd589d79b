"""Payments by card within the shop's own page: Square's script makes a nonce of the card, and we charge it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Absent, Accepted, Declined, Order, Outcome, Unknown
from tillkeeper.gateways.square import lookup, webhook
from tillkeeper.gateways.square.calls import Wire, is_key_reused, read_safely, segment
from tillkeeper.gateways.square.webhook import MANUAL, Object
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError

NONCE = re.compile(r"[bcw]non:[A-Za-z0-9_-]{1,200}")
"""What Square's script gives a browser; cash, an external payment or a card on file is not a browser's to name."""
TOKEN = re.compile(r"[!-~]{1,500}")
clock_skew_seconds = 60
sent_late_seconds_max = 1800
"""So long after its end a payment may still be charged by a call that was under way, by whatever clock."""
fresh_seconds = 2
"""A payment that is older than its charge by more than this was answered from Square's memory; asking does no harm."""
cards_max = 10
"""How many cards a customer may try for one payment: each costs its followers a call."""
note_length_max = 400
CAME_TO_NOTHING = frozenset({NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_CANCELED})
TAKEN = ("COMPLETED", "APPROVED", "PENDING")
"""The states of a payment that has money or may yet get it, the surest first."""


@dataclass(frozen=True, slots=True)
class Cards:
    """Charge nonces, and find what came of it."""

    wire: Wire
    location: str
    live: bool

    async def charge(self, order: Order, data: Mapping[str, str]) -> Outcome:
        """Charge a nonce; never while another card may have paid already.

        Each key works for one nonce. When a customer comes back with another card, Square says that the key was
        used; then the first try is looked for, and canceled by its key if it came to nothing, before the next. One who
        comes back with a card that was let go since is charged under the next key.
        """
        body = self._body(order, data)
        for number, key in enumerate(keys(order)):
            outcome = await self._charge(body | {"idempotency_key": key})
            if _says_canceled(outcome):
                continue
            if not is_key_reused(outcome):
                return _or_declined(outcome)
            earlier = Absent() if number else await self.find(order)
            if not isinstance(earlier, Absent):
                return earlier
            canceled = await self._cancel(key)
            if canceled is not None:
                return canceled
        return Declined(code="TOO_MANY_CARDS", message=f"{cards_max} cards were tried; start a new payment.", card=True)

    async def settle(self, order: Order) -> Outcome:
        """Find out whether a card was charged whose nonce is known no more, and make sure that it will not be."""
        found = await self.find(order)
        if not isinstance(found, Absent):
            return found
        for key in keys(order):
            canceled = await self._cancel(key)
            if canceled is not None:
                return canceled
        return Declined(code="NOT_CHARGED", message="No card was charged; bring one from Square's form.", card=True)

    async def find(self, order: Order) -> Outcome | Absent:
        """Look for the payment of an order that has money, or may yet get it.

        Declined ones do not count: the same card under the same key is answered as it was before.
        """
        ours = ids.text("payment", order.payment)
        since = order.created_at - timedelta(seconds=clock_skew_seconds)
        until = order.expires_at + timedelta(seconds=sent_late_seconds_max)  # what was sold later is not looked through
        query = {"begin_time": since.isoformat(), "end_time": until.isoformat(), "location_id": self.location}
        found = await lookup.find(
            self.wire, "payments", "payments", lambda payment: payment.get("reference_id") == ours, query=query
        )
        if not isinstance(found, list):
            return lookup.in_doubt(found)
        taken = sorted((each for each in found if each.get("status") in TAKEN), key=_surety)
        return read_safely(self._read, {"payment": taken[0]}) if taken else Absent()

    async def _charge(self, body: Object) -> Outcome:
        """Charge a nonce; Square answers a key that it knows as it did before, so an older payment is asked after."""
        began = clock.now()
        answer = await self.wire.call("POST", "payments", body)
        if not isinstance(answer, dict):
            return answer
        outcome = read_safely(self._read, answer)
        made_at = webhook.moment(answer["payment"].get("created_at")) if isinstance(outcome, Accepted) else None
        if made_at is None or made_at > began - timedelta(seconds=fresh_seconds):
            return outcome
        found = await self.wire.call("GET", f"payments/{segment(answer['payment']['id'])}")
        return read_safely(self._read, found) if isinstance(found, dict) else lookup.in_doubt(found)

    async def _cancel(self, key: str) -> Unknown | None:
        """Let go of whatever came of a charge under a key; None when it takes no money any more."""
        answer = await self.wire.ask("POST", "payments/cancel", {"idempotency_key": key})
        return None if isinstance(answer, dict) else lookup.in_doubt(answer)

    def _body(self, order: Order, data: Mapping[str, str]) -> Object:
        """Write what to charge; raises InvalidFieldError for what Square's script would not have given."""
        nonce, token = data.get("source_id", ""), data.get("verification_token")
        if not NONCE.fullmatch(nonce):
            message = "source_id must be the token that Square's card form gave for this payment."
            raise InvalidFieldError(message, param="source_id")
        if token is not None and not TOKEN.fullmatch(token):
            message = "verification_token must be what Square's verifyBuyer gave."
            raise InvalidFieldError(message, param="verification_token")
        title = order.title[:note_length_max]
        return {
            "source_id": nonce,
            "amount_money": {"amount": order.amount, "currency": order.currency},
            "autocomplete": not order.manual_capture,
            "location_id": self.location,
            "reference_id": ids.text("payment", order.payment),
            "note": f"{title}, {MANUAL}" if order.manual_capture else title,
            **({"verification_token": token} if token else {}),
            **({"customer_id": order.customer} if order.customer else {}),
        }

    def _read(self, answer: Object) -> Accepted:
        payment = answer["payment"]
        return Accepted(references=(payment["id"],), notices=tuple(webhook.of_payment(payment, live=self.live)))


def _or_declined(outcome: Outcome) -> Outcome:
    """Call a payment that came to nothing a declined card, so that the customer may try another."""
    if not isinstance(outcome, Accepted):
        return outcome
    lost = [notice for notice in outcome.notices if notice.kind in CAME_TO_NOTHING]
    if not lost:
        return outcome
    first = lost[0]
    code, message = first.code or str(first.kind), first.message or "It was not paid."
    return Declined(code=code, message=message, card=True, attempt=first.attempt)


def _says_canceled(outcome: Outcome) -> bool:
    return isinstance(outcome, Accepted) and any(each.kind is NoticeKind.PAYMENT_CANCELED for each in outcome.notices)


def _surety(payment: Object) -> int:
    return TAKEN.index(payment["status"])


def keys(order: Order) -> list[str]:
    """List the keys under which cards are charged for an order, one after the other."""
    return [order.key, *(f"{order.key}_{number}" for number in range(2, cards_max + 1))]
