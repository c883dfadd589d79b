"""What must be true after every measurement, however fast it was."""

from tillkeeper.flows.read import read
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.reports import books

# What a history laid in by SQL holds was sold without goods.
UNDELIVERED = """
    SELECT count(*) FROM payment
    WHERE sale IS NOT NULL
      AND id = ANY (SELECT payment_id FROM inbox_message WHERE status = 'processed')
      AND (status <> 'succeeded' OR amount_captured <> amount
           OR (SELECT count(*) FROM entitlement WHERE payment_id = payment.id) <> 1
           OR (SELECT count(*) FROM journal
               WHERE (source, source_id, kind) = ('payment', payment.id::text, 'capture')) <> 1
           OR (SELECT count(*) FROM outbox_event
               WHERE payment_id = payment.id AND type = 'payment.succeeded') <> 1)"""


async def check(ground: Ground) -> list[str]:
    """Prove the books and the promises, and that every payment told of has its state, goods, books and event."""
    till = await ground.open_till()
    try:
        wrong = await read(till, books.check)
    finally:
        await till.close()
    return wrong + undelivered(ground)


def undelivered(ground: Ground) -> list[str]:
    """Find the payments told of that lack a part of what a capture brings."""
    count = ground.count(UNDELIVERED)
    return (
        [f"{count} payments whose webhook was processed lack a part of its effect, or have it twice"] if count else []
    )
