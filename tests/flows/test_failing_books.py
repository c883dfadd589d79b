"""When the books cannot be written nothing of the effect is left, whatever it was; and later it happens whole."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from tests.flows.test_fulfil import hand_over, mend, spoil
from tests.flows.test_money_afterwards import second_capture

from tillkeeper.idempotency import InProgressError

WORLD = {
    name: f"SELECT * FROM {name}"
    for name in (
        *("payment", "refund", "dispute", "payout", "outbox_event", "entitlement", "undelivered", "wallet"),
        *("wallet_entry", "wallet_spend", "credit_lot", "card", "account", "balance", "balance_delta"),
        *("balance_daily", "journal", "posting", "unsealed", "seal"),
    )
} | {
    "payment_change": "SELECT * FROM payment_change WHERE step NOT IN ('none', 'fee_untold')",
    "late_delivery": "SELECT payment_id, status FROM late_delivery",
}
"""Everything that an effect touches; what notes the try itself (messages, calls, keys) is left out, and neighbours."""
FIRE = """
CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the books are on fire'; END $$;
CREATE TRIGGER fire BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION burn();
"""
WATER = "DROP FUNCTION burn CASCADE"

Act = Callable[[Any], Awaitable[Any]]


async def world(shop: Any) -> dict[str, list[str]]:
    """Write down every row that an effect touches."""
    return {
        table: sorted(row[0] for row in await shop.owner.fetch(f"SELECT to_jsonb(t)::text FROM ({rows}) AS t"))
        for table, rows in WORLD.items()
    }


async def hear(shop: Any) -> None:
    """Hear and settle what happened at the gateway; what failed is due again."""
    await shop.hear_news()
    await shop.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status IN ('received', 'parked')")
    await shop.settle()


async def to_be_captured(shop: Any) -> Act:
    await shop.pay(await shop.opened())
    return hear


async def to_be_captured_in_part(shop: Any) -> Act:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()

    async def capture(shop: Any) -> None:
        """Ask as a merchant does; when that was in vain, let the worker finish it."""
        with suppress(InProgressError):
            await shop.capture(payment, 100, key="capture")
        await shop.operate()

    return capture


async def to_be_spent(shop: Any) -> Act:
    await shop.paid()
    return lambda shop: shop.spend(30, key="spend")


async def to_be_refunded(shop: Any) -> Act:
    payment = await shop.paid()
    return lambda shop: shop.refund(payment, 50, key="refund")


async def to_be_refunded_in_the_dashboard(shop: Any) -> Act:
    payment = await shop.paid()
    await shop.spend(100)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": 150})
    return hear


async def to_be_found_refunded(shop: Any) -> Act:
    payment = await shop.paid()
    shop.line.fault = "lost"
    await shop.refund(payment, 50)
    shop.line.fault = None
    return lambda shop: shop.operate()


async def to_be_taken_back(shop: Any) -> Act:
    payment = await shop.paid()
    made = await shop.refund(payment, 50)
    await shop.catch_up()
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    return hear


async def to_be_captured_twice(shop: Any) -> Act:
    await second_capture(shop, await shop.paid())
    return hear


async def to_be_disputed(shop: Any) -> Act:
    payment = await shop.paid()
    await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    return hear


async def to_be_lost(shop: Any) -> Act:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    await shop.act(f"disputes/{opened['id']}/lose")
    return hear


async def to_be_paid_out(shop: Any) -> Act:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    return hear


async def to_be_handed_over_late(shop: Any) -> Act:
    await spoil(shop)
    await shop.pay(await shop.opened())
    await shop.catch_up()
    await mend(shop)
    return hand_over


EFFECTS = (
    *(to_be_captured, to_be_captured_in_part, to_be_spent, to_be_refunded, to_be_refunded_in_the_dashboard),
    *(to_be_found_refunded, to_be_taken_back, to_be_captured_twice, to_be_handed_over_late),
    *(to_be_disputed, to_be_lost, to_be_paid_out),
)


@pytest.mark.parametrize("prepare", EFFECTS, ids=lambda prepare: prepare.__name__)
async def test_an_effect_whose_journal_cannot_be_written_leaves_nothing_and_happens_later(
    shop: Any, prepare: Callable[[Any], Awaitable[Act]]
) -> None:
    act = await prepare(shop)
    before = await world(shop)
    await shop.owner.execute(FIRE.format("journal"))

    with suppress(asyncpg.RaiseError):
        await act(shop)
    burnt = await world(shop)
    await shop.owner.execute(WATER)
    await shop.owner.execute("UPDATE gateway_state SET breaker = 'closed', failures = 0, retry_at = NULL")
    await act(shop)

    assert changed(before, burnt) == set()
    assert changed(before, await world(shop)) >= {"journal", "posting", "unsealed", "outbox_event"} - silent(prepare)
    assert await shop.count("inbox_message", "status = 'received'") == 0


@pytest.mark.parametrize("table", ["journal", "posting", "unsealed", "balance_delta", "balance", "account"])
async def test_wherever_the_writing_of_the_books_stops_nothing_of_a_capture_is_left(shop: Any, table: str) -> None:
    act = await to_be_captured(shop)
    before = await world(shop)
    await shop.owner.execute(FIRE.format(table))

    await act(shop)

    assert await world(shop) == before
    assert await shop.count("inbox_message", "attempts > 0 AND reason LIKE '%on fire%'") > 0
    await shop.owner.execute(WATER)
    await act(shop)
    assert await shop.wallet() == (120, 0)


def silent(prepare: Callable[..., Any]) -> set[str]:
    """Name what an effect tells nobody: spends have no outgoing event."""
    return {"outbox_event"} if prepare is to_be_spent else set()


def changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> set[str]:
    """Name the tables that differ."""
    return {table for table in WORLD if before[table] != after[table]}
