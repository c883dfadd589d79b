"""A note about a payment is kept once, with who wrote it and when, and nothing but an erasure changes it."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from tests.flows.conftest import uuid_of

from tillkeeper import audit
from tillkeeper.flows.annotate import annotate
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError

SUE = audit.Actor(id="member_sue", name="sue@example.com")


async def test_a_note_is_kept_once_per_key_with_who_and_when(shop: Any) -> None:
    payment, till = await shop.paid(), replace(shop.till, by=SUE)
    wish = shop.wish("n")
    made = [await annotate(till, wish, uuid_of(payment), " Called.\r\nWrong package. ") for _ in range(2)]
    assert [each.repeated for each in made] == [False, True]
    assert made[0].body == made[1].body
    assert made[0].body["text"] == "Called.\nWrong package."
    assert await shop.count("payment_note", f"by_id = '{SUE.id}' AND by_name = '{SUE.name}'") == 1


async def test_the_audit_log_says_that_there_is_a_note_and_not_what_it_says(shop: Any) -> None:
    payment = await shop.paid()
    note = (await annotate(shop.till, shop.wish(), uuid_of(payment), "a word")).body
    entry = await shop.owner.fetchrow("SELECT * FROM audit_entry WHERE action = 'payment.noted'")
    assert (entry["subject"], entry["reason"]) == (payment["id"], None)
    assert "a word" not in str(dict(entry))
    assert str(note["id"]) in str(entry["after"])


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001, "a\tb", "bell\a", "esc\x1b[31m", "next\u0085line"])
async def test_what_is_no_note_is_refused_and_leaves_nothing(shop: Any, text: str) -> None:
    payment = await shop.opened()
    with pytest.raises(InvalidFieldError) as refused:
        await annotate(shop.till, shop.wish(), uuid_of(payment), text)
    assert refused.value.param == "text"
    assert await shop.count("payment_note") == 0


async def test_a_note_may_be_as_long_as_its_limit(shop: Any) -> None:
    payment = await shop.opened()
    made = await annotate(shop.till, shop.wish(), uuid_of(payment), "ü" * 2000)
    assert made.body["text"] == "ü" * 2000


async def test_a_note_needs_a_payment(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await annotate(shop.till, shop.wish(), ids.new(), "a word")


async def test_two_notes_at_once_are_both_kept(shop: Any) -> None:
    payment = await shop.opened()
    await asyncio.gather(*(annotate(shop.till, shop.wish(), uuid_of(payment), word) for word in ("one", "two")))
    rows = await shop.owner.fetch("SELECT text FROM payment_note")
    assert sorted(row["text"] for row in rows) == ["one", "two"]


@pytest.mark.parametrize("change", ["UPDATE payment_note SET text = 'better'", "DELETE FROM payment_note"])
async def test_the_application_can_neither_change_nor_remove_a_note(shop: Any, change: str) -> None:
    payment = await shop.opened()
    await annotate(shop.till, shop.wish(), uuid_of(payment), "a word")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with shop.till.db.transaction() as tx:
            await tx.execute(change)
