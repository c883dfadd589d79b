"""Ask for money back: the policy decides at once, or says how many people must agree."""

from dataclasses import dataclass
from uuid import UUID

from tillkeeper import audit, idempotency, refund_requests
from tillkeeper.audit import Action
from tillkeeper.flows import operate
from tillkeeper.flows.checkout import CREATED, take_over
from tillkeeper.flows.refund import RefundWish, Weighed, name, promise, weigh
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.operations import Operation
from tillkeeper.refund_requests import (
    Approved,
    NeedsApproval,
    Person,
    ReasonCode,
    RefundRequest,
    Refused,
    Ruling,
    State,
)
from tillkeeper.reports import refund_request as report
from tillkeeper.till import Till

MADE_BEFORE = "It was made before: the gateway knows it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold what somebody asks for: all that is left when no amount is named.

    `override_reason` says why the policy and the use of the goods shall not count.
    """

    payment: UUID
    by: Person
    reason_code: ReasonCode
    amount: int | None = None
    note: str | None = None
    evidence: tuple[str, ...] = ()
    override_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """Hold a wish, what money and goods say to it, and what the policy of that version says."""

    asked: Asked
    weighed: Weighed
    ruling: Ruling
    policy_version: int


async def request_refund(till: Till, wish: Wish, asked: Asked) -> Replay:
    """Ask for a refund, once per key; one that nobody needs to agree to is made at once.

    Raises what a refund itself would, and then nothing is stored. What only the policy forbids is kept as rejected.
    """
    begun = await _begin(till, wish, asked)
    if isinstance(begun, Replay):
        return begun
    request, operation = begun
    answer = await operate.call(till, operation) if operation else None
    return await remember_answer(till, wish, request, operation, answer, status=CREATED)


async def consider(tx: Transaction, till: Till, asked: Asked, refund: UUID) -> Considered:
    """Lock a payment, and measure a wish for its money by money, goods and policy; `refund` is the id of what is made.

    What was made before needs nobody's consent any more.
    """
    policy = await refund_requests.policy(tx)
    override = asked.override_reason is not None
    weighed = await weigh(
        tx,
        till,
        RefundWish(
            payment=asked.payment, amount=asked.amount, reason=asked.note or asked.reason_code, of_used_goods=override
        ),
        refund,
    )
    if weighed.decision is None:
        return Considered(
            asked=asked, weighed=weighed, ruling=Approved(reason=MADE_BEFORE), policy_version=policy.version
        )
    ruling = refund_requests.decide(
        policy,
        weighed.facts,
        weighed.refund.amount,
        override=override,
        now=till.now(),
        by_buyer=asked.by.is_buyer,
    )
    return Considered(asked=asked, weighed=weighed, ruling=ruling, policy_version=policy.version)


async def open_request(
    tx: Transaction, till: Till, considered: Considered, *, leased: bool, bulk: UUID | None = None
) -> tuple[RefundRequest, Operation | None]:
    """Keep a wish with its ruling; when nobody needs to agree, the refund is promised in the same breath."""
    request = _written(considered, till, bulk)
    await refund_requests.remember(tx, request)
    if request.state is not State.APPROVED:
        return request, None
    return request, await promise(tx, till, considered.weighed, leased=leased)


@retry_conflicts
async def remember_answer(
    till: Till,
    wish: Wish,
    request: UUID,
    operation: Operation | None,
    answer: operate.Answer | None,
    *,
    status: int,
) -> Replay:
    """Write down what the gateway said to the refund of a request, and the answer for this key."""
    async with till.db.transaction() as tx:
        if operation and answer and not await operate.record(tx, till, operation, answer):
            raise InProgressError
        replay = Replay(status=status, body=await report.show(tx, request))
        await idempotency.finish(tx, wish, replay.status, replay.body)
    return replay


async def note_decision(tx: Transaction, till: Till, action: Action, request: RefundRequest, why: str | None) -> None:
    """Write down in the audit log what somebody said to a wish for money back."""
    told = {"payment": ids.text("payment", request.payment), "amount": request.amount, "currency": request.currency}
    subject = ids.text("refund_request", request.id)
    await audit.record(tx, till.by, action, subject, after=told, reason=why, at=till.now())


async def resume(tx: Transaction, request: UUID) -> Operation | None:
    """Lease the call of a request whose caller has died, if it came to one and nobody has finished it."""
    found = await refund_requests.get(tx, request)
    assert found, "the key names a request"
    return await take_over(tx, found.refund) if found.refund else None


@retry_conflicts
async def _begin(till: Till, wish: Wish, asked: Asked) -> Replay | tuple[UUID, Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return claim.resource, await resume(tx, claim.resource)
        refund = name(asked.payment, wish.scope, wish.key, wish.request_sha.hex())
        request, operation = await open_request(tx, till, await consider(tx, till, asked, refund), leased=True)
        await idempotency.attach(tx, wish, request.id)
        await note_decision(tx, till, Action.REFUND_REQUESTED, request, asked.override_reason or asked.note)
        return request.id, operation


def _written(considered: Considered, till: Till, bulk: UUID | None) -> RefundRequest:
    asked, refund, now = considered.asked, considered.weighed.refund, till.now()
    state, people = _state(considered.ruling)
    return RefundRequest(
        id=ids.new(),
        payment=asked.payment,
        amount=refund.amount,
        currency=refund.currency,
        reason_code=asked.reason_code,
        note=asked.note,
        evidence=asked.evidence,
        override_reason=asked.override_reason,
        state=state,
        approvals_needed=people,
        policy_version=considered.policy_version,
        decision=considered.ruling.reason,
        requested_by=asked.by,
        created_at=now,
        refund=refund.id if state is State.APPROVED else None,
        bulk=bulk,
        decided_at=None if state is State.OPEN else now,
    )


def _state(ruling: Ruling) -> tuple[State, int]:
    match ruling:
        case Approved():
            return State.APPROVED, 0
        case NeedsApproval(people=people):
            return State.OPEN, people
        case Refused():
            return State.REJECTED, 0
