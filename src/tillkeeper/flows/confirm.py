"""Go on with a payment that the customer has approved in a page of the merchant's own."""

from collections.abc import Mapping
from uuid import UUID

from tillkeeper import operations, payments
from tillkeeper.flows import operate
from tillkeeper.flows.read import read
from tillkeeper.gateway import Declined, GatewayUnavailableError, Refused
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import retry_conflicts
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.operations import Kind, Operation
from tillkeeper.reports import payment as report
from tillkeeper.till import Till


async def confirm(till: Till, payment: UUID, data: Mapping[str, str]) -> dict[str, object]:
    """Hand over what the customer's browser brought, and show the payment; repeating it does nothing twice.

    Raises InvalidFieldError for data that the gateway says cannot be true, InvalidStateError when there is nothing
    to go on with, and GatewayUnavailableError when the gateway certainly did not take the data: it is to be brought
    again, because it is not kept.
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
        if found.status in operate.PAID:
            return None
        if found.status not in operate.CONFIRMABLE:
            message = f"The payment is {found.status}; there is nothing to go on with."
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
        # One that is on its way already will find out; nobody is served by a second.
        return operation if await operations.ask(tx, [operation]) else None


@retry_conflicts
async def _remember_answer(till: Till, operation: Operation, answer: operate.Answer) -> None:
    async with till.db.transaction() as tx:
        await operate.record(tx, till, operation, answer)
