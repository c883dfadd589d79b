"""Go on with a payment that the customer has approved in a page of the merchant's own."""

from collections.abc import Mapping
from uuid import UUID

from tillkeeper import operations, payments
from tillkeeper.flows import carry_out, operate
from tillkeeper.flows.read import read
from tillkeeper.gateway import Declined, GatewayUnavailableError, Refused
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError, TillError
from tillkeeper.operations import Kind, Operation
from tillkeeper.reports import payment as report
from tillkeeper.till import Till


class OutcomeUnknownError(TillError):
    """Report a step that has to wait until it is known what came of the one before it."""

    code = "outcome_unknown"
    status = 409
    title = "Nobody knows yet what came of the last try"
    category = "invalid_request"
    retryable = True
    next_step = "Read the payment until its status is no longer `outcome_unknown`; then go on, or bring the data again."


async def confirm(till: Till, payment: UUID, data: Mapping[str, str]) -> dict[str, object]:
    """Hand over what the customer's browser brought, and show the payment; repeating it does nothing twice.

    Raises InvalidFieldError for data that the gateway says cannot be true, InvalidStateError when there is nothing
    to go on with, OutcomeUnknownError for more data while nobody knows what came of the last, and
    GatewayUnavailableError when the gateway certainly did not take the data: it is to be brought again, because it is
    not kept.
    """
    operation = await _begin(till, payment, data)
    if operation:
        answer = await operate.call(till, operation)
        await _remember_answer(till, operation, answer)
        if isinstance(answer.outcome, Refused) and data:
            raise GatewayUnavailableError
        if isinstance(answer.outcome, Declined) and not answer.outcome.card:
            raise InvalidFieldError(answer.outcome.message)
    return await read(till, lambda tx: report.show(tx, payment))


@retry_conflicts
async def _begin(till: Till, payment: UUID, data: Mapping[str, str]) -> Operation | None:
    async with till.db.transaction() as tx:
        found = await payments.lock_one(tx, payment)
        if found is None:
            message = "No payment has this id."
            raise NotFoundError(message)
        if found.status in carry_out.PAID:
            return None
        if found.status not in carry_out.CONFIRMABLE:
            message = f"The payment is {found.status}; there is nothing to go on with."
            raise InvalidStateError(message)
        if await operations.canceling(tx, [payment]):
            message = "The payment is being canceled; nothing is charged for it any more."
            raise InvalidStateError(message)
        operation = Operation(
            id=ids.new(),
            kind=Kind.CONFIRM,
            payment=payment,
            gateway=found.gateway,
            key=ids.text(Kind.CONFIRM, ids.new()),
            token=ids.new(),
            created_at=till.now(),
            data=data,
        )
        await operations.call_off_expiry(tx, [payment])
        if not await operations.ask(tx, [operation]):
            return operation
        if data:  # it is not kept, so whoever brought it must know that nobody has used it
            message = "The last try is still under way, or its outcome is unknown; nothing was done with this one."
            raise OutcomeUnknownError(message)
        return None  # the one that is on its way already will find out


@retry_conflicts
async def _remember_answer(till: Till, operation: Operation, answer: operate.Answer) -> None:
    async with till.db.transaction() as tx:
        await operate.record(tx, till, operation, answer)
