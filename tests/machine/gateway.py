"""A gateway that a test plays: what it is asked it does at once, and what happened there is told when the test says so.

Its webhooks are signed and go the whole way through the inbox. How it answers a refund follows from the amount.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from tillkeeper.facts import EXPIRED, DisputeFacts, DisputeStatus, Notice, NoticeKind, PayoutFacts
from tillkeeper.gateway import (
    Absent,
    Accepted,
    Declined,
    Envelope,
    Feature,
    Order,
    Outcome,
    RefundOrder,
    SignatureInvalidError,
)
from tillkeeper.kernel.db import assert_no_transaction

NAME, SECRET, SIGNATURE = "played", b"a made-up secret", "played-signature"
START = datetime(2026, 1, 1, tzinfo=UTC)
PENDING, AT_ONCE, WEBHOOK_FIRST, PENDING_BY_WEBHOOK = range(4)
DISPUTE_KINDS = {
    "warning": NoticeKind.DISPUTE_OPENED,
    "needs_response": NoticeKind.DISPUTE_OPENED,
    "under_review": NoticeKind.DISPUTE_UPDATED,
    "prevented": NoticeKind.DISPUTE_UPDATED,
    "won": NoticeKind.DISPUTE_WON,
    "lost": NoticeKind.DISPUTE_LOST,
}
KINDS = {
    "capture": NoticeKind.PAYMENT_CAPTURED,
    "authorize": NoticeKind.PAYMENT_AUTHORIZED,
    "decline": NoticeKind.PAYMENT_FAILED,
    "end": NoticeKind.PAYMENT_CANCELED,
    "learn_fee": NoticeKind.PAYMENT_FEE,
}


@dataclass(frozen=True)
class Fact:
    """One thing that happened, in the words in which it is told: what it is, and about what."""

    name: str
    told: dict[str, Any]


@dataclass
class Account:
    """What the gateway knows of one payment; `captures` by name, the one that pays it first."""

    payment: UUID
    currency: str
    checkout: str
    capture: str
    paid: int = 0
    captures: dict[str, int] = field(default_factory=dict)
    refunds: dict[str, tuple[str, int]] = field(default_factory=dict)

    def room(self, capture: str) -> int:
        """Tell how much can still go back of a capture."""
        return self.captures.get(capture, 0) - sum(amount for of, amount in self.refunds.values() if of == capture)


def manner_of(amount: int) -> int:
    """Tell how a refund of this amount is answered."""
    return amount % 4


class PlayedGateway:
    """Play the gateway; it has what the flows of money call, and nothing else."""

    name, title, signature_header, api_version = NAME, "Played", SIGNATURE, None
    key_window_seconds, checkout_origin, settlement_zone = 86_400, "https://played.example", "UTC"
    features = frozenset({Feature.MANUAL_CAPTURE, Feature.HOSTED_MANUAL_CAPTURE, Feature.PARTIAL_CAPTURE})

    def __init__(self, fee_of: Callable[[int], int]) -> None:
        self.tell: Callable[[Fact], Awaitable[None]]
        self.accounts: dict[str, Account] = {}
        self.ours: dict[str, UUID] = {}
        self.numbers = count(1)
        self._fee_of = fee_of

    # What the flows call.

    async def verify(self, headers: Mapping[str, str], body: bytes, _: datetime, *, offline: bool = False) -> Envelope:
        del offline
        if not hmac.compare_digest(headers[SIGNATURE], sign(body)):
            raise SignatureInvalidError
        told = json.loads(body)
        return Envelope(event_id=told["id"], type=told["fact"])

    def translate(self, body: bytes) -> list[Notice]:
        told = json.loads(body)
        return [self.notice(Fact(told["fact"], told["told"]))]

    def check_amount(self, amount: int, currency: str) -> None:
        assert amount > 0, currency

    def predict_fee(self, amount: int, currency: str) -> int:
        assert currency
        return self._fee_of(amount)

    async def create(self, order: Order) -> Outcome:
        assert_no_transaction()
        number = next(self.numbers)
        account = Account(order.payment, order.currency, f"checkout_{number}", f"capture_{number}")
        self.accounts[str(order.payment)] = account
        return Accepted(references=(account.checkout,), next_action={"type": "redirect", "url": self.checkout_origin})

    async def capture(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        assert_no_transaction()
        account = self._named(reference)
        assert currency == account.currency, key
        account.captures[account.capture] = amount
        told = {"payment": str(account.payment), "amount": amount, "capture": account.capture}
        return Accepted(notices=(self.notice(Fact("capture", told)),))

    async def cancel(self, reference: str, key: str) -> Outcome:
        assert_no_transaction()
        account = self._named(reference)
        if account.captures:
            return Declined(code="paid", message=f"{key} came too late")
        return Accepted(notices=(self.notice(Fact("end", {"payment": str(account.payment), "how": "expired"})),))

    async def retrieve(self, reference: str) -> Outcome:
        account = self._named(reference)
        told = {
            "payment": str(account.payment),
            "amount": account.captures[account.capture],
            "capture": account.capture,
        }
        return Accepted(notices=(self.notice(Fact("capture", told)),))

    async def refund(self, order: RefundOrder) -> Outcome:
        assert_no_transaction()
        account, amount = self.accounts[str(order.payment)], order.amount
        if amount > account.room(order.reference):
            return Declined(code="too_much", message="so much is not left")
        own = order.reference == account.capture
        name = str(order.refund) if own else order.reference
        self.ours[name] = order.refund
        account.refunds[name] = (order.reference, amount)
        manner = manner_of(amount)
        state = "succeeded" if manner in {AT_ONCE, WEBHOOK_FIRST} else "pending"
        fact = Fact("refund", {"payment": str(order.payment), "name": name, "state": state, "amount": amount})
        if manner in {WEBHOOK_FIRST, PENDING_BY_WEBHOOK}:
            await self.tell(fact)
        return Accepted(notices=(self.notice(fact),))

    async def look_up(self, order: Order | RefundOrder) -> Absent:
        raise AssertionError(f"it always answers, so nobody looks for {order.key}")  # noqa: EM102, TRY003

    look_up_refund = look_up

    async def close(self) -> None:
        """End; there is nothing to close."""

    # What it says of what happened.

    def notice(self, fact: Fact) -> Notice:
        """Put a fact into the words of the program, as the adapter of a real gateway does."""
        told = fact.told
        if fact.name == "pay_out":
            return _payout(told)
        account = self.accounts[told["payment"]]
        notice: dict[str, Any] = {"gateway": NAME, "payment": account.payment, "currency": account.currency}
        if fact.name == "refund":
            return self._refund(account, told, notice)
        notice["references"] = (account.capture, account.checkout)
        match fact.name:
            case "capture":
                notice |= {"references": (told["capture"],), "amount": told["amount"]}
            case "authorize":
                notice["references"] = (account.capture,)
            case "decline":
                notice |= {"references": (account.checkout,), "code": "card_declined"}
            case "end":
                notice["code"] = EXPIRED if told["how"] == "expired" else None
            case "learn_fee":
                notice |= {"amount": told["fee"], "tax": told["tax"]}
            case _:
                kind = DISPUTE_KINDS[told["stage"]]
                return Notice(kind=kind, amount=told["amount"], dispute=_dispute(told), **notice)
        return Notice(kind=KINDS[fact.name], **notice)

    def _refund(self, account: Account, told: dict[str, Any], notice: dict[str, Any]) -> Notice:
        name = told["name"]
        capture, _ = account.refunds.get(name, (account.capture, 0))
        return Notice(
            kind=NoticeKind({"pending": "refund.created"}.get(told["state"], f"refund.{told['state']}")),
            references=(capture,),
            amount=told["amount"],
            refund=self.ours.get(name),
            refund_reference=f"refund_{name}",
            **notice,
        )

    def _named(self, reference: str) -> Account:
        return next(each for each in self.accounts.values() if reference in {each.checkout, each.capture})


def sign(body: bytes) -> str:
    """Sign a webhook."""
    return hmac.new(SECRET, body, "sha256").hexdigest()


def _dispute(told: dict[str, Any]) -> DisputeFacts:
    return DisputeFacts(
        id=told["name"],
        status=DisputeStatus(told["stage"]),
        reason="fraudulent",
        withdrawn=told["held"],
        fee=told["fee"],
        conceded=told["conceded"],
        at=START + timedelta(minutes=told["at"]),
    )


def _payout(told: dict[str, Any]) -> Notice:
    return Notice(
        kind=NoticeKind(f"payout.{told['stage']}"),
        gateway=NAME,
        references=(),
        amount=told["amount"],
        currency=told["currency"],
        payout=PayoutFacts(id=told["name"]),
    )
