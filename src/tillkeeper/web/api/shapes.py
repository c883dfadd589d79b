"""What the API answers, described for its readers; the reports build it."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from tillkeeper.facts import DisputeStatus
from tillkeeper.payments import Status
from tillkeeper.refund_requests import ReasonCode
from tillkeeper.routing import Breaker, Switch
from tillkeeper.web.moments import Instant


class Problem(BaseModel):
    """An error in the form of RFC 9457; one that was stored for its key is repeated with its own `request_id`."""

    type: str = Field(examples=["/docs/errors/invalid_field"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["invalid_field"])
    category: str
    retryable: bool
    next_step: str
    request_id: str
    param: str | None = None
    decline_code: str | None = None
    payment: str | None = Field(default=None, examples=["payment_01h455vb4pex5vsknk084sn02q"])
    dispute: str | None = None


class NextAction(BaseModel):
    """What the customer does next: go to an address, or pay in a page of yours that shows the gateway's form."""

    type: Literal["redirect", "client"]
    url: str | None = None
    gateway: str | None = None
    client_secret: str | None = None
    publishable_key: str | None = None


class Fulfilment(BaseModel):
    """What was delivered; `reason` says why it was not, as long as it was not."""

    status: Literal["pending", "delivered", "partly_revoked", "revoked", "failed"]
    kind: str = Field(examples=["credits"])
    quantity: int
    revoked: int
    reason: str | None = None


class Risk(BaseModel):
    """How doubtful a payment is, and why; shown to secret keys only."""

    score: int
    decision: Literal["allow", "review", "block"]
    reasons: list[str]


class Payment(BaseModel):
    """A payment; amounts are minor units of `currency`, and `tax` is the part of the money that is tax."""

    id: str = Field(examples=["payment_01h455vb4pex5vsknk084sn02q"])
    object: Literal["payment"]
    mode: Literal["sandbox", "test", "live"]
    status: Status
    amount: int
    currency: str = Field(examples=["EUR"])
    tax: int
    amount_captured: int
    amount_refunding: int
    amount_refunded: int
    amount_disputed: int
    user: str | None
    customer: str | None
    package: str | None
    quantity: int | None
    description: str | None
    gateway: str
    gateway_reference: str | None
    checkout: str
    capture_method: str
    next_action: NextAction | None
    fulfilment: Fulfilment | None
    risk: Risk | None
    last_error: dict[str, str | None] | None
    metadata: dict[str, str]
    created_at: Instant
    expires_at: Instant
    captured_at: Instant | None


class Refund(BaseModel):
    """A refund; `revoked` is how many units of goods it took back, `tax` how much of the amount is tax.

    A `surplus` gives back what was captured a second time, and is no part of the payment's refunds.
    """

    id: str = Field(examples=["refund_01h455vb4pex5vsknk084sn02q"])
    object: Literal["refund"]
    payment: str
    amount: int
    currency: str
    tax: int
    status: Literal["pending", "succeeded", "failed"]
    reason: str | None
    origin: Literal["us", "gateway"]
    surplus: bool
    revoked: int
    gateway: str
    gateway_reference: str | None
    error: str | None
    created_at: Instant
    settled_at: Instant | None


class RefundRequestStep(BaseModel):
    """Something that happened to a request."""

    kind: Literal["requested", "approval", "approved", "rejected", "refunded", "failed"]
    by: str
    by_id: str
    note: str | None
    at: Instant


class RefundRequest(BaseModel):
    """A wish for money back; `status` says what was decided, or what became of the refund since."""

    id: str = Field(examples=["refund_request_01h455vb4pex5vsknk084sn02q"])
    object: Literal["refund_request"]
    payment: str
    amount: int
    currency: str
    reason_code: ReasonCode
    note: str | None
    evidence: list[str]
    override_reason: str | None
    status: Literal["open", "approved", "rejected", "refunded", "failed"]
    decision: str
    approvals_needed: int
    approvals: list[str]
    policy_version: int
    refund: str | None
    bulk: str | None
    requested_by: str
    created_at: Instant
    decided_at: Instant | None
    history: list[RefundRequestStep]


class RefundBulkItem(BaseModel):
    """What came of one payment of a bulk; `error` says why nothing could."""

    payment: str
    request: str | None
    status: Literal["open", "approved", "rejected", "impossible"]
    amount: int | None = None
    currency: str | None = None
    decision: str | None = None
    error: dict[str, str] | None = None


class RefundBulk(BaseModel):
    """What came of asking for many refunds."""

    object: Literal["refund_bulk"]
    id: str | None
    dry_run: bool
    data: list[RefundBulkItem]
    counts: dict[str, int]
    has_more: bool
    next_cursor: str | None


class RefundPolicy(BaseModel):
    """The rules for giving money back; version 0 is what the program comes with."""

    object: Literal["refund_policy"]
    version: int
    auto_approve_units: int | None
    auto_approve_amounts: dict[str, int]
    second_person_units: int | None
    second_person_amounts: dict[str, int]
    window_hours: int | None
    share_min_bps: int
    share_max_bps: int
    used_goods: bool
    direct_refunds: bool
    status: Literal["in_force", "proposed", "past"]
    note: str | None
    set_by: str | None
    set_at: Instant | None
    agreed_by: str | None


