"""End what nobody paid in time."""

from uuid import UUID

from tillkeeper import operations, payments
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind, Operation
from tillkeeper.till import Till

expire_batch_max = 100


async def expire(till: Till, *, limit: int = expire_batch_max) -> int:
    """Ask the gateways to end unpaid checkouts whose time is over; return how many were asked.

    The payment ends when the gateway says so: it may just have been paid, and money is never ignored. One that is being
    charged, or may have been, is left alone and comes up again later.
    """
    async with till.db.transaction() as tx:
        over = await payments.take_expired(tx, limit)
        charged = await operations.confirming(tx, [payment for payment, _ in over])
        calls = [_call(payment, gateway) for payment, gateway in over if payment not in charged]
        dropped = await operations.ask(tx, calls)  # somebody is capturing or canceling these already
    return len(calls) - len(dropped)


def _call(payment: UUID, gateway: str) -> Operation:
    return Operation(
        id=ids.new(), kind=Kind.EXPIRE, payment=payment, gateway=gateway, key=ids.text("expire", ids.new())
    )
