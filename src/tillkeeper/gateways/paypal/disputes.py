"""Disputes at PayPal: notes for us while it waits for the seller, or the claim is accepted."""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from tillkeeper.gateway import Accepted, Evidence, Outcome
from tillkeeper.gateways.paypal import calls, webhook
from tillkeeper.gateways.paypal.calls import Object
from tillkeeper.gateways.paypal.webhook import Around

DISPUTES = "/v1/customer/disputes"
notes_length_max = 2000
notes_max = 20
ACCEPTING = {"note": "We accept this claim.", "accept_claim_type": "REFUND"}


class Disputes:
    """Answer disputes; PayPal answers with links only, so it is asked afterwards what came of it."""

    def __init__(self, wire: calls.Wire, around: Around) -> None:
        self._wire = wire
        self._around = around

    async def submit(self, reference: str, evidence: Evidence) -> Outcome:
        """Hand in notes, as many as the texts need."""
        notes = [{"evidence_type": "OTHER", "notes": text} for text in _notes(evidence)][:notes_max]
        written = msgspec.json.encode({"evidences": notes})
        form = {"input": ("input.json", written, "application/json")}
        return await self._then_ask(
            reference, await self._wire.tell("POST", _path(reference, "provide-evidence"), _done, form=form)
        )

    async def accept(self, reference: str) -> Outcome:
        """Accept a claim, which refunds the buyer."""
        path = _path(reference, "accept-claim")
        return await self._then_ask(reference, await self._wire.tell("POST", path, _done, body=ACCEPTING))

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await self._wire.tell("GET", _path(reference), self._dispute)

    async def _then_ask(self, reference: str, outcome: Outcome) -> Outcome:
        """Ask what came of an answer that PayPal took; when it does not say, a webhook will."""
        if not isinstance(outcome, Accepted):
            return outcome
        asked = await self.retrieve(reference)
        return asked if isinstance(asked, Accepted) else outcome

    def _dispute(self, dispute: Object) -> Accepted:
        notices = tuple(webhook.of_dispute(dispute, self._around))
        return Accepted(references=(str(dispute["dispute_id"]),), notices=notices)


def _notes(evidence: Evidence) -> Iterator[str]:
    """Cut sections into notes that PayPal takes."""
    for heading, text in evidence.sections:
        told = f"{heading}: {text}"
        for start in range(0, len(told), notes_length_max):
            yield told[start : start + notes_length_max]


def _done(answer: Object) -> Accepted:
    """Read an answer that says no more than where to look."""
    if not isinstance(answer["links"], list):
        raise TypeError
    return Accepted()


def _path(reference: str, *verb: str) -> str:
    return "/".join((DISPUTES, quote(reference, safe=""), *verb))
