"""A new TILL_SECRET_KEY takes over what the previous one sealed, wherever that is kept."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from tillkeeper import credentials
from tillkeeper.flows.reseal import reseal
from tillkeeper.flows.subscribe import subscribe
from tillkeeper.kernel.crypto import Box
from tillkeeper.till import Till

NEW = "the-new-secret-key-of-this-test-0123456789"


def rotated(till: Till) -> Till:
    return replace(till, box=Box(NEW, till.settings.secret_key))


async def test_what_the_previous_key_sealed_is_opened_and_new_things_are_of_the_new_one(shop: Any) -> None:
    box = rotated(shop.till).box
    assert box.open(shop.till.box.seal(b"old")) == b"old"
    assert Box(NEW).open(box.seal(b"new")) == b"new"


async def test_afterwards_the_new_key_alone_opens_everything(shop: Any) -> None:
    await shop.paid()
    await subscribe(replace(shop.till), url="https://shop.example/webhooks", types=("*",), description=None)
    till = rotated(shop.till)
    count = await reseal(till, limit=1)
    assert count >= 2
    opened = 0
    for place in credentials.PLACES:
        rows = await shop.owner.fetch(f"SELECT {place.column} FROM {place.table} WHERE length({place.column}) > 0")
        opened += len([Box(NEW).open(row[0]) for row in rows])
    assert opened == count
    assert await reseal(till) == 0


async def test_it_is_audited_with_how_many(shop: Any) -> None:
    await shop.paid()
    count = await reseal(rotated(shop.till))
    told = await shop.owner.fetchval(
        "SELECT after ->> 'sealed_again' FROM audit_entry WHERE subject = 'TILL_SECRET_KEY'"
    )
    assert (told, count > 0) == (str(count), True)


async def test_what_neither_key_opens_ends_it_and_is_left_as_it_is(shop: Any) -> None:
    await subscribe(shop.till, url="https://shop.example/webhooks", types=("*",), description=None)
    before = await shop.owner.fetchval("SELECT secret FROM webhook_endpoint")
    with pytest.raises(InvalidTag):
        await reseal(replace(shop.till, box=Box(NEW, "some-other-key-0123456789")))
    assert await shop.owner.fetchval("SELECT secret FROM webhook_endpoint") == before


async def test_every_column_that_is_sealed_is_in_the_list(shop: Any) -> None:
    """A column of bytes is either sealed and in the list, or a digest or a key that is named here."""
    rows = await shop.owner.fetch(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'bytea'"
    )
    listed = {f"{place.table}.{place.column}" for place in credentials.PLACES}
    others = {row[0] for row in rows} - listed
    assert listed <= {row[0] for row in rows}
    known = ("digest", "sha", "sha256", "key", "hash", ".previous")
    assert {each for each in others if not each.endswith(known)} == set()
