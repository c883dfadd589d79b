"""The merchant's people are taken in once, by their addresses, and everything about that is written down."""

from typing import Any

import pytest
from tests.flows.people import EMAIL, equip, hire

from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import disable, employ, offer_second_factor, reset_password, set_role, use_second_factor
from tillkeeper.flows.read import read
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.reports import staff as report


async def test_somebody_who_was_taken_in_is_listed_without_secrets(shop: Any) -> None:
    person = await hire(shop.till)
    [shown] = await read(shop.till, report.find)
    assert (shown["email"], shown["role"], shown["second_factor"]) == (EMAIL, "finance", False)
    assert person.password not in str(shown)
    assert "argon2" not in str(shown)


async def test_nobody_is_asked_for_a_hint_or_a_secret_answer(shop: Any) -> None:
    await hire(shop.till)
    kept = await shop.owner.fetchrow("SELECT * FROM staff_member")
    assert {*kept.keys()} == {
        *("id", "email", "role", "password", "created_at", "disabled_at"),
        *("totp", "totp_offered", "totp_step", "codes_wrong", "codes_wrong_since"),
    }


async def test_the_same_address_is_taken_in_once_however_it_is_written(shop: Any) -> None:
    await hire(shop.till)
    with pytest.raises(InvalidStateError):
        await employ(shop.till, " FINN@example.com", role=Role.ADMIN)


@pytest.mark.parametrize(
    "email", ["", "finn", "@example.com", "finn@", "fi nn@example.com", "a\n@example.com", "x" * 300]
)
async def test_what_is_no_address_is_not_taken_in(shop: Any, email: str) -> None:
    with pytest.raises(InvalidFieldError):
        await employ(shop.till, email, role=Role.VIEWER)


async def test_nobody_is_changed_who_is_not_here(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await set_role(shop.till, EMAIL, Role.ADMIN)
    with pytest.raises(NotFoundError):
        await reset_password(shop.till, EMAIL)
    with pytest.raises(NotFoundError):
        await disable(shop.till, EMAIL)


async def test_a_second_factor_counts_only_after_a_code_of_it_was_shown(shop: Any) -> None:
    person = await hire(shop.till)
    await offer_second_factor(shop.till, person.id)
    with pytest.raises(InvalidFieldError):
        await use_second_factor(shop.till, person.id, "000000")
    assert await person.enter(), "it is not in use yet"


async def test_the_secret_of_a_second_factor_and_its_recovery_codes_cannot_be_read_in_the_database(shop: Any) -> None:
    person = await hire(shop.till)
    await equip(person)
    member = await shop.owner.fetchrow("SELECT totp FROM staff_member")
    codes = await shop.owner.fetch("SELECT digest FROM staff_recovery_code")
    assert person.secret.encode() not in member["totp"]
    assert {code.encode() for code in person.recovery}.isdisjoint(row["digest"] for row in codes)


async def test_a_new_password_takes_the_second_factor_with_it(shop: Any) -> None:
    person = await hire(shop.till)
    await equip(person)
    assert await person.enter(password=await reset_password(shop.till, EMAIL))


async def test_everything_about_people_is_in_the_audit_log(shop: Any) -> None:
    person = await hire(shop.till)
    await equip(person)
    await set_role(shop.till, EMAIL, Role.SUPPORT)
    await reset_password(shop.till, EMAIL)
    await disable(shop.till, EMAIL)
    rows = await shop.owner.fetch("SELECT action FROM audit_entry WHERE action LIKE 'member.%' ORDER BY number")
    wanted = ["created", "second_factor_set", "role_set", "password_reset", "disabled"]
    assert [row["action"] for row in rows] == [f"member.{each}" for each in wanted]
