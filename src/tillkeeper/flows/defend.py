"""Tell a gateway what we answer to a dispute, or find out that it knows already."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import msgspec

from tillkeeper import responses
from tillkeeper.facts import DisputeStatus
from tillkeeper.flows.resolve import resolve
from tillkeeper.gateway import Absent, Accepted, Evidence, Gateway, Outcome, Refused, Unknown
from tillkeeper.operations import Kind, Operation
from tillkeeper.responses import Response
from tillkeeper.till import Till

OVER = frozenset({DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.PREVENTED})
HEARD: Mapping[Kind, frozenset[DisputeStatus]] = {
    Kind.EVIDENCE: OVER | {DisputeStatus.UNDER_REVIEW},
    Kind.ACCEPT: OVER,
}
"""The stages of a dispute that show that the gateway has heard our answer, or needs none any more."""


async def defend(till: Till, gateway: Gateway, operation: Operation) -> Outcome:
    """Hand in evidence or give a dispute up; told again only when the gateway has not heard it.

    A gateway hears either once by its nature: a dispute that was answered takes no other answer, so its key may be old.
    """
    assert operation.response, "an answer was written down"
    assert operation.reference, "it is about a dispute"
    async with till.db.transaction() as tx:
        response = await responses.get(tx, operation.response)
    assert response, "it was written down with the call"
    ask, tell = partial(_look, gateway, operation), partial(_tell, till, gateway, operation, response)
    outcome = await resolve(operation, ask=ask, tell=tell, key_forgotten=False)
    if not isinstance(outcome, Accepted):
        return outcome
    # The answer was about a dispute of this payment, so what the gateway says is.
    return replace(outcome, notices=tuple(replace(notice, payment=operation.payment) for notice in outcome.notices))


def sealed(till: Till, evidence: Evidence) -> bytes:
    """Seal evidence: it says who bought what, and from where."""
    return till.box.seal(msgspec.json.encode(evidence))


async def _look(gateway: Gateway, operation: Operation) -> Outcome | Absent:
    """Ask whether a dispute was answered already."""
    assert operation.reference, "it is about a dispute"
    outcome = await gateway.retrieve_dispute(operation.reference)
    if isinstance(outcome, Unknown | Refused):
        return outcome
    told = outcome.notices if isinstance(outcome, Accepted) else ()
    heard = any(notice.dispute and notice.dispute.status in HEARD[operation.kind] for notice in told)
    return outcome if heard else Absent()


async def _tell(till: Till, gateway: Gateway, operation: Operation, response: Response) -> Outcome:
    assert operation.reference, "it is about a dispute"
    if response.body is None:
        return await gateway.accept_dispute(operation.reference, operation.key)
    evidence = msgspec.json.decode(till.box.open(response.body), type=Evidence)
    return await gateway.submit_evidence(operation.reference, evidence, operation.key)
