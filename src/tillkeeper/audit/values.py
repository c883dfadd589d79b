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

    @property
    def is_buyer(self) -> bool:
        """Tell whether an end user acts, whose own business is told by what was changed."""
        return self.id == END_USER_ID

    @property
    def is_person(self) -> bool:
        """Tell whether somebody of the merchant's acts by hand; programs do the same thousands of times a minute."""
        return self.id.startswith(PEOPLE)


END_USER_ID = "user"
PEOPLE = ("member_", "cli:")
END_USER = Actor(id=END_USER_ID, name="an end user")
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
    PAYMENT_CREATED = "payment.created"
    CAPTURE_REQUESTED = "payment.capture_requested"
    CANCEL_REQUESTED = "payment.cancel_requested"
    PAYMENT_NOTED = "payment.noted"
    FULFILMENT_RETRIED = "payment.fulfilment_retried"
    EVIDENCE_SUBMITTED = "dispute.evidence_submitted"
    DISPUTE_ACCEPTED = "dispute.accepted"
    CUSTOMER_REGISTERED = "customer.registered"
    CREDITS_SPENT = "credits.spent"
    CARD_USED = "card.used"
    COMPARISON_REQUESTED = "reconciliation.requested"
    FILE_IMPORTED = "settlement.imported"
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
    DRILL_WISHED = "drill.wished"
    COPY_ISOLATED = "copy.isolated"
    COPY_RELEASED = "copy.released"
    USER_ERASED = "user.erased"
    ENDPOINT_CREATED = "webhook_endpoint.created"
    ENDPOINT_CHANGED = "webhook_endpoint.changed"
    ENDPOINT_ROTATED = "webhook_endpoint.rotated"
    ENDPOINT_DELETED = "webhook_endpoint.deleted"
    ENDPOINT_TESTED = "webhook_endpoint.tested"
    ENDPOINT_RECOVERED = "webhook_endpoint.recovered"
    DELIVERY_RESENT = "delivery.resent"
    SECRET_ROTATED = "secret.rotated"  # noqa: S105 (the name of an action)
    RECORDS_RETAINED = "records.retained"
