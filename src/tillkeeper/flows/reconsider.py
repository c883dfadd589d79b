"""Judge payments again that are open already, and end those of whoever would be turned away by now."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from tillkeeper import operations, payments, risk
from tillkeeper.facts import Change, Step
from tillkeeper.flows.assess import limits_of
from tillkeeper.flows.instruct import GOING_ON
from tillkeeper.kernel import db, ids, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Payment, Status
from tillkeeper.risk import Assessment, Decision
from tillkeeper.till import Till

FAILED_TRY = "payment.attempt_failed"
HELD_NOW = ("payment.authorized", "payment.in_review")
PAYABLE = (Status.REQUIRES_ACTION, Status.PROCESSING)
HELD = (Status.REQUIRES_CAPTURE, Status.IN_REVIEW)


async def reconsider(
    tx: Transaction, till: Till, changes: Sequence[Change], calls: Sequence[Operation]
) -> list[Operation]:
    """Go on with no payment of somebody who would be turned away by now: end it instead.

    After a failed try everything is looked at that the same buyer has open. Money that was captured stays captured.
    """
    failed = {change.payment for change in changes if change.event == FAILED_TRY}
    going_on = {
        change.payment
        for change in changes
        if change.step in (Step.APPROVED, Step.AUTHORIZED) or change.event in HELD_NOW
    }
    ended = await _turn_away(tx, till, failed | going_on, held=going_on)
    struck = failed & {call.payment for call in ended}
    if struck:
        alike = await risk.alike(tx, struck, till.now()) - failed - going_on
        ended += await _turn_away(tx, till, alike)
    over = {call.payment for call in ended}
    return [call for call in calls if call.kind not in GOING_ON or call.payment not in over] + ended


async def turn_away(tx: Transaction, till: Till, payment: UUID, *, held: bool = False) -> bool:
    """End a payment if it would be turned away by now, and say whether it would be."""
    judged = (await _judge(tx, till, [payment])).get(payment)
    if judged is None or judged.decision is not Decision.BLOCK:
        return False
    await operations.ask(tx, await _turn_away(tx, till, [payment], held=[payment] if held else []))
    return True


async def end_open(tx: Transaction, till: Till, keys: Iterable[bytes]) -> int:
    """End what somebody has open who was just put on the block list; return how much it was.

    What is held already waits for whoever decides about it.
    """
    calls = await _turn_away(tx, till, await risk.of_buyers(tx, keys, till.now()), waiting=True)
    await operations.ask(tx, calls)
    return len(calls)


async def _turn_away(
    tx: Transaction, till: Till, wanted: Collection[UUID], *, held: Collection[UUID] = (), waiting: bool = False
) -> list[Operation]:
    """Write down what is made of payments now, and list the calls that end those that are turned away.

    What is being charged is left alone: its money would come after its end.
    """
    found = await payments.lock_open(tx, wanted, waiting=waiting)
    charged = await operations.confirming(tx, found) if found else frozenset()
    endable = {
        payment.id
        for payment in found.values()
        if (payment.status in PAYABLE and payment.id not in charged) or (payment.status in HELD and payment.id in held)
    }
    judged = await _judge(tx, till, endable)
    over = {payment: each for payment, each in judged.items() if each.decision is Decision.BLOCK}
    await risk.overrule(tx, over)
    for payment, each in over.items():
        shown = ids.text("payment", payment)
        logs.fraud.warning("turned_away_late", payment=shown, score=each.score, reasons=each.reasons)
    return [
        Operation(
            id=_name(found[payment]),
            kind=Kind.CANCEL,
            payment=payment,
            gateway=found[payment].gateway,
            key=ids.text(Kind.CANCEL, ids.new()),
            created_at=till.now(),
        )
        for payment in sorted(over)
    ]


async def _judge(tx: Transaction, till: Till, wanted: Collection[UUID]) -> dict[UUID, Assessment]:
    """Judge again; when that fails, what was made of these payments before stands, and their money is not kept up."""
    if not wanted:
        return {}
    try:
        async with tx.savepoint():
            return await risk.reassess(tx, wanted, limits_of(till), till.now())
    except Exception as error:
        if db.is_conflict(error) or isinstance(error, DatabaseUnavailableError):
            raise
        logs.fraud.exception("not_judged_again")
        return {}


def _name(payment: Payment) -> UUID:
    """Name a call so that the same held money is let go of once: where a gateway has no void, it does so by itself."""
    if payment.status not in HELD:
        return ids.new()
    return ids.derive(payment.id, "turned away", payment.reference or "")
