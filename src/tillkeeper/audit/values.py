"""Who changed what, as plain values."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Hold who makes changes: `id` tells actors apart, `name` is what people know them by, `request` where it came in.

    An end user has no name here, because entries are kept for years: what was changed tells whose it is.
    """

    id: str
    name: str
    request: str | None = None


SYSTEM = Actor(id="till", name="Tillkeeper itself")
"""Who acts when no person and no key does: the worker, and the demo that sets itself up."""


class Action(StrEnum):
    """Name what is written down when somebody does it."""

    SIGNED_IN = "member.signed_in"
    SIGN_IN_FAILED = "member.sign_in_failed"
    SIGNED_OUT = "member.signed_out"
    PROVED_AGAIN = "member.proved_again"
    PASSWORD_CHANGED = "member.password_changed"  # noqa: S105 (the name of an action)
    MEMBER_CREATED = "member.created"
    MEMBER_ROLE_SET = "member.role_set"
    MEMBER_PASSWORD_RESET = "member.password_reset"  # noqa: S105 (the name of an action)
    MEMBER_SECOND_FACTOR_SET = "member.second_factor_set"
    MEMBER_DISABLED = "member.disabled"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    PACKAGE_OFFERED = "package.offered"
    GATEWAY_STEERED = "gateway.steered"
    REFUND_CREATED = "refund.created"
    REFUND_ABANDONED = "refund.abandoned"
    REFUND_REQUESTED = "refund_request.created"
    REFUND_APPROVED = "refund_request.approved"
    REFUND_REJECTED = "refund_request.rejected"
    REFUND_POLICY_SET = "refund_policy.set"
    DISCREPANCY_CLOSED = "discrepancy.closed"
    WEBHOOK_REPLAYED = "webhook.replayed"
    WEBHOOKS_REPLAYED = "webhooks.replayed"
    WEBHOOK_IGNORED = "webhook.ignored"
    CREDITS_GRANTED = "credits.granted"
    CREDITS_TAKEN = "credits.taken"
    DEBT_FORGIVEN = "debt.forgiven"
    RISK_RULES_SET = "risk.rules_set"
    RISK_LISTED = "risk.listed"
    RISK_UNLISTED = "risk.unlisted"
    REVIEW_APPROVED = "review.approved"
    REVIEW_REJECTED = "review.rejected"
    MAINTENANCE_SET = "maintenance.set"
    ENDPOINT_CREATED = "webhook_endpoint.created"
    ENDPOINT_CHANGED = "webhook_endpoint.changed"
    ENDPOINT_ROTATED = "webhook_endpoint.rotated"
    ENDPOINT_DELETED = "webhook_endpoint.deleted"
    ENDPOINT_RECOVERED = "webhook_endpoint.recovered"
    DELIVERY_RESENT = "delivery.resent"
