"""The merchant's own programs, which hear of what happens: one takes everything, one is out of order."""

from tillkeeper.flows.deliver import deliver
from tillkeeper.flows.fan_out import fan_out
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.subscribe import subscribe
from tillkeeper.ops.seed.stage import Stage, drained

ENDPOINTS = (
    ("takes", "the shop", ("payment.succeeded", "fulfilment.delivered", "refund.succeeded")),
    ("breaks", "bookkeeping, out of order since the move", ("dispute.opened", "reconciliation.discrepancy")),
)


async def listen(stage: Stage) -> None:
    """Add the endpoints; they hear of what happens from now on."""
    await drained(sequence, stage.till)
    for name, description, types in ENDPOINTS:
        url = f"{stage.sandbox}/_merchant/{name}"
        await subscribe(stage.by("mara"), url=url, types=types, description=description)


async def tell(stage: Stage) -> None:
    """Send what is owed, each once; what was not taken is tried again by the worker."""
    await drained(sequence, stage.till)
    await drained(fan_out, stage.till)
    await drained(deliver, stage.till)
