"""Sealing follows what is posted, and says where the chain stands."""

from typing import Any

from structlog.testing import capture_logs

from tillkeeper.flows.seal import recount, seal
from tillkeeper.ledger import seals


async def test_everything_that_a_purchase_brings_is_sealed_and_stands_in_its_day(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(30)
    await shop.refund(payment, 20)
    journals = await shop.count("journal")

    assert await seal(shop.till) == journals
    assert await seal(shop.till) == 0

    today = shop.till.now().date()
    moved = await shop.owner.fetch("SELECT * FROM balance_daily WHERE day = $1 AND heading = 'wallet:*'", today)
    assert [(row["debits"], row["credits"]) for row in moved] == [(42, 120)]
    assert await recount(shop.till, today) == await shop.count("balance_daily")


async def test_each_seal_is_told_to_the_log_where_nobody_can_rewrite_it(shop: Any) -> None:
    await shop.paid()

    with capture_logs() as told:
        await seal(shop.till)

    async with shop.till.db.transaction() as tx:
        head = await seals.last(tx)
    sealed = [line for line in told if line["event"] == "sealed"]
    assert [(line["number"], line["hash"], line["journals"]) for line in sealed] == [
        (head.number, head.hash.hex(), head.journals)
    ]