class Customer(BaseModel):
    """Who pays; `gateways` says what each gateway calls the customer, where it has heard of one."""

    id: str = Field(examples=["customer_01h455vb4pex5vsknk084sn02q"])
    object: Literal["customer"]
    email: str | None = Field(examples=["ana@example.com"])
    name: str | None = Field(examples=["Ana Lovelace"])
    external_id: str | None = Field(examples=["user-42"])
    gateways: dict[str, str] = Field(examples=[{"stripe": "cus_QmYx1a2b3c"}])
    created_at: Instant


class DisputeResponse(BaseModel):
    """What was answered to a dispute, and whether the gateway has taken it; `unknown` when nobody can tell any more."""

    kind: Literal["evidence", "accept"]
    status: Literal["waiting_for_second_person", "pending", "done", "declined", "unknown"]
    error: str | None
    by: str
    at: Instant


class Dispute(BaseModel):
    """Money that the customer's bank takes back.

    `amount_withdrawn` is what the gateway holds back for it by now, and `amount_lost` what of that is gone for good.
    A `warning` only asks. `overdue` and `due_soon` (within 72 hours) say that it waits for an answer of ours.
    """

    id: str = Field(examples=["dispute_01h455vb4pex5vsknk084sn02q"])
    object: Literal["dispute"]
    payment: str
    amount: int
    currency: str
    status: DisputeStatus
    reason: str | None = Field(examples=["fraudulent"])
    due_at: Instant | None
    overdue: bool
    due_soon: bool
    response: DisputeResponse | None
    amount_withdrawn: int | None
    amount_lost: int
    fee: int | None
    gateway: str
    gateway_reference: str
    opened_at: Instant
    closed_at: Instant | None


class Evidence(BaseModel):
    """What would be handed in for us in a dispute, written from our own records."""

    object: Literal["dispute_evidence"]
    dispute: str
    statement: str | None
    product: str | None
    delivery: str | None
    usage: str | None
    receipt: str | None
    refunds: str | None
    refund_policy: str | None
    customer_name: str | None
    customer_email: str | None
    customer_ip: str | None
    delivered_on: str | None


class Package(BaseModel):
    """Something for sale; prices are minor units by currency.

    `tax_bps` says by currency which tax a price includes, in hundredths of a percent.
    """

    id: str = Field(examples=["credits_120"])
    object: Literal["package"]
    kind: str
    title: str
    quantity: int
    prices: dict[str, int]
    tax_bps: dict[str, int] = Field(examples=[{"EUR": 1900}])
    active: bool


class Wallet(BaseModel):
    """A user's credits; `frozen` ones cannot be spent as long as a bank claims the money behind them."""

    object: Literal["wallet"]
    user: str
    balance: int
    frozen: int
    debt: int
    currency: Literal["CRD"]


class Spending(Wallet):
    """A wallet after credits were spent, and what was spent."""

    spend: str = Field(examples=["spend_01h455vb4pex5vsknk084sn02q"])
    spent: int
    reason: str


class WalletEntry(BaseModel):
    """A movement of a wallet; what was spent or taken is negative."""

    kind: str = Field(examples=["grant"])
    amount: int
    balance_before: int
    balance_after: int
    source: str = Field(examples=["payment_01h455vb4pex5vsknk084sn02q"])
    reason: str | None
    at: Instant


class Card(BaseModel):
    """A user's card; one that was used and then taken back is `revoked_after_use`."""

    id: str = Field(examples=["card_01h455vb4pex5vsknk084sn02q"])
    object: Literal["card"]
    serial: str = Field(examples=["17 of 5000"])
    title: str
    artist: str
    tier: str
    pack: str
    status: Literal["owned", "suspended", "revoked", "revoked_after_use"]
    used_at: Instant | None
    payment: str
    created_at: Instant


class Adjustment(Wallet):
    """A wallet after somebody changed it by hand, and what was done; what was taken is negative."""

    adjustment: str = Field(examples=["adjustment_01h455vb4pex5vsknk084sn02q"])
    kind: Literal["bonus", "adjustment", "write_off"]
    amount: int
    reason: str
    expires_at: Instant | None
    debt_repaid: int | None = None


class GatewayAttempts(BaseModel):
    """What became of the attempts of the last while."""

    window_minutes: int
    tried: int
    opened: int
    refused: int
    unclear: int
    latency_ms_p50: int | None
    latency_ms_p95: int | None


class Gateway(BaseModel):
    """How a gateway is used and how it does; a breaker that is open keeps new payments away from it."""

    gateway: str = Field(examples=["stripe"])
    switch: Switch
    priority: int
    fee_percentage_bps: int | None
    fee_fixed: int | None
    features: list[str]
    breaker: Breaker
    failures: int
    retry_at: Instant | None
    attempts: GatewayAttempts
    calls_waiting: int
    last_webhook_at: Instant | None


class Gateways(BaseModel):
    """The configured gateways, in the order in which payments are offered to them."""

    object: Literal["list"]
    data: list[Gateway]


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next_cursor` is the `cursor` of the page after it."""

    data: list[Item]
    has_more: bool
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Name the page of each kind of thing after it."""
        return f"{params[0].__name__}Page"


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "What is wrong with the request, and what to do."},
    "5XX": {"model": Problem, "description": "What is wrong here, and whether to try again."},
}
