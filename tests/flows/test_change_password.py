"""Whoever knows the old password sets a new one, and whoever only has a session does not."""

from typing import Any

import pytest
from tests.flows.people import Person, equip, hire, later

from tillkeeper.access.limits import Meter
from tillkeeper.access.staff import SecondFactorNeededError, SessionOverError, SignInFailedError
from tillkeeper.flows.change_password import change_password
from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel.errors import InvalidFieldError

NEW = "a longer one than before"


@pytest.fixture
async def finn(shop: Any) -> Person:
    """Take Finn in."""
    return await hire(shop.till)


async def test_a_new_password_ends_every_session_and_begins_one(shop: Any, finn: Person) -> None:
    mine, elsewhere = await finn.enter(), await finn.enter()
    made = await change_password(shop.till, Meter(), await recognise(shop.till, mine), finn.proof(), new=NEW)
    for token in (mine, elsewhere):
        with pytest.raises(SessionOverError):
            await recognise(shop.till, token)
    assert (await recognise(shop.till, made)).member == finn.id
    with pytest.raises(SignInFailedError):
        await finn.enter()
    assert await finn.enter(password=NEW)


async def test_a_session_alone_changes_no_password(shop: Any, finn: Person) -> None:
    session = await recognise(shop.till, await finn.enter())
    with pytest.raises(SignInFailedError):
        await change_password(shop.till, Meter(), session, finn.proof(password="wrong password"), new=NEW)
    assert await finn.enter()


async def test_with_a_second_factor_a_code_of_it_is_needed_too(shop: Any, finn: Person) -> None:
    session = await recognise(shop.till, await finn.enter())
    await equip(finn)
    with pytest.raises(SecondFactorNeededError):
        await change_password(shop.till, Meter(), session, finn.proof(), new=NEW)
    soon = later(shop.till, seconds=60)
    assert await change_password(soon, Meter(), session, finn.proof(code=finn.code(soon.now())), new=NEW)


@pytest.mark.parametrize("new", ["", "eleven char", "x" * 257])
async def test_a_password_that_is_too_short_or_too_long_is_not_taken(shop: Any, finn: Person, new: str) -> None:
    session = await recognise(shop.till, await finn.enter())
    with pytest.raises(InvalidFieldError):
        await change_password(shop.till, Meter(), session, finn.proof(), new=new)
    assert await finn.enter()


async def test_a_password_that_everybody_knows_is_not_taken(shop: Any, finn: Person) -> None:
    session = await recognise(shop.till, await finn.enter())
    with pytest.raises(InvalidFieldError, match="So many people have this password"):
        await change_password(shop.till, Meter(), session, finn.proof(), new="Qwertyuiop123")
    assert await finn.enter()


async def test_a_password_is_good_until_somebody_changes_it(shop: Any, finn: Person) -> None:
    assert await finn.enter(till=later(shop.till, days=1_000))


async def test_a_new_password_is_in_the_audit_log_and_its_text_nowhere(shop: Any, finn: Person) -> None:
    session = await recognise(shop.till, await finn.enter())
    await change_password(shop.till, Meter(), session, finn.proof(), new=NEW)
    row = await shop.owner.fetchrow("SELECT * FROM audit_entry ORDER BY number DESC LIMIT 1")
    assert row["action"] == "member.password_changed"
    kept = await shop.owner.fetch("SELECT to_jsonb(m)::text FROM staff_member AS m")
    assert NEW not in str(dict(row)) + str(kept)
