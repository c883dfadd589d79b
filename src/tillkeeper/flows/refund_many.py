"""Ask for the money of many payments back, one by one, and say what came of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tillkeeper import idempotency, payments, refund_requests
from tillkeeper.audit import Action
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import name
from tillkeeper.flows.request_refund import Asked, consider, note_decision, open_request
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import failpoints, ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import DatabaseUnavailableError, TillError, problem
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
from tillkeeper.reports import refundable
from tillkeeper.reports.refundable import Selection
from tillkeeper.till import Till

NAMESPACE = UUID("01935f2c-7c00-7000-8000-000000000003")
"""What ids of bulks are derived from: sent again under its key, one that a restored copy has forgotten is the same."""
OK = 200
bulk_payments_max = 100
TOLD = ("code", "detail", "next_step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Hold for which payments all that is left is asked back: those that are named, or those that fit."""

    by: Person
    reason_code: ReasonCode
    payments: tuple[UUID, ...] = ()
    selection: Selection | None = None
    note: str | None = None


async def preview_many(till: Till, bulk: Bulk) -> dict[str, object]:
    """Say what would come of each payment, and store nothing."""
    picked, cursor = await _pick(till, bulk, ())
    found = [await _foresee(till, _asked(bulk, payment)) for payment in picked]
    return _shown(None, found, cursor)


async def refund_many(till: Till, wish: Wish, bulk: Bulk) -> Replay:
    """Ask for each payment's refund in a transaction of its own, once per key; the worker makes the refunds.

    A run that died goes on where it was when the request is repeated: what it made for a payment is found again.
    """
    begun = await _begin(till, wish)
    if isinstance(begun, Replay):
        return begun
    made = await read(till, lambda tx: refund_requests.made_by(tx, begun))
    picked, cursor = await _pick(till, bulk, made)
    found = []
    for payment in picked:
        found.append(await _ask(till, begun, _asked(bulk, payment)))
        failpoints.reach("refund_many:one")
    body = _shown(begun, found, cursor)
    async with till.db.transaction() as tx:
        await idempotency.finish(tx, wish, OK, body)
    return Replay(status=OK, body=body)


@retry_conflicts
async def _begin(till: Till, wish: Wish) -> Replay | UUID:
    async with till.db.transaction() as tx:
        claim = await idempotency.claim(tx, wish)
        if isinstance(claim, Replay):
            return claim
        bulk = claim.resource or ids.derive(NAMESPACE, wish.scope, wish.key, wish.request_sha.hex())
        await idempotency.attach(tx, wish, bulk)
        return bulk


async def _pick(till: Till, bulk: Bulk, made: Sequence[UUID]) -> tuple[list[UUID], str | None]:
    """List the payments to ask for, those first for which it was done already."""
    selection = bulk.selection
    if selection is None:
        return list(dict.fromkeys(bulk.payments)), None
    limit = bulk_payments_max - len(made)
    if limit <= 0:  # it died when all was asked for
        return list(made), await read(till, lambda tx: refundable.after(tx, selection, made))
    found, cursor = await read(till, lambda tx: refundable.find(tx, selection, limit=limit))
    return list(dict.fromkeys([*made, *found])), cursor


def _asked(bulk: Bulk, payment: UUID) -> Asked:
    return Asked(payment=payment, by=bulk.by, reason_code=bulk.reason_code, note=bulk.note)


@retry_conflicts
async def _foresee(till: Till, asked: Asked) -> dict[str, object]:
    shown: dict[str, object] = {"payment": ids.text("payment", asked.payment), "request": None}
    try:
        async with till.db.transaction() as tx:
            considered = await consider(tx, till, asked, ids.new())
    except DatabaseUnavailableError:
        raise
    except TillError as error:
        return shown | _failed(error)
    return shown | {
        "status": _outlook(considered.ruling),
        "amount": considered.weighed.refund.amount,
        "currency": considered.weighed.refund.currency,
        "decision": considered.ruling.reason,
    }


@retry_conflicts
async def _ask(till: Till, bulk: UUID, asked: Asked) -> dict[str, object]:
    shown: dict[str, object] = {"payment": ids.text("payment", asked.payment)}
    try:
        async with till.db.transaction() as tx:
            await payments.lock_one(tx, asked.payment)
            made = await refund_requests.of_bulk(tx, bulk, asked.payment)
            if made is None:
                considered = await consider(tx, till, asked, name(asked.payment, bulk.hex))
                made, _ = await open_request(tx, till, considered, leased=False, bulk=bulk)
                await note_decision(tx, till, Action.REFUND_REQUESTED, made, asked.note)
    except DatabaseUnavailableError:
        raise
    except TillError as error:
        return shown | {"request": None} | _failed(error)
    return shown | _made(made)


def _made(request: RefundRequest) -> dict[str, object]:
    return {
        "request": ids.text("refund_request", request.id),
        "status": str(request.state),
        "amount": request.amount,
        "currency": request.currency,
        "decision": request.decision,
    }


def _failed(error: TillError) -> dict[str, object]:
    told = problem(error)
    return {"status": "impossible", "error": {name: told[name] for name in TOLD}}


def _outlook(ruling: Ruling) -> str:
    match ruling:
        case Approved():
            return str(State.APPROVED)
        case NeedsApproval():
            return str(State.OPEN)
        case Refused():
            return str(State.REJECTED)


def _shown(bulk: UUID | None, found: Sequence[dict[str, object]], cursor: str | None) -> dict[str, object]:
    statuses = [str(each["status"]) for each in found]
    return {
        "object": "refund_bulk",
        "id": ids.text("refund_bulk", bulk) if bulk else None,
        "dry_run": bulk is None,
        "data": list(found),
        "counts": {status: statuses.count(status) for status in sorted(set(statuses))},
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }
