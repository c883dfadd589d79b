"""Say what gateways must now be told because of what happened."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper import operations
from tillkeeper.facts import Change, Step
from tillkeeper.kernel import ids, logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.operations import Kind, Operation
from tillkeeper.payments import Payment

GOING_ON = frozenset({Kind.CONFIRM, Kind.CAPTURE})
"""What takes the customer's money: our own expiry gives way to it, and it gives way to somebody who cancels."""


def instruct(changes: Sequence[Change], now: datetime) -> list[Operation]:
    """Turn what happened into calls to be made, each with a key of its own."""
    return [operation for change in changes for operation in _calls(change, now)]


async def pass_on(tx: Transaction, calls: Sequence[Operation]) -> None:
    """Remember the calls that follow from what happened.

    A capture that a cancellation stands in the way of is asked for again when that has failed.
    """
    going_on = {call.payment for call in calls if call.kind in GOING_ON}
    canceled: frozenset[UUID] = frozenset()
    if going_on:
        await operations.call_off_expiry(tx, going_on)
        canceled = await operations.canceling(tx, going_on)
    wanted = [call for call in calls if call.kind is not Kind.CONFIRM or call.payment not in canceled]
    for dropped in await operations.ask(tx, wanted):
        logs.intent.info("call_dropped", kind=dropped.kind, payment=str(dropped.payment), gateway=dropped.gateway)


def capture_call(payment: Payment, now: datetime) -> Operation:
    """Ask for all that a payment holds."""
    return Operation(
        id=ids.new(),
        kind=Kind.CAPTURE,
        payment=payment.id,
        gateway=payment.gateway,
        key=ids.text(Kind.CAPTURE, ids.new()),
        created_at=now,
    )


def refund_call(change: Change, now: datetime) -> Operation:
    """Ask for the refund that a change has set aside."""
    assert change.refund, "a refund was set aside"
    return Operation(
        id=ids.new(),
        kind=Kind.REFUND,
        payment=change.payment,
        refund=change.refund,
        gateway=change.gateway,
        key=ids.text("refund", change.refund),
        created_at=now,
    )


def _calls(change: Change, now: datetime) -> Iterator[Operation]:
    match change.step:
        case Step.APPROVED | Step.LET_GO:
            yield _call(Kind.CONFIRM, change, now)
        case Step.AUTHORIZED:
            yield _call(Kind.CAPTURE, change, now)
        case Step.AUTHORIZED_IN_VAIN if change.reference:
            yield _call(Kind.CANCEL, change, now)
        case Step.FEE_UNTOLD:
            yield _call(Kind.FEE, change, now)
        case Step.SURPLUS_CAPTURED:
            yield refund_call(change, now)
        case _:
            return


def _call(kind: Kind, change: Change, now: datetime) -> Operation:
    return Operation(
        id=ids.new(),
        kind=kind,
        payment=change.payment,
        gateway=change.gateway,
        key=ids.text(kind, ids.new()),
        reference=change.reference,
        created_at=now,
    )
