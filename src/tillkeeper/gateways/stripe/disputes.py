"""Disputes at Stripe: evidence is handed in once, and a dispute that is closed is lost."""

from typing import Any, cast

import stripe

from tillkeeper.gateway import Accepted, Evidence, Outcome
from tillkeeper.gateways.stripe import calls, webhook

text_length_max = 20_000


class Disputes:
    """Answer disputes."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._disputes = client.v1.disputes

    async def submit(self, reference: str, evidence: Evidence, key: str) -> Outcome:
        """Hand in evidence; Stripe passes it on to the bank at once."""
        params = {"evidence": _written(evidence), "submit": True}
        call = self._disputes.update_async
        return await calls.tell(lambda: call(reference, cast(Any, params), {"idempotency_key": key}), _dispute)

    async def accept(self, reference: str, key: str) -> Outcome:
        """Close a dispute, which loses it."""
        call = self._disputes.close_async
        return await calls.tell(lambda: call(reference, {}, {"idempotency_key": key}), _dispute)

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await calls.tell(lambda: self._disputes.retrieve_async(reference), _dispute)


def _dispute(dispute: webhook.Object) -> Accepted:
    return Accepted(references=(str(dispute["id"]),), notices=tuple(webhook.of_dispute(dispute, {})))


def _written(evidence: Evidence) -> dict[str, str]:
    """Put evidence into Stripe's fields; what has no field of its own goes where free text belongs."""
    access = [text for text in (evidence.delivery, evidence.usage) if text]
    free = [text for text in (evidence.statement, evidence.receipt) if text]
    fields = {
        "product_description": evidence.product,
        "access_activity_log": "\n\n".join(access),
        "service_date": evidence.delivered_on,
        "customer_name": evidence.customer_name,
        "customer_email_address": evidence.customer_email,
        "customer_purchase_ip": evidence.customer_ip,
        "refund_policy_disclosure": evidence.refund_policy,
        "refund_refusal_explanation": evidence.refunds,
        "uncategorized_text": "\n\n".join(free),
    }
    return {name: text[:text_length_max] for name, text in fields.items() if text}
