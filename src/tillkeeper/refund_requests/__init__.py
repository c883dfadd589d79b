"""Wishes for money back: measured by a policy, agreed to by people, and kept with all that was said."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.refund_requests import store
from tillkeeper.refund_requests.rules import decide, loosens, needs_second_person
from tillkeeper.refund_requests.values import (
    POLICY,
    Approved,
    Facts,
    NeedsApproval,
    Person,
    Policy,
    ReasonCode,
    RefundRequest,
    Refused,
    Ruling,
    State,
    Step,
    StepKind,
)

__all__ = [
    "Approved",
    "Facts",
    "NeedsApproval",
    "Person",
    "Policy",
    "ReasonCode",
    "RefundRequest",
    "Refused",
    "Ruling",
    "State",
    "agree",
    "approve",
    "decide",
    "erase",
    "get",
    "lock",
    "loosens",
    "made_by",
    "need",
    "needs_second_person",
    "of_bulk",
    "of_payments",
    "of_refunds",
    "policy",
    "reject",
    "remember",
    "set_policy",
]


async def policy(tx: Transaction, *, at: datetime | None = None) -> Policy:
    """Read the policy that is in force, or was at some moment."""
    return await store.policy(tx, at)


async def set_policy(tx: Transaction, terms: Policy, *, by: Person, note: str | None, at: datetime) -> int:
    """Put another policy in force, and keep the ones before it; return its version.

    One that lets a person give back more alone is only proposed; it is in force once somebody else sets the same.
    """
    await store.lock_policies(tx)
    if not loosens(await store.policy(tx, None), terms):
        return await store.insert_policy(tx, terms, by, note, at)
    open_ = await store.proposal(tx)
    if open_ is None or replace(open_.terms, version=0) != replace(terms, version=0):
        return await store.insert_policy(tx, terms, by, note, at, proposed=True)
    if open_.by.id == by.id:
        return open_.terms.version
    return await store.insert_policy(tx, terms, open_.by, note, at, agreed_by=by)


async def remember(tx: Transaction, request: RefundRequest) -> None:
    """Keep a request with what the policy made of it."""
    await store.insert(tx, request)
    asked = Step(
        request=request.id,
        kind=StepKind.REQUESTED,
        by=request.requested_by,
        at=request.created_at,
        note=request.note,
    )
    steps = [asked]
    if request.state is not State.OPEN:
        kind = StepKind(request.state)
        steps.append(Step(request=request.id, kind=kind, by=POLICY, at=request.created_at, note=request.decision))
    await store.insert_steps(tx, steps)


async def get(tx: Transaction, request: UUID) -> RefundRequest | None:
    """Read a request."""
    return await store.get(tx, request)


async def lock(tx: Transaction, request: UUID) -> RefundRequest | None:
    """Lock a request; its payment must be locked before."""
    return await store.lock(tx, request)


async def of_bulk(tx: Transaction, bulk: UUID, payment: UUID) -> RefundRequest | None:
    """Read what one bulk made for one payment."""
    return await store.of_bulk(tx, bulk, payment)


async def made_by(tx: Transaction, bulk: UUID) -> list[UUID]:
    """List the payments for which a bulk has made a request already."""
    return await store.made_by(tx, bulk)


async def of_refunds(tx: Transaction, refunds: Sequence[UUID]) -> list[UUID]:
    """List the requests that were granted with these refunds."""
    return await store.of_refunds(tx, refunds)


async def agree(tx: Transaction, request: RefundRequest, *, by: Person, note: str | None, at: datetime) -> int:
    """Note that somebody agrees with a locked request; return how many do by now. Raises InvalidStateError."""
    _check_open(request)
    before = await store.approvers(tx, request.id)
    if by.id in before:
        message = f"“{by.name}” has agreed already; somebody else must, too."
        raise InvalidStateError(message)
    await store.insert_steps(tx, [Step(request=request.id, kind=StepKind.APPROVAL, by=by, at=at, note=note)])
    return len(before) + 1


async def need(tx: Transaction, request: RefundRequest, *, people: int) -> RefundRequest:
    """Ask for more people to agree with a locked request than before."""
    wider = replace(request, approvals_needed=people)
    await store.update(tx, wider)
    return wider


async def approve(tx: Transaction, request: RefundRequest, *, refund: UUID, by: Person, at: datetime) -> None:
    """Write down with which refund a locked request was granted."""
    _check_open(request)
    decision = f"Approved by {by.name}."
    granted = replace(request, state=State.APPROVED, refund=refund, decision=decision, decided_at=at)
    await store.update(tx, granted)
    await store.insert_steps(tx, [Step(request=request.id, kind=StepKind.APPROVED, by=by, at=at)])


async def reject(tx: Transaction, request: RefundRequest, *, by: Person, reason: str, at: datetime) -> None:
    """Write down that a locked request is turned down, and why; raises InvalidStateError."""
    _check_open(request)
    await store.update(tx, replace(request, state=State.REJECTED, decision=reason, decided_at=at))
    await store.insert_steps(tx, [Step(request=request.id, kind=StepKind.REJECTED, by=by, at=at, note=reason)])


def _check_open(request: RefundRequest) -> None:
    if request.state is not State.OPEN:
        message = f"The request is {request.state} already."
        raise InvalidStateError(message)


async def of_payments(tx: Transaction, payments: Sequence[UUID]) -> tuple[list[UUID], list[UUID]]:
    """List the requests for the money of these payments, and those of them that nobody has decided."""
    return await store.of_payments(tx, payments)


async def erase(tx: Transaction, requests: Sequence[UUID], *, name: str, left: str) -> None:
    """Forget what was said in requests, and who of the buyers said it; what was decided stays."""
    await store.erase(tx, requests, name=name, left=left)
