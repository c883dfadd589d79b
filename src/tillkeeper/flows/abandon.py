"""End a refund of which nobody could find out whether it was made, because a person has looked."""

from uuid import UUID

from tillkeeper import audit, operations, payments
from tillkeeper.audit import Action
from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows import carry_out, settle
from tillkeeper.flows.read import read
from tillkeeper.flows.sync import GatewaySilentError
from tillkeeper.gateway import Absent, Accepted, Declined
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.operations import Operation
from tillkeeper.payments import GIVEN_UP, RefundStatus
from tillkeeper.reports import refund as report
from tillkeeper.till import Till


async def abandon(till: Till, refund: UUID, reason: str) -> dict[str, object]:
    """Fail a refund that was given up, so that it can be asked for again, and show it; harmless to repeat.

    The gateway is asked once more before, and a refund that it has succeeds instead. Should it show one only later,
    that is booked as a refund of its own: a fact is never refused. Raises NotFoundError, InvalidStateError for a refund
    that was not given up, or GatewaySilentError.
    """
    call = await _find(till, refund)
    if call:
        await _apply(till, call, await _ask(till, call), reason)
    return await read(till, lambda tx: report.show(tx, refund))


async def _find(till: Till, refund: UUID) -> Operation | None:
    """Find the call that was given up; None when it was ended by hand before."""
    async with till.db.transaction() as tx:
        shown = await report.show(tx, refund)
        call = await operations.given_up_call(tx, refund)
    if call is None and shown["error"] != GIVEN_UP:
        message = f"The refund is {shown['status']}; only one that was given up is ended by hand."
        raise InvalidStateError(message)
    return call


async def _ask(till: Till, call: Operation) -> tuple[Notice, ...]:
    """Ask whether the refund was made after all; nothing that it says means no."""
    found = await till.gateway(call.gateway).look_up_refund(await carry_out.refund_order(till, call))
    match found:
        case Accepted(notices=notices):
            return notices
        case Absent():
            return ()
        case Declined(code=why):
            raise GatewaySilentError(why)
        case _:
            raise GatewaySilentError(found.reason)


@retry_conflicts
async def _apply(till: Till, call: Operation, told: tuple[Notice, ...], reason: str) -> None:
    assert call.refund, "it is about a refund"
    failed = Notice(
        kind=NoticeKind.REFUND_FAILED,
        gateway=call.gateway,
        references=(),
        payment=call.payment,
        refund=call.refund,
        code=GIVEN_UP,
        live=till.settings.live,
    )
    async with till.db.transaction() as tx:
        _, refunds = await payments.lock_with_refunds(tx, call.payment)
        if refunds[call.refund].status is RefundStatus.PENDING:  # a webhook may have been faster
            notices = told or (failed,)
            await settle.apply(tx, till, notices, [f"given up by hand: {reason}"] * len(notices))
            subject = ids.text("refund", call.refund)
            made = {"found_at_gateway": bool(told)}
            await audit.record(tx, till.by, Action.REFUND_ABANDONED, subject, after=made, reason=reason, at=till.now())
