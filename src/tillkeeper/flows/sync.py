"""Ask a gateway what has become of a payment, and let its answer be true here too."""

from dataclasses import replace
from uuid import UUID

from tillkeeper import operations, payments
from tillkeeper.facts import Notice, Verdict
from tillkeeper.flows import carry_out, settle
from tillkeeper.flows.read import read
from tillkeeper.gateway import Absent, Accepted, Declined, GatewayUnavailableError, Outcome
from tillkeeper.kernel import logs
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.payments import Opening, OwnMove, RefundStatus
from tillkeeper.reports import payment as report
from tillkeeper.till import Till


class GatewaySilentError(GatewayUnavailableError):
    """Report a gateway that could not be asked; asking changes nothing, so there is nothing to undo."""

    next_step = "Nothing was changed. Ask again in a few seconds."


async def sync(till: Till, payment: UUID) -> dict[str, object]:
    """Apply what a gateway says now of a payment and its refunds, and show the payment; harmless to repeat.

    Raises NotFoundError, InvalidStateError when the gateway does not know the payment, or GatewaySilentError.
    """
    outcome = await _ask(till, payment)
    match outcome:
        case Accepted():
            of_refunds = await _ask_about_refunds(till, payment)
            await _apply(till, payment, replace(outcome, notices=(*outcome.notices, *of_refunds)))
        case Absent():
            pass  # it was never opened there, or is not shown yet; what is under way finds out by itself
        case Declined(code=code):
            message = f"The gateway does not know this payment ({code})."
            raise InvalidStateError(message)
        case _:
            raise GatewaySilentError(outcome.reason)
    return await read(till, lambda tx: report.show(tx, payment))


async def _ask(till: Till, payment: UUID) -> Outcome | Absent:
    """Ask by the gateway's name for the payment, or look for ours while there is none."""
    async with till.db.transaction() as tx:
        row = await payments.opening(tx, payment)
    gateway = till.gateways.get(row["gateway"])
    if gateway is None:
        message = f"{row['gateway']} is not configured any more, so it cannot be asked."
        raise GatewaySilentError(message)
    if row["gateway_reference"]:
        return await gateway.retrieve(row["gateway_reference"])
    return await gateway.look_up(carry_out.order_of(till, payment, row))


async def _ask_about_refunds(till: Till, payment: UUID) -> list[Notice]:
    """Ask what became of refunds that the gateway took on and has not finished; some take days."""
    async with till.db.transaction() as tx:
        found, refunds = await payments.lock_with_refunds(tx, payment)
        calls = await operations.refund_calls(tx, payment)
    assert found, "it was there when the gateway was asked"
    told: list[Notice] = []
    for call in calls:
        gateway = till.gateways.get(call.gateway)
        if gateway and call.refund and refunds[call.refund].status is RefundStatus.PENDING:
            outcome = await gateway.look_up_refund(await carry_out.refund_order(till, call))
            told += outcome.notices if isinstance(outcome, Accepted) else ()
    return told


@retry_conflicts
async def _apply(till: Till, payment: UUID, answer: Accepted) -> None:
    async with till.db.transaction() as tx:
        found = await payments.lock_one(tx, payment)
        assert found, "it was there when the gateway was asked"
        if found.reference is None:
            opening = Opening(move=OwnMove.OPENED, references=answer.references, next_action=answer.next_action)
            opened = payments.open_checkout(found, opening, till.now())
            await payments.record(tx, [opened], causes=["sync"])
            await settle.follow(tx, payments.changes([opened]))
        decisions = await settle.apply(tx, till, answer.notices, ["sync"] * len(answer.notices))
    for decision in decisions:
        if decision.verdict is Verdict.QUARANTINED:
            logs.intent.error("quarantined", payment=str(payment), reason=decision.reason)
