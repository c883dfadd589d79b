"""Disputes at Square: short texts, each of a kind, handed to the bank together; or the dispute is accepted."""

from collections.abc import Iterator

from tillkeeper.gateway import Accepted, Evidence, Outcome
from tillkeeper.gateways.square import webhook
from tillkeeper.gateways.square.calls import Wire, segment
from tillkeeper.gateways.square.webhook import Object

text_length_max = 500
texts_max = 20


class Disputes:
    """Answer disputes."""

    def __init__(self, wire: Wire, *, live: bool) -> None:
        self._wire = wire
        self._live = live

    async def submit(self, reference: str, evidence: Evidence, key: str) -> Outcome:
        """Add each text under a key of its own, then hand them to the bank; what was added before stays added."""
        for number, (kind, text) in enumerate([*_texts(evidence)][:texts_max]):
            body = {"idempotency_key": f"{key}-{number}", "evidence_type": kind, "evidence_text": text}
            outcome = await self._wire.tell(_added, "POST", _path(reference, "evidence-text"), body)
            if not isinstance(outcome, Accepted):
                return outcome
        return await self._wire.tell(self._dispute, "POST", _path(reference, "submit-evidence"), {})

    async def accept(self, reference: str) -> Outcome:
        """Accept a dispute, which loses it."""
        return await self._wire.tell(self._dispute, "POST", _path(reference, "accept"), {})

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await self._wire.tell(self._dispute, "GET", _path(reference))

    def _dispute(self, answer: Object) -> Accepted:
        dispute = answer["dispute"]
        return Accepted(references=(str(dispute["id"]),), notices=tuple(webhook.of_dispute(dispute, live=self._live)))


def _texts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Cut evidence into texts of the kinds that Square knows, the most telling first."""
    kinds = {
        "REBUTTAL_EXPLANATION": evidence.statement,
        "PROOF_OF_DELIVERY_DOCUMENTATION": evidence.delivery,
        "ONLINE_OR_APP_ACCESS_LOG": evidence.usage,
        "RECEIPT": evidence.receipt,
        "PRODUCT_OR_SERVICE_DESCRIPTION": evidence.product,
        "CARDHOLDER_INFORMATION": evidence.customer,
        "CANCELLATION_OR_REFUND_DOCUMENTATION": evidence.refund_policy,
        "GENERIC_EVIDENCE": evidence.refunds,
    }
    for kind, text in kinds.items():
        for start in range(0, len(text or ""), text_length_max):
            yield kind, (text or "")[start : start + text_length_max]


def _added(answer: Object) -> Accepted:
    return Accepted(references=(str(answer["evidence"]["id"]),))


def _path(reference: str, *verb: str) -> str:
    return "/".join(("disputes", segment(reference), *verb))
