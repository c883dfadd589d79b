"""Answer a dispute: with what our records and the merchant have to say, or by giving it up."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from tillkeeper import audit, idempotency, operations, payments, refund_requests, responses
from tillkeeper.audit import Action
from tillkeeper.facts import DisputeStatus
from tillkeeper.flows import operate
from tillkeeper.flows.defend import sealed
from tillkeeper.flows.read import read
from tillkeeper.gateway import Declined, Evidence, Feature
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import ids, money
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError, problem
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Dispute, RefundNotAllowedError
from tillkeeper.reports import delivery
from tillkeeper.reports import dispute as report
from tillkeeper.responses import Response, ResponseKind, Words
from tillkeeper.till import Till

OK = 200
ACCEPTED = 202
WAITING = (DisputeStatus.WARNING, DisputeStatus.NEEDS_RESPONSE)
"""The stages in which a gateway waits for us."""
KINDS = {ResponseKind.EVIDENCE: Kind.EVIDENCE, ResponseKind.ACCEPT: Kind.ACCEPT}
FEATURES = {ResponseKind.EVIDENCE: Feature.DISPUTE_EVIDENCE, ResponseKind.ACCEPT: Feature.DISPUTE_ACCEPT}


class AcceptanceNeedsTwoError(RefundNotAllowedError):
    """Report a dispute that is too large to be given up by somebody alone."""

    next_step = "Let two people accept it, each with a key of their own that has the scope `admin`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Hold which dispute somebody answers, how, and with which words; without words it is given up."""

    dispute: UUID
    by_id: str
    by_name: str
    by_admin: bool = False
    words: Words | None = None

    @property
    def kind(self) -> ResponseKind:
        """Tell which kind of answer this is."""
        return ResponseKind.ACCEPT if self.words is None else ResponseKind.EVIDENCE


async def respond(till: Till, wish: Wish, answering: Answering) -> Replay:
    """Answer a dispute, once per key; raises InvalidStateError when nobody waits for an answer.

    The gateway decides about its last day: an answer that comes too late is refused by it, and that is said.
    """
    begun = await _begin(till, wish, answering)
    if isinstance(begun, Replay):
        return begun
    response, operation = begun
    answer = await operate.call(till, operation) if operation else None
    return await _remember_answer(till, wish, answering, response, operation, answer)


async def draft(till: Till, dispute: UUID) -> Evidence:
    """Show what would be handed in if nobody adds a word; raises NotFoundError."""

    async def write(tx: Transaction) -> Evidence:
        return await _assembled(tx, await _payment_of(tx, dispute), Words())

    return await read(till, write)


