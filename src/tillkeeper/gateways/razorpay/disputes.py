"""Disputes at Razorpay: a summary and a letter for us, or the dispute is accepted."""

from collections.abc import Callable, Sequence

from tillkeeper.facts import Notice
from tillkeeper.gateway import Accepted, Evidence, Outcome
from tillkeeper.gateways.razorpay import calls, entities, letters
from tillkeeper.gateways.razorpay.entities import Object

summary_length_max = 1000
Mark = Callable[[Sequence[Notice]], tuple[Notice, ...]]


class Disputes:
    """Answer disputes."""

    def __init__(self, wire: calls.Wire, mark: Mark) -> None:
        self._wire = wire
        self._mark = mark

    async def submit(self, reference: str, evidence: Evidence) -> Outcome:
        """Hand in a letter, because Razorpay takes no contest without a document, and the beginning of it as summary.

        A letter that was uploaded and belongs to no contest harms nobody, so it may be uploaded again.
        """
        uploaded = await self._wire.tell(
            "POST",
            "documents",
            {"purpose": "dispute_evidence"},
            read=_document,
            letter=letters.write(evidence.sections),
        )
        if not isinstance(uploaded, Accepted):
            return uploaded
        summary = "\n".join(text for _, text in evidence.sections)[:summary_length_max]
        body = {"summary": summary, "explanation_letter": [*uploaded.references], "action": "submit"}
        return await self._wire.tell("PATCH", _path(reference, "contest"), body, read=self._dispute)

    async def accept(self, reference: str) -> Outcome:
        """Accept a dispute, which loses it."""
        return await self._wire.tell("POST", _path(reference, "accept"), {}, read=self._dispute)

    async def retrieve(self, reference: str) -> Outcome:
        """Ask what has become of a dispute."""
        return await self._wire.tell("GET", _path(reference), read=self._dispute)

    def _dispute(self, dispute: Object) -> Accepted:
        found = entities.of_dispute(dispute, None, opened=False, at=None)
        return Accepted(references=(str(dispute["id"]),), notices=self._mark(found))


def _document(document: Object) -> Accepted:
    """Read what a document is called from now on."""
    name = document["id"]
    if not isinstance(name, str):
        raise TypeError
    return Accepted(references=(name,))


def _path(reference: str, *verb: str) -> str:
    return "/".join(("disputes", calls.segment(reference), *verb))
