"""What was said of payments of long ago is forgotten in its time; amounts, books and chains stay whole."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tillkeeper import audit
from tillkeeper.audit import Action, Actor
from tillkeeper.flows.read import read
from tillkeeper.flows.retain import preview, retain
from tillkeeper.kernel import clock, ids
from tillkeeper.reports import books, invariants
from tillkeeper.till import Till

WORDS = "for my daughter Mira"
YEAR = timedelta(days=365)
ANA = Actor(id="member_ana", name="ana")


def later(till: Till, years: int, days: int = 1) -> Till:
    return replace(till, now=lambda: clock.now() + years * YEAR + timedelta(days=days))


async def everything(till: Till) -> int:
    done = 0
    while count := await retain(till, limit=1):
        done += count
    return done


async def said(shop: Any, payment: Any) -> bool:
    row = await shop.owner.fetchrow(
        "SELECT metadata::text, description FROM payment WHERE id::text = ANY ($1)", [_id(payment)]
    )
    return WORDS in repr(tuple(row))


def _id(payment: Any) -> str:
    return str(ids.parse("payment", payment["id"]))


@pytest.fixture
async def paid(shop: Any) -> Any:
    return await shop.paid(metadata={"note": WORDS})


@pytest.fixture
async def unpaid(shop: Any) -> Any:
    payment = await shop.opened(metadata={"note": WORDS})
    await shop.owner.execute("UPDATE payment SET status = 'expired' WHERE id::text = $1", _id(payment))
    return payment


async def test_a_payment_that_was_never_paid_is_forgotten_after_a_year(shop: Any, unpaid: Any) -> None:
    await everything(later(shop.till, 0, days=300))
    assert await said(shop, unpaid)
    await everything(later(shop.till, 1))
    assert not await said(shop, unpaid)


async def test_a_paid_one_is_forgotten_after_seven_years_and_keeps_its_numbers(shop: Any, paid: Any) -> None:
    await everything(later(shop.till, 6))
    assert await said(shop, paid)
    await everything(later(shop.till, 7, days=3))
    assert not await said(shop, paid)
    row = await shop.owner.fetchrow(
        "SELECT status, amount_captured, currency FROM payment WHERE id::text = $1", _id(paid)
    )
    assert tuple(row) == (paid["status"], paid["amount_captured"], paid["currency"])


async def test_the_books_and_every_promise_stay_whole(shop: Any, paid: Any, unpaid: Any) -> None:
    del paid, unpaid
    before = await shop.owner.fetch("SELECT * FROM posting ORDER BY id")
    await everything(later(shop.till, 8))
    assert await shop.owner.fetch("SELECT * FROM posting ORDER BY id") == before
    assert await read(shop.till, books.check) == []
    found = await read(shop.till, lambda tx: invariants.examine(tx, recent=False))
    assert [each for each in found if each.violations] == []


async def test_a_payment_of_which_money_may_still_move_is_left_alone(shop: Any, paid: Any) -> None:
    await shop.owner.execute("UPDATE payment SET status = 'processing' WHERE id::text = $1", _id(paid))
    await everything(later(shop.till, 8))
    assert await said(shop, paid)


async def test_nothing_is_gone_through_twice(shop: Any, paid: Any, unpaid: Any) -> None:
    del paid, unpaid
    till = later(shop.till, 8)
    assert await everything(till) >= 2
    assert [each.count for each in await preview(till) if each.what in {"paid", "unpaid"}] == [0, 0]


async def test_what_is_due_is_counted_beforehand_and_nothing_changes(shop: Any, paid: Any, unpaid: Any) -> None:
    counts = {each.what: each.count for each in await preview(later(shop.till, 2))}
    assert (counts["unpaid"], counts["paid"], counts["webhooks"] > 0) == (1, 0, True)
    assert await said(shop, unpaid)
    assert await said(shop, paid)


async def test_each_batch_stands_in_the_audit_log(shop: Any, unpaid: Any) -> None:
    del unpaid
    await everything(later(shop.till, 1))
    rows = await shop.owner.fetch(
        "SELECT subject, after ->> 'payments' AS n FROM audit_entry WHERE action = 'records.retained'"
    )
    assert [(row["subject"], row["n"]) for row in rows] == [("unpaid", "1")]


async def test_old_entries_of_the_audit_log_lose_their_words_and_its_chain_holds(shop: Any) -> None:
    async with shop.till.db.transaction() as tx:
        for number in range(3):
            await audit.record(
                tx,
                ANA,
                Action.PAYMENT_NOTED,
                f"payment_{number}",
                after={"note": WORDS},
                reason=WORDS,
                at=shop.till.now(),
            )
    await everything(later(shop.till, 7, days=3))
    rows = await shop.owner.fetch("SELECT * FROM audit_entry WHERE action = 'payment.noted'")
    assert len(rows) == 3
    assert WORDS not in repr(rows)
    assert {row["actor_name"] for row in rows} == {"ana"}
    assert await read(shop.till, lambda tx: audit.verify(tx, recent=False)) == []


async def test_a_word_changed_by_hand_is_still_found_in_the_log(shop: Any) -> None:
    async with shop.till.db.transaction() as tx:
        await audit.record(
            tx, ANA, Action.PAYMENT_NOTED, "payment_1", after={"note": WORDS}, reason=WORDS, at=shop.till.now()
        )
        await audit.record(
            tx, ANA, Action.PAYMENT_NOTED, "payment_2", after={"note": WORDS}, reason=WORDS, at=shop.till.now()
        )
    await everything(later(shop.till, 7, days=3))
    await shop.owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
    await shop.owner.execute("UPDATE audit_entry SET subject = 'payment_9' WHERE subject = 'payment_1'")
    await shop.owner.execute("ALTER TABLE audit_entry ENABLE TRIGGER USER")
    assert len(await read(shop.till, lambda tx: audit.verify(tx, recent=False))) == 1
