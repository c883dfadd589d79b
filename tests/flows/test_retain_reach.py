"""Retention takes what its page says, from every place that holds it, and nothing of what is not over."""

from typing import Any

from tests.flows.conftest import uuid_of
from tests.flows.test_adopt import a_payment, fates, listed
from tests.flows.test_erase import WORD, differ_and_ignore, opened
from tests.flows.test_retain import everything, later

from tillkeeper.flows.adopt import Fate
from tillkeeper.kernel import clock

A_LINE = """
INSERT INTO settlement_line (gateway, line_id, kind, our_payment, our_refund, gross, fee, tax, net, currency,
                             settle_currency, occurred_at, raw, day)
VALUES ('stripe', $1, 'refund', $2, $3, 1, 0, 0, 1, 'EUR', 'EUR', now(), $4, now()::date)
"""
A_REFUND = """
INSERT INTO refund (id, payment_id, amount, currency, status, origin, gateway, created_at)
VALUES (gen_random_uuid(), $1, 10, 'EUR', $2, 'us', 'stripe', now()) RETURNING id
"""


async def raw(shop: Any, table: str = "settlement_line") -> dict[str, str]:
    rows = await shop.owner.fetch(f"SELECT line_id, raw FROM {table}")
    return {row["line_id"]: opened(shop, row["raw"]) if row["raw"] else "" for row in rows}


async def a_line(shop: Any, name: str, *, payment: Any = None, refund: Any = None) -> None:
    await shop.owner.execute(A_LINE, name, payment, refund, shop.till.box.seal(WORD.encode()))


async def test_lines_of_a_payment_of_which_money_may_still_move_keep_their_words(shop: Any) -> None:
    payments = [await shop.paid(), await shop.paid()]
    for name, payment, status in zip(("open", "over"), payments, ("pending", "succeeded"), strict=True):
        await a_line(shop, name, refund=await shop.owner.fetchval(A_REFUND, uuid_of(payment), status))
    await everything(later(shop.till, 8))
    assert await raw(shop) == {"open": WORD, "over": ""}
    await shop.owner.execute("DELETE FROM settlement_line")
    await shop.owner.execute("DELETE FROM refund")


async def test_why_somebody_closed_a_disagreement_is_forgotten_with_its_payment(shop: Any) -> None:
    await differ_and_ignore(shop, await shop.paid())
    await everything(later(shop.till, 6))
    assert await shop.owner.fetchval("SELECT reason FROM discrepancy") == WORD
    await everything(later(shop.till, 8))
    assert await shop.owner.fetchval("SELECT reason FROM discrepancy") == "erased"


async def test_what_an_earlier_system_called_a_payment_is_forgotten_with_it(shop: Any) -> None:
    await fates(shop, a_payment(id=WORD))
    await everything(later(shop.till, 8))
    [row] = await shop.owner.fetch("SELECT external_id, digest FROM adoption")
    assert (WORD in row["external_id"], row["digest"]) == (False, b"")


async def test_a_payment_that_was_forgotten_is_not_taken_over_a_second_time(shop: Any) -> None:
    records = [a_payment(id=WORD), a_payment(id="p-2", created_at=clock.now())]
    await fates(shop, *records)
    await everything(later(shop.till, 8))
    assert await fates(shop, *records) == [Fate.KNOWN, Fate.KNOWN]
    assert len(await listed(shop)) == 2
