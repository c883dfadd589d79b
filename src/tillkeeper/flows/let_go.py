"""Let go of held money on which nobody ruled in time: before the bank does it, and so that everybody is told."""

from tillkeeper import operations, payments
from tillkeeper.kernel import ids, logs
from tillkeeper.operations import Kind, Operation
from tillkeeper.till import Till

let_go_batch_max = 100


async def let_go(till: Till, *, limit: int = let_go_batch_max) -> int:
    """Ask the gateways to void what has been in review for too long; return how many were asked."""
    async with till.db.transaction() as tx:
        over = await payments.take_unreviewed(tx, hours=till.settings.review_hours_max, limit=limit)
        calls = [
            Operation(
                id=ids.new(), kind=Kind.CANCEL, payment=payment, gateway=gateway, key=ids.text(Kind.CANCEL, ids.new())
            )
            for payment, gateway in over
        ]
        dropped = await operations.ask(tx, calls)
    for call in calls:
        logs.fraud.warning("review_timed_out", payment=str(call.payment))
    return len(calls) - len(dropped)