@retry_conflicts
async def _begin(till: Till, wish: Wish, answering: Answering) -> Replay | tuple[UUID, Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return claim.resource, await _take_over(tx, answering.dispute, claim.resource)
        found = await _locked(tx, answering.dispute)
        _check(till, found, answering.kind)
        response, operation = await _written(tx, till, found, answering)
        if answering.words is None and await _waits_for_another(tx, found, answering):
            replay = await _kept(tx, wish, response)
            await _note(tx, till, answering)
            return replay
        await responses.remember(tx, response)
        if await operations.ask(tx, [operation]):
            message = "An answer to this dispute is on its way already."
            raise InvalidStateError(message)
        await idempotency.attach(tx, wish, response.id)
        await _note(tx, till, answering)
        return response.id, operation


async def _note(tx: Transaction, till: Till, answering: Answering) -> None:
    """Write down who answered, and not what: the answer itself is kept with the dispute."""
    action = Action.DISPUTE_ACCEPTED if answering.kind is ResponseKind.ACCEPT else Action.EVIDENCE_SUBMITTED
    await audit.record(tx, till.by, action, ids.text("dispute", answering.dispute), at=till.now())


async def _waits_for_another(tx: Transaction, dispute: Dispute, answering: Answering) -> bool:
    """Tell whether giving this much up takes another person than who has said so; raises AcceptanceNeedsTwo.

    The customer keeps the money as with a refund, so the limit of the refund policy counts.
    """
    payment = await payments.lock_one(tx, dispute.payment)
    assert payment, "a dispute has a payment"
    gone = payment.refunded + payment.refunding + payment.lost if payment.currency == dispute.currency else 0
    limit = refund_requests.needs_second_person(
        await refund_requests.policy(tx), currency=dispute.currency, total=gone + dispute.amount
    )
    if limit is None:
        return False
    if not answering.by_admin:
        message = f"Above {money.show(limit, dispute.currency)} two people must agree, each with the scope admin."
        raise AcceptanceNeedsTwoError(message)
    return not await responses.agreed_by_another(tx, dispute.id, answering.by_id)


async def _kept(tx: Transaction, wish: Wish, response: Response) -> Replay:
    """Keep the word of the first of two people; nothing is told before the second has spoken."""
    await responses.remember(tx, response)
    replay = Replay(status=ACCEPTED, body=await report.show(tx, response.dispute))
    await idempotency.attach(tx, wish, response.id)
    await idempotency.finish(tx, wish, replay.status, replay.body)
    return replay


def _check(till: Till, dispute: Dispute, kind: ResponseKind) -> None:
    """Refuse what the stage or the gateway does not allow."""
    if dispute.status not in WAITING:
        message = f"The dispute is {dispute.status}; it can be answered while {' or '.join(WAITING)}."
        raise InvalidStateError(message)
    gateway = till.gateway(dispute.gateway)
    if FEATURES[kind] not in gateway.features:
        message = f"{gateway.title} cannot be told this from here; answer the dispute in its dashboard."
        raise InvalidStateError(message)


async def _written(tx: Transaction, till: Till, dispute: Dispute, answering: Answering) -> tuple[Response, Operation]:
    """Write down an answer and the call that tells it."""
    made, now = ids.new(), till.now()
    words = answering.words
    response = Response(
        id=made,
        dispute=dispute.id,
        payment=dispute.payment,
        kind=answering.kind,
        by_id=answering.by_id,
        by_name=answering.by_name,
        at=now,
        body=sealed(till, await _assembled(tx, dispute.payment, words)) if words else None,
    )
    operation = Operation(
        id=ids.new(),
        kind=KINDS[answering.kind],
        payment=dispute.payment,
        response=made,
        gateway=dispute.gateway,
        key=ids.text("response", made),
        reference=dispute.reference,
        token=ids.new(),
        created_at=now,
    )
    return response, operation


async def _assembled(tx: Transaction, payment: UUID, words: Words) -> Evidence:
    sold_at = await report.sold_at(tx, payment)
    window_hours = (await refund_requests.policy(tx, at=sold_at)).window_hours if sold_at else None
    return responses.assemble(await delivery.read(tx, payment, window_hours=window_hours), words)


async def _take_over(tx: Transaction, dispute: UUID, response: UUID) -> Operation | None:
    """Finish what a request that died had begun; raises InProgressError while somebody else is at it."""
    operation = await operations.take_over_answering(tx, response)
    if operation is None and (await report.response(tx, dispute, response))["status"] == "pending":
        raise InProgressError
    return operation


async def _payment_of(tx: Transaction, dispute: UUID) -> UUID:
    payment = await report.payment_of(tx, dispute)
    if payment is None:
        message = "No dispute has this id."
        raise NotFoundError(message)
    return payment


async def _locked(tx: Transaction, dispute: UUID) -> Dispute:
    """Lock a dispute after its payment, as everywhere; raises NotFoundError."""
    payment = await _payment_of(tx, dispute)
    await payments.lock_one(tx, payment)
    return next(each for each in await payments.lock_disputes(tx, payment) if each.id == dispute)


@retry_conflicts
async def _remember_answer(
    till: Till,
    wish: Wish,
    answering: Answering,
    response: UUID,
    operation: Operation | None,
    answer: operate.Answer | None,
) -> Replay:
    async with till.db.transaction() as tx:
        if operation and answer and not await operate.record(tx, till, operation, answer):
            raise InProgressError
        said = await report.response(tx, answering.dispute, response)
        replay = _replay(await report.show(tx, answering.dispute), said, answer, till.by.request)
        await idempotency.finish(tx, wish, replay.status, replay.body)
    return replay


def _replay(
    shown: dict[str, object], said: Mapping[str, object], answer: operate.Answer | None, request: str | None
) -> Replay:
    if said["status"] != "declined":
        return Replay(status=ACCEPTED if said["status"] == "pending" else OK, body=shown)
    outcome = answer.outcome if answer else None
    why = outcome.message if isinstance(outcome, Declined) else str(said["error"])
    lost = InvalidStateError(f"The gateway refused the answer: {why}")
    about = {"dispute": shown["id"], "request_id": request}
    return Replay(status=InvalidStateError.status, body=problem(lost) | about)
