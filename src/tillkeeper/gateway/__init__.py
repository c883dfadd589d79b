"""What every gateway must be able to do, in our own words."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias
from uuid import UUID

from tillkeeper.facts import Notice
from tillkeeper.gateway.lines import SettlementPage
from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import MalformedJsonError, TillError
from tillkeeper.kernel.secrets import Secrets

NAME = re.compile(r"[a-z_.]{1,64}|[A-Z_.-]{1,64}")


class SignatureInvalidError(TillError):
    """Report a webhook that the gateway did not sign, or signed too long ago."""

    code = "signature_invalid"
    status = 400
    title = "The webhook's signature does not verify"
    category = "invalid_request"
    next_step = "Check the webhook secret of this gateway and the clock of this machine; nothing was stored."


class PayloadUnreadableError(MalformedJsonError):
    """Report a signed body that is not an event of this gateway."""


class GatewayUnavailableError(TillError):
    """Report a gateway that certainly did not execute what we asked; nothing was charged."""

    code = "gateway_unavailable"
    status = 503
    title = "The payment gateway cannot be used right now"
    category = "gateway_error"
    retryable = True
    retry_after_seconds = 5
    next_step = "Nothing was charged. Send the same request with the same Idempotency-Key again."


class PlaceGoneError(GatewayUnavailableError):
    """Report a place in an account from which its gateway does not go on any more: the window must be read anew."""


class ConfigurationError(TillError):
    """Report a setting that is missing or cannot be right; the program does not start with it."""

    code = "configuration"
    title = "A setting is missing or wrong"
    category = "configuration"
    next_step = "Correct the setting and start again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Hold everything a gateway needs to let somebody pay; `key` is sent as the idempotency key.

    `customer` is the gateway's own id of the customer, where it keeps customers. `approval` is the key of going on with
    what the customer approved: the same when that is told again, and another one when they approve anew.
    """

    payment: UUID
    key: str
    amount: int
    currency: str
    title: str
    return_url: str
    manual_capture: bool
    embedded: bool
    created_at: datetime
    expires_at: datetime
    customer: str | None = None
    approval: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerOrder:
    """Hold a customer whom a gateway is to know; `key` is sent as the idempotency key."""

    customer: UUID
    key: str
    email: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Hold a refund to be made at the gateway; `reference` is the gateway's id of the payment."""

    payment: UUID
    refund: UUID
    key: str
    reference: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Hold what speaks for the merchant in a dispute, in plain words; None where there is nothing to say."""

    statement: str | None = None
    product: str | None = None
    delivery: str | None = None
    usage: str | None = None
    receipt: str | None = None
    refunds: str | None = None
    refund_policy: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    customer_ip: str | None = None
    delivered_on: str | None = None

    @property
    def customer(self) -> str | None:
        """Say in one line who bought, and from where."""
        known = [text for text in (self.customer_name, self.customer_email, self.customer_ip) if text]
        return ", ".join(known) or None

    @property
    def sections(self) -> tuple[tuple[str, str], ...]:
        """List all that there is to say under headings, the most telling first."""
        told = (
            ("What we say", self.statement),
            ("Delivered", self.delivery),
            ("Used", self.usage),
            ("Receipt", self.receipt),
            ("Sold", self.product),
            ("Bought by", self.customer),
            ("Refund policy", self.refund_policy),
            ("Refunds", self.refunds),
        )
        return tuple((heading, text) for heading, text in told if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Say that the gateway did it, what it called it, what the customer does next and what we learned."""

    references: tuple[str, ...] = ()
    next_action: dict[str, str] | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Say that the gateway understood and said no; `card` when the customer's means of payment was declined.

    `attempt` is what the gateway calls the attempt that failed with it, where it has a name for each.
    """

    code: str
    message: str
    card: bool = False
    attempt: str | None = None

    def __post_init__(self) -> None:
        """Mask what a gateway should not say."""
        logs.mask_in(self, "code", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Say that certainly nothing was executed."""

    reason: str

    def __post_init__(self) -> None:
        """Mask what a gateway should not say."""
        logs.mask_in(self, "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Say that nobody can tell from here whether it was executed.

    `final` when asking again cannot help. `counts` unless the gateway was neither told nor answered when asked.
    """

    reason: str
    final: bool = False
    counts: bool = True

    def __post_init__(self) -> None:
        """Mask what a gateway should not say."""
        logs.mask_in(self, "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Say that the gateway looked for it and does not have it, at least not yet."""


Outcome: TypeAlias = Accepted | Declined | Refused | Unknown


class Feature(StrEnum):
    """Name what not every gateway can do."""

    EMBEDDED = "embedded"
    MANUAL_CAPTURE = "manual_capture"
    HOSTED_MANUAL_CAPTURE = "hosted_manual_capture"
    PARTIAL_CAPTURE = "partial_capture"
    CUSTOMERS = "customers"
    FEES = "fees"
    SETTLEMENT_FILES = "settlement_files"
    DISPUTE_EVIDENCE = "dispute_evidence"
    DISPUTE_ACCEPT = "dispute_accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Hold what a verified webhook says on its outside; `version` is that of the gateway's API, where it says so."""

    event_id: str
    type: str
    version: str | None = None

    def __post_init__(self) -> None:
        """Mask a type that is more than a name: it is stored and shown, which the body never is."""
        if not NAME.fullmatch(self.type):
            logs.mask_in(self, "type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Hold one event from a gateway's own list, with the body that its webhook would have had."""

    envelope: Envelope
    body: bytes


class Gateway(Protocol):
    """Talk to one payment gateway; only flows call the async verbs, and never inside a transaction."""

    name: str
    title: str
    """How people know it."""
    key_window_seconds: int
    """How long a key may be sent again safely; after it, only looking up is allowed."""
    checkout_origin: str
    """Where its checkout pages live; a browser's content policy must allow forms to lead there."""
    signature_header: str
    """In which header, in lower case, its webhooks bring their signature: by it they are told apart."""
    features: AbstractSet[Feature]
    """What it can do beyond taking money at a hosted checkout."""
    api_version: str | None
    """The version of its API that our adapter is written for, such as `2026-10-28.endive`; None where there is none."""
    settlement_zone: str
    """The time zone by whose days it accounts, as IANA calls it."""

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime, *, offline: bool = False
    ) -> Envelope:
        """Check the signature over the raw bytes; raises SignatureInvalidError or PayloadUnreadableError.

        It may fetch what it checks against, such as a certificate; from nowhere else than where the gateway keeps it,
        and not at all when it is to judge `offline`, by what is known here: then GatewayUnavailableError says so.
        """

    def translate(self, body: bytes) -> list[Notice]:
        """Put a webhook body into our words; an empty list means that it has no effect here.

        Raises PayloadUnreadableError for what is not what this gateway promises, and nothing else.
        """

    def check_amount(self, amount: int, currency: str) -> None:
        """Raise when this gateway cannot take the amount exactly."""

    def predict_fee(self, amount: int, currency: str) -> int:
        """Tell the fee to expect, in minor units; the gateway's own figure corrects it later."""

    async def create(self, order: Order) -> Outcome:
        """Open a checkout."""

    async def confirm(self, order: Order, reference: str | None, data: Mapping[str, str]) -> Outcome:
        """Go on with what the customer approved; `data` is what the customer's browser brought, and may be empty.

        Raises InvalidFieldError for data that cannot be true; then nothing was sent.
        """

    async def create_customer(self, order: CustomerOrder) -> Outcome:
        """Make a customer known; the first reference of the answer is the gateway's id of it."""

    async def capture(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """Take authorised money."""

    async def cancel(self, reference: str, key: str) -> Outcome:
        """End what has not been paid: expire the checkout or void the authorisation."""

    async def refund(self, order: RefundOrder) -> Outcome:
        """Give money back."""

    async def look_up(self, order: Order) -> Outcome | Absent:
        """Ask whether a checkout was opened, of which no answer came."""

    async def look_up_refund(self, order: RefundOrder) -> Outcome | Absent:
        """Ask whether a refund was made, of which no answer came."""

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a payment."""

    async def submit_evidence(self, reference: str, evidence: Evidence, key: str) -> Outcome:
        """Hand in what speaks for us in a dispute; `reference` is the gateway's id of the dispute."""

    async def accept_dispute(self, reference: str, key: str) -> Outcome:
        """Give a dispute up: the customer keeps the money."""

    async def retrieve_dispute(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""

    async def fetch_fee(self, reference: str) -> Outcome:
        """Ask what the gateway kept of a captured payment; a fee that is not settled yet is an answer without one."""

    async def events(self, since: datetime, until: datetime) -> list[Told]:
        """List what happened there between two moments; raises GatewayUnavailableError."""

    async def settlement(self, since: datetime, until: datetime, after: str | None) -> SettlementPage:
        """Read one part of its account of us between two moments; raises GatewayUnavailableError.

        `after` is None at the beginning, and then what the part before said; a part may be empty and not the last.
        Raises PlaceGoneError when the gateway does not go on from there any more.
        The same window has lines of the same ids whenever it is asked for, and those of two windows side by side are
        together those of both as one. What a gateway tells only once it is paid out belongs to the moment of that.
        """

    def read_settlement(self, file: bytes) -> SettlementPage:
        """Read the report that its dashboard offers, where it has `Feature.SETTLEMENT_FILES`.

        Raises FileUnreadableError for what is no such report. Its lines have the ids that `settlement` gives them.
        Ten thousand lines take up to a second, so a large file is better read in a thread.
        """

    async def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Hold a secret that is changed now and then: its variable, and where a new one is made."""

    name: str
    where: str
    overlaps: bool = False
    """It only verifies, so the previous one counts beside it for a while: `NAME_PREVIOUS`."""
    beginning: str = ""
    """What every real one begins with, where the gateway has such a rule."""


class Connector(Protocol):
    """Make a gateway from its secrets: what `GATEWAY` in each gateway's folder is."""

    name: str
    title: str
    """How people know the gateway."""
    credentials: tuple[Credential, ...]

    def configured(self, secrets: Secrets) -> bool:
        """Tell whether any of its variables is set; raises ConfigurationError when only some are."""

    def connect(self, secrets: Secrets, *, mode: str) -> Gateway:
        """Open it; raises ConfigurationError for secrets that do not belong to the mode."""
