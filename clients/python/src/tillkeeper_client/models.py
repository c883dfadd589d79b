"""What the API answers and tells, and what is nested in what it is asked."""

# Written by clients/python/generate.py; change the API's description, and write it anew.

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

PaymentStatus = Literal[
    "created",
    "in_review",
    "requires_action",
    "processing",
    "outcome_unknown",
    "requires_capture",
    "succeeded",
    "failed",
    "canceled",
    "expired",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """What the customer does next: go to an address, or pay in a page of yours that shows the gateway's form."""

    type: Literal["redirect", "client"]
    url: str | None
    gateway: str | None
    client_secret: str | None
    publishable_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """What was delivered; `reason` says why it was not, as long as it was not."""

    status: Literal["pending", "delivered", "partly_revoked", "revoked", "failed"]
    kind: str
    quantity: int
    revoked: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """How doubtful a payment is, and why; shown to secret keys only."""

    score: int
    decision: Literal["allow", "review", "block"]
    reasons: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment; amounts are minor units of `currency`, and `tax` is the part of the money that is tax."""

    id: str
    object: Literal["payment"]
    mode: Literal["sandbox", "test", "live"]
    status: PaymentStatus
    amount: int
    currency: str
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
    created_at: datetime
    expires_at: datetime
    captured_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody wrote down about a payment; the timeline shows it."""

    id: str
    object: Literal["note"]
    payment: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """Something that happened to a payment; what `data` holds follows from `kind`.

    `api` is a request under an Idempotency-Key, told for the day that keys are kept; `action` is what somebody did, as
    the audit log has it. The `id` in `data` of a webhook, event, sent event or note leads to the thing itself.
    """

    at: datetime
    kind: Literal[
        "api",
        "action",
        "note",
        "webhook",
        "risk",
        "attempt",
        "call",
        "request",
        "dispute",
        "payment",
        "ledger",
        "delivery",
        "goods",
        "discrepancy",
        "event",
        "sent",
        "letter",
    ]
    title: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything that happened to a payment, in order."""

    payment: str
    data: list[TimelineEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; `revoked` is how many units of goods it took back, `tax` how much of the amount is tax.

    A `surplus` gives back what was captured a second time, and is no part of the payment's refunds.
    """

    id: str
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
    created_at: datetime
    settled_at: datetime | None


ReasonCode = Literal["duplicate", "fraudulent", "requested_by_customer", "not_delivered", "defective", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequestStep:
    """Something that happened to a request."""

    kind: Literal["requested", "approval", "approved", "rejected", "refunded", "failed"]
    by: str
    by_id: str
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A wish for money back; `status` says what was decided, or what became of the refund since."""

    id: str
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
    created_at: datetime
    decided_at: datetime | None
    history: list[RefundRequestStep]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundBulkItem:
    """What came of one payment of a bulk; `error` says why nothing could."""

    payment: str
    request: str | None
    status: Literal["open", "approved", "rejected", "impossible"]
    amount: int | None
    currency: str | None
    decision: str | None
    error: dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundBulk:
    """What came of asking for many refunds."""

    object: Literal["refund_bulk"]
    id: str | None
    dry_run: bool
    data: list[RefundBulkItem]
    counts: dict[str, int]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPolicy:
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
    set_at: datetime | None
    agreed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who pays; `gateways` says what each gateway calls the customer, where it has heard of one."""

    id: str
    object: Literal["customer"]
    email: str | None
    name: str | None
    external_id: str | None
    gateways: dict[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
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


DisputeStatus = Literal["warning", "needs_response", "under_review", "won", "lost", "prevented"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeResponse:
    """What was answered to a dispute, and whether the gateway has taken it; `unknown` when nobody can tell any more."""

    kind: Literal["evidence", "accept"]
    status: Literal["waiting_for_second_person", "pending", "done", "declined", "unknown"]
    error: str | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Money that the customer's bank takes back.

    `amount_withdrawn` is what the gateway holds back for it by now, and `amount_lost` what of that is gone for good.
    A `warning` only asks. `overdue` and `due_soon` (within 72 hours) say that it waits for an answer of ours.
    """

    id: str
    object: Literal["dispute"]
    payment: str
    amount: int
    currency: str
    status: DisputeStatus
    reason: str | None
    due_at: datetime | None
    overdue: bool
    due_soon: bool
    response: DisputeResponse | None
    amount_withdrawn: int | None
    amount_lost: int
    fee: int | None
    gateway: str
    gateway_reference: str
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Something for sale; prices are minor units by currency.

    `tax_bps` says by currency which tax a price includes, in hundredths of a percent.
    """

    id: str
    object: Literal["package"]
    kind: str
    title: str
    quantity: int
    prices: dict[str, int]
    tax_bps: dict[str, int]
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A user's credits; `frozen` ones cannot be spent as long as a bank claims the money behind them."""

    object: Literal["wallet"]
    user: str
    balance: int
    frozen: int
    debt: int
    currency: Literal["CRD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletEntry:
    """A movement of a wallet; what was spent or taken is negative."""

    kind: str
    amount: int
    balance_before: int
    balance_after: int
    source: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A user's card; one that was used and then taken back is `revoked_after_use`."""

    id: str
    object: Literal["card"]
    serial: str
    title: str
    artist: str
    tier: str
    pack: str
    status: Literal["owned", "suspended", "revoked", "revoked_after_use"]
    used_at: datetime | None
    payment: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A wallet after credits were spent, and what was spent."""

    object: Literal["wallet"]
    user: str
    balance: int
    frozen: int
    debt: int
    currency: Literal["CRD"]
    spend: str
    spent: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRevision:
    """What a package was from a moment on, and who decided so."""

    kind: str
    title: str
    quantity: int
    prices: dict[str, int]
    tax_bps: dict[str, int]
    active: bool
    changed_by: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceShape:
    """Whether new payments are kept waiting, and why."""

    object: Literal["maintenance"]
    active: bool
    reason: str | None
    changed_by: str | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A wallet after somebody changed it by hand, and what was done; what was taken is negative."""

    object: Literal["wallet"]
    user: str
    balance: int
    frozen: int
    debt: int
    currency: Literal["CRD"]
    adjustment: str
    kind: Literal["bonus", "adjustment", "write_off"]
    amount: int
    reason: str
    expires_at: datetime | None
    debt_repaid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMessage:
    """A webhook that came: `arrivals` is how often, `reason` why it was not applied if it was not."""

    id: str
    object: Literal["inbox_message"]
    gateway: str
    event_id: str
    type: str
    status: Literal["received", "processed", "parked", "ignored", "quarantined", "dead"]
    attempts: int
    arrivals: int
    reason: str | None
    payment: str | None
    received_at: datetime
    next_try_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many webhooks are worked on again."""

    replayed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxVerdict:
    """What is to become of a webhook: `received` is worked on again, `ignored` is set aside for good."""

    id: str
    status: Literal["received", "ignored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyTotal:
    """The sums of one currency: `difference` is 0, or the books are broken."""

    currency: str
    debits: int
    credits: int
    difference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalanceRow:
    """What an account stands at."""

    code: str
    currency: str
    class_: str
    debits: int
    credits: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """Every account, and the proof that debits equal credits."""

    object: Literal["trial_balance"]
    as_of: datetime | None
    recorded_before: datetime | None
    balanced: bool
    totals: list[CurrencyTotal]
    accounts: list[TrialBalanceRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account and what it stands at."""

    code: str
    currency: str
    class_: str
    debits: int
    credits: int
    balance: int
    object: Literal["account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """An amount that moves from one account to another, so that nothing is ever out of balance."""

    debit: str
    credit: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One fact in the books: `effective_at` is when it was so, `recorded_at` when we wrote it down."""

    id: str
    object: Literal["journal"]
    source: str
    source_id: str
    kind: str
    effective_at: datetime
    recorded_at: datetime
    postings: list[Posting] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What moved an account, and what it stood at afterwards."""

    journal: str
    source: str
    source_id: str
    kind: str
    other_account: str
    debit: int
    credit: int
    balance: int
    currency: str
    effective_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A page of the lines of an account, the latest fact first."""

    object: Literal["statement"]
    account: str
    currency: str
    class_: str
    since: datetime | None
    as_of: datetime | None
    recorded_before: datetime
    data: list[StatementLine]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A seal of the books: `hash` vouches for its journals and for every seal before it."""

    object: Literal["seal"]
    number: int
    hash: str
    journals: int
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The last word on something that must always be true; `sample` names the first breaches."""

    name: str
    title: str
    scope: Literal["recent", "full"]
    checked_at: datetime | None
    violations: int
    sample: list[str]
    broken_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The last word on everything that must always be true; `sound` when nothing is broken."""

    object: Literal["list"]
    sound: bool
    data: list[Check]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """What one gateway, currency and package brought in a period; money in minor units, credits in units."""

    period: str
    gateway: str | None
    currency: str
    package: str | None
    payments: int
    refunds: int
    disputes: int
    captured: int
    refunded: int
    disputed: int
    fees: int
    other: int
    net: int
    deferred: int
    earned: int
    lost: int
    units_sold: int
    units_spent: int
    units_expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A row per period, gateway, currency and package; the same `recorded_before` gives the same rows for ever."""

    object: Literal["report"]
    step: Literal["daily", "monthly"]
    from_: str
    to: str
    recorded_before: datetime
    data: list[ReportRow]
    has_more: bool
    next_cursor: str | None


Switch = Literal["on", "draining", "off"]


Breaker = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAttempts:
    """What became of the attempts of the last while."""

    window_minutes: int
    tried: int
    opened: int
    refused: int
    unclear: int
    latency_ms_p50: int | None
    latency_ms_p95: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """How a gateway is used and how it does; a breaker that is open keeps new payments away from it."""

    gateway: str
    switch: Switch
    priority: int
    fee_percentage_bps: int | None
    fee_fixed: int | None
    features: list[str]
    breaker: Breaker
    failures: int
    retry_at: datetime | None
    attempts: GatewayAttempts
    calls_waiting: int
    last_webhook_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """The configured gateways, in the order in which payments are offered to them."""

    object: Literal["list"]
    data: list[Gateway]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRun:
    """The comparison of one day of a gateway; `open` counts by kind what it has left open."""

    object: Literal["reconciliation_run"]
    gateway: str
    day: str
    status: Literal["due", "running", "done"]
    step: str | None
    lines: int
    ours: int
    tolerated: int
    open: dict[str, int]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


Kind = Literal[
    "missing_internal",
    "missing_at_gateway",
    "in_transit",
    "amount_over",
    "amount_under",
    "currency_mismatch",
    "direction_mismatch",
    "fee_mismatch",
    "fx_residual",
    "status_mismatch",
    "duplicate_internal",
    "duplicate_at_gateway",
    "payout_sum_mismatch",
    "payout_missing_in_bank",
    "clearing_not_zero",
    "orphan_adjustment",
    "refund_unlinked",
    "dispute_unlinked",
    "grant_missing",
    "grant_without_payment",
    "unparsed_line",
]


DiscrepancyStatus = Literal["open", "explained", "closed"]


LineKind = Literal[
    "capture",
    "refund",
    "refund_failed",
    "dispute",
    "dispute_reversed",
    "fee",
    "payout",
    "payout_failed",
    "conversion",
    "reserve",
    "adjustment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyLine:
    """The gateway's line behind a discrepancy."""

    id: str
    kind: LineKind
    object: str | None
    parent: str | None
    occurred_at: datetime


DiscrepancyAction = Literal["accept", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """A disagreement between a gateway's account and ours; amounts are minor units of `currency`, signed.

    `difference` is by how much the gateway's balance exceeds what our books say of it, and `suspended` whether it was
    put aside in the books until somebody knows what it is. `suggestions` have the same amount on the other side.
    """

    id: str
    object: Literal["discrepancy"]
    kind: Kind
    status: DiscrepancyStatus
    gateway: str
    day: str
    detail: str
    theirs: int | None
    ours: int | None
    currency: str
    difference: int
    difference_currency: str
    suspended: bool
    payment: str | None
    line: DiscrepancyLine | None
    first_seen_at: datetime
    age_days: Literal["0-1", "2-7", "8-30", "over 30"]
    next_step: str | None
    closed_at: datetime | None
    closed_by: str | None
    action: DiscrepancyAction | None
    reason: str | None
    suggestions: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How many discrepancies of one kind and age are open."""

    gateway: str
    kind: Kind
    age_days: Literal["0-1", "2-7", "8-30", "over 30"]
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """What is open by gateway, kind and age."""

    object: Literal["list"]
    data: list[Age]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the lines of a file; `days` are compared anew."""

    object: Literal["import"]
    gateway: str
    new: int
    changed: int | None
    known: int | None
    contradicting: int | None
    unread: int | None
    days: list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; `type`, `timestamp` and `data` are what an endpoint is sent."""

    id: str
    object: Literal["event"]
    sequence: int
    payment: str | None
    type: str
    timestamp: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySummary:
    """An event on its way to an endpoint; `canceled` ones went with their endpoint."""

    id: str
    object: Literal["delivery"]
    endpoint: str
    url: str
    event: str
    type: str
    status: Literal["pending", "succeeded", "dead", "canceled"]
    tries: int
    last_status: int | None
    last_error: str | None
    next_try_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTry:
    """One try: the status that was answered and the beginning of the body, or the error that stood in the way."""

    number: int
    at: datetime
    status: int | None
    latency_ms: int
    error: str | None
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to an endpoint, with every try."""

    id: str
    object: Literal["delivery"]
    endpoint: str
    url: str
    event: str
    type: str
    status: Literal["pending", "succeeded", "dead", "canceled"]
    tries: int
    last_status: int | None
    last_error: str | None
    next_try_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    log: list[DeliveryTry]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointWithSecret:
    """An endpoint with its secret, which is shown this once."""

    id: str
    object: Literal["webhook_endpoint"]
    url: str
    types: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: str | None
    pending: int
    previous_secret_until: datetime | None
    created_at: datetime
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """Where events are sent; `disabled_reason` says why nothing is, `pending` how much waits."""

    id: str
    object: Literal["webhook_endpoint"]
    url: str
    types: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: str | None
    pending: int
    previous_secret_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTest:
    """What came of sending an event as a test."""

    object: Literal["webhook_test"]
    event: str
    delivered: bool
    status: int | None
    latency_ms: int
    error: str | None
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRecovery:
    """How many events are looked at again; what the endpoint has taken is not sent twice."""

    object: Literal["webhook_recovery"]
    endpoint: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key with its text: keep it, because it is never shown again."""

    id: str
    object: Literal["key"]
    name: str
    kind: Literal["secret", "publishable"]
    mode: Literal["sandbox", "test", "live"]
    ends_with: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of this installation; its text is shown once, in the answer that makes it."""

    id: str
    object: Literal["key"]
    name: str
    kind: Literal["secret", "publishable"]
    mode: Literal["sandbox", "test", "live"]
    ends_with: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


AuditAction = Literal[
    "member.signed_in",
    "member.sign_in_failed",
    "member.signed_out",
    "member.proved_again",
    "member.password_changed",
    "member.created",
    "member.role_set",
    "member.password_reset",
    "member.second_factor_set",
    "member.disabled",
    "key.created",
    "key.revoked",
    "payment.created",
    "payment.capture_requested",
    "payment.cancel_requested",
    "payment.noted",
    "payment.fulfilment_retried",
    "dispute.evidence_submitted",
    "dispute.accepted",
    "customer.registered",
    "credits.spent",
    "card.used",
    "reconciliation.requested",
    "settlement.imported",
    "package.offered",
    "gateway.steered",
    "refund.created",
    "refund.abandoned",
    "refund_request.created",
    "refund_request.approved",
    "refund_request.rejected",
    "refund_policy.set",
    "discrepancy.closed",
    "webhook.replayed",
    "webhooks.replayed",
    "webhook.ignored",
    "credits.granted",
    "credits.taken",
    "debt.forgiven",
    "risk.rules_set",
    "risk.listed",
    "risk.unlisted",
    "review.approved",
    "review.rejected",
    "maintenance.set",
    "drill.wished",
    "copy.isolated",
    "copy.released",
    "user.erased",
    "webhook_endpoint.created",
    "webhook_endpoint.changed",
    "webhook_endpoint.rotated",
    "webhook_endpoint.deleted",
    "webhook_endpoint.tested",
    "webhook_endpoint.recovered",
    "delivery.resent",
    "secret.rotated",
    "records.retained",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A change: who made it, when and why, and what was there before and after.

    `actor` is a key, `cli:` and a user of a machine, `user` for an end user, or `till` itself. `digest` vouches for the
    entry and for all before it.
    """

    id: str
    object: Literal["audit_entry"]
    number: int
    at: datetime
    actor: str
    actor_name: str
    action: AuditAction
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    request: str | None
    digest: str


Fact = Literal[
    "amount",
    "currency",
    "account_age_hours",
    "attempts_by_user_hour",
    "attempts_by_address_hour",
    "attempts_by_fingerprint_hour",
    "failures_by_user_day",
    "failures_by_address_hour",
    "failures_by_fingerprint_hour",
    "users_by_address_day",
]


Operator = Literal["more_than", "less_than", "equals", "one_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleShape:
    """A rule as it is in force."""

    id: str
    fact: Fact
    operator: Operator
    value: int | str | list[str]
    currency: str | None
    score: int
    reason: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """All rules, by name."""

    object: Literal["list"]
    data: list[RuleShape]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a rule would have done: how decisions would have changed, and what came of the payments it would stop."""

    object: Literal["risk_trial"]
    rule: RuleShape
    days: int
    payments: int
    complete: bool
    applies_to: int
    decisions: list[dict[str, Any]]
    stopped: dict[str, Any]


Side = Literal["allow", "block"]


Trait = Literal["user", "address", "fingerprint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Somebody on a list."""

    id: str
    object: Literal["risk_entry"]
    side: Side
    trait: Trait
    value: str
    note: str
    added_by: str
    added_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Who is on the lists, newest first; `next_cursor` is the `cursor` of the page after it."""

    object: Literal["list"]
    data: list[Entry]
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What is left: the user's new name, how much was emptied, and customers who pay for others as well."""

    object: Literal["erasure"]
    user: str
    payments: int
    webhooks: int
    customers: list[str]
    customers_kept: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTold:
    """What happened to a payment; `refund` or `dispute` says by which one, `reason` says it in words."""

    payment: str
    amount: int
    currency: str
    status: str | None
    reason: str | None
    refund: str | None
    dispute: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsTold:
    """What happened to the goods of a payment, in units of them."""

    payment: str
    granted: int | None
    revoked: int | None
    restored: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutTold:
    """What became of money that a gateway sends to the bank."""

    payout: str
    gateway: str
    reference: str
    amount: int
    currency: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyTold:
    """Where a gateway's account and ours do not agree."""

    discrepancy: str
    kind: str
    gateway: str
    day: str
    detail: str
    theirs: int | None
    ours: int | None
    currency: str | None
    payment: str | None


class Context(TypedDict):
    """What you know of the buyer: the address of their connection, a fingerprint of their device, their account."""

    ip: NotRequired[str | None]
    fingerprint: NotRequired[str | None]
    account_created_at: NotRequired[datetime | None]


class Filter(TypedDict):
    """Choose payments; what is left out does not matter. `cursor` is the `next_cursor` of an earlier answer."""

    user: NotRequired[str | None]
    package: NotRequired[str | None]
    gateway: NotRequired[str | None]
    captured_after: NotRequired[datetime | None]
    captured_before: NotRequired[datetime | None]
    cursor: NotRequired[str | None]


Step = Literal["daily", "monthly"]


DeliveryStatus = Literal["pending", "succeeded", "dead", "canceled"]


KeyKind = Literal["secret", "publishable"]


class RuleBody(TypedDict):
    """Score a payment when a fact compares so with a value; `one_of` takes a list."""

    id: str
    fact: Fact
    operator: Operator
    value: int | str | list[str]
    score: int
    reason: str
    currency: NotRequired[str | None]
    enabled: NotRequired[bool]


EVENTS: dict[str, type[PaymentTold] | type[GoodsTold] | type[PayoutTold] | type[DiscrepancyTold]] = {
    "payment.created": PaymentTold,
    "payment.requires_action": PaymentTold,
    "payment.attempt_failed": PaymentTold,
    "payment.authorized": PaymentTold,
    "payment.succeeded": PaymentTold,
    "payment.failed": PaymentTold,
    "payment.canceled": PaymentTold,
    "payment.expired": PaymentTold,
    "payment.in_review": PaymentTold,
    "fulfilment.delivered": GoodsTold,
    "fulfilment.revoked": GoodsTold,
    "fulfilment.failed": GoodsTold,
    "refund.created": PaymentTold,
    "refund.succeeded": PaymentTold,
    "refund.failed": PaymentTold,
    "dispute.opened": PaymentTold,
    "dispute.updated": PaymentTold,
    "dispute.won": PaymentTold,
    "dispute.lost": PaymentTold,
    "payout.paid": PayoutTold,
    "payout.failed": PayoutTold,
    "reconciliation.discrepancy": DiscrepancyTold,
}
"""What each type of event tells."""
