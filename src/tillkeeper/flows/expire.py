"""End what nobody paid in time."""

from tillkeeper import operations, payments
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind, Operation
from tillkeeper.till import Till

expire_batch_max = 100


async def expire(till: Till, *, limit: int = expire_batch_max) -> int:
    """Ask the gateways to end unpaid checkouts whose time is over; return how many were asked.

    The payment ends when the gateway says so: it may just have been paid, and money is never ignored.
    """
    async with till.db.transaction() as tx:
        over = await payments.take_expired(tx, limit)
        await operations.ask(
            tx,
            [
                Operation(
                    id=ids.new(),
                    kind=Kind.EXPIRE,
                    payment=payment,
                    gateway=gateway,
                    key=ids.text("expire", ids.new()),
                )
                for payment, gateway in over
            ],
        )
    return len(over)
