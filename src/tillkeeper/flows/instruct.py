"""Say what gateways must now be told because of what happened."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from tillkeeper.facts import Change, Step
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind, Operation


def instruct(changes: Sequence[Change], now: datetime) -> list[Operation]:
    """Turn what happened into calls to be made, each with a key of its own."""
    return [operation for change in changes for operation in _calls(change, now)]


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
        case Step.APPROVED:
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
