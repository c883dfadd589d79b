"""Agree to a refund that somebody asked for, or turn it down."""

from uuid import UUID

from tillkeeper import idempotency, payments, refund_requests
from tillkeeper.audit import Action
from tillkeeper.flows import operate
from tillkeeper.flows.refund import RefundWish, name, promise, second_person_limit, weigh
from tillkeeper.flows.request_refund import note_decision, remember_answer, resume
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import failpoints
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.operations import Operation
from tillkeeper.refund_requests import Person, RefundRequest
from tillkeeper.reports import refund_request as report
from tillkeeper.till import Till

OK = 200
PAIR = 2


async def approve_refund(till: Till, wish: Wish, request: UUID, *, by: Person, note: str | None = None) -> Replay:
    """Agree to an open request, once per key; with the last agreement that is needed its refund is made.

    The last agreement and the promise of the refund are one transaction, so neither is ever without the other. Raises
    InvalidStateError, or what the refund itself would: then the request stays open.
    """
    begun = await _agree(till, wish, request, by, note)
    if isinstance(begun, Replay):
        return begun
    operation = begun[0]
    failpoints.reach("approve_refund:committed")
    answer = await operate.call(till, operation) if operation else None
    return await remember_answer(till, wish, request, operation, answer, status=OK)


@retry_conflicts
async def reject_refund(till: Till, wish: Wish, request: UUID, *, by: Person, reason: str) -> Replay:
    """Turn an open request down, once per key; raises InvalidStateError."""
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        found = await _locked(tx, request)
        await refund_requests.reject(tx, found, by=by, reason=reason, at=till.now())
        replay = Replay(status=OK, body=await report.show(tx, request))
        await idempotency.finish(tx, wish, replay.status, replay.body)
        await note_decision(tx, till, Action.REFUND_REJECTED, found, reason)
    return replay


@retry_conflicts
async def _agree(
    till: Till, wish: Wish, request: UUID, by: Person, note: str | None
) -> Replay | tuple[Operation | None]:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        if claim.resource:
            return (await resume(tx, claim.resource),)
        found = await _locked(tx, request)
        operation = await _grant_if_enough(tx, till, found, by, note)
        await idempotency.attach(tx, wish, request)
        await note_decision(tx, till, Action.REFUND_APPROVED, found, note)
        return (operation,)


async def _grant_if_enough(
    tx: Transaction, till: Till, request: RefundRequest, by: Person, note: str | None
) -> Operation | None:
    """Count one more who agrees; what went back meanwhile can make a second person necessary."""
    agreed = await refund_requests.agree(tx, request, by=by, note=note, at=till.now())
    weighed = await weigh(tx, till, _wanted(request), name(request.payment, request.id.hex))
    if weighed.decision and request.approvals_needed < PAIR and await second_person_limit(tx, weighed) is not None:
        request = await refund_requests.need(tx, request, people=PAIR)
    if agreed < request.approvals_needed:
        return None
    await refund_requests.approve(tx, request, refund=weighed.refund.id, by=by, at=till.now())
    return await promise(tx, till, weighed, leased=True)


def _wanted(request: RefundRequest) -> RefundWish:
    return RefundWish(
        payment=request.payment,
        amount=request.amount,
        reason=request.note or request.reason_code,
        of_used_goods=request.override_reason is not None,
    )


async def _locked(tx: Transaction, request: UUID) -> RefundRequest:
    """Lock a request after its payment, as everywhere; raises NotFoundError."""
    found = await refund_requests.get(tx, request)
    if found is None:
        message = "No refund request has this id."
        raise NotFoundError(message)
    await payments.lock_one(tx, found.payment)
    locked = await refund_requests.lock(tx, request)
    assert locked, "requests are never removed"
    return locked
