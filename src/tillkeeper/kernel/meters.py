"""What a process counts about itself: the names stand here, and whoever wants the numbers listens.

Nothing is kept here, so counting costs next to nothing where nobody listens.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Hold what is counted: how often something happened, or with bounds how long it took."""

    name: str
    says: str
    labels: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    """The values of its last label that are known beforehand, so that each of them is seen to begin at nothing."""
    bounds_ms: tuple[int, ...] = ()


Listener = Callable[[Meter, tuple[str, ...], int], None]

QUICK_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
SLOW_MS = (50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000)

requests = Meter(
    name="http_request_duration_seconds",
    says="How long requests took, by the part that answered and the class of the answer.",
    labels=("part", "code"),
    bounds_ms=QUICK_MS,
)
intent_failures = Meter(
    name="payment_intent_failures_total",
    says="Payments that a gateway did not open: declined, refused, or nobody knows (unclear).",
    labels=("gateway", "code"),
    codes=("declined", "refused", "unclear"),
)
retries = Meter(
    name="payment_retries_total", says="Calls to gateways that were not the first try.", labels=("gateway",)
)
deduplicated = Meter(
    name="payment_deduplicated_total", says="Requests that were answered from their Idempotency-Key, without effect."
)
webhooks_received = Meter(
    name="webhooks_received_total", says="Webhooks that were verified and stored, duplicates too.", labels=("gateway",)
)
webhooks_processed = Meter(
    name="webhooks_processed_total",
    says="What became of webhooks that were looked at; received means that it is tried again.",
    labels=("gateway", "status"),
    codes=("processed", "ignored", "parked", "received", "quarantined", "dead"),
)
signature_failures = Meter(
    name="webhook_signature_failures_total",
    says="Webhooks whose signature did not verify.",
    labels=("gateway",),
)
rate_limited = Meter(
    name="webhook_rate_limited_total",
    says="Webhooks that were turned away because their sender proved nothing so often.",
)
gateway_requests = Meter(
    name="gateway_request_duration_seconds",
    says="How long gateways took to answer, by what was asked of them.",
    labels=("gateway", "kind"),
    bounds_ms=SLOW_MS,
)
gateway_errors = Meter(
    name="gateway_errors_total",
    says="Calls to gateways that were refused, or of which nobody knows whether they arrived (unclear).",
    labels=("gateway", "code"),
    codes=("refused", "unclear"),
)
settle_durations = Meter(
    name="settle_duration_seconds", says="How long it took to apply a batch of webhooks.", bounds_ms=QUICK_MS
)
db_failures = Meter(
    name="db_transactions_failed_total",
    says="Transactions that failed: PostgreSQL did not answer, or they collided again and again (conflict).",
    labels=("code",),
    codes=("unavailable", "conflict"),
)
redactions = Meter(name="log_redactions_total", says="Log lines in which something secret was masked.")
broker_errors = Meter(name="broker_errors_total", says="Nudges that Redis or RabbitMQ did not take.")

METERS = (
    requests,
    intent_failures,
    retries,
    deduplicated,
    webhooks_received,
    webhooks_processed,
    signature_failures,
    rate_limited,
    gateway_requests,
    gateway_errors,
    settle_durations,
    db_failures,
    redactions,
    broker_errors,
)

_listeners: list[Listener] = []


def count(meter: Meter, *labels: str, by: int = 1) -> None:
    """Count something that happened, or so many milliseconds that it took."""
    for listener in _listeners:
        listener(meter, labels, by)


def listen(listener: Listener | None) -> None:
    """Let somebody hear of all that is counted from now on, or nobody."""
    _listeners[:] = [listener] if listener else []
