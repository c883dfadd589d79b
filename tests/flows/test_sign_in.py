"""Whoever proves who they are is let in for a while; a try that is wrong tells nothing and cannot go on for ever."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.people import EMAIL, Person, equip, hire, later

from tillkeeper.access import staff
from tillkeeper.access.limits import Meter, RateLimitedError, start_of
from tillkeeper.access.staff import SecondFactorNeededError, SessionOverError, SignInFailedError
from tillkeeper.flows.employ import disable, reset_password, set_role
from tillkeeper.flows.sign_in import Proof, recognise, sign_in, sign_out, step_up
from tillkeeper.kernel import clock, ids


@pytest.fixture
async def finn(shop: Any) -> Person:
    """Take Finn in."""
    return await hire(shop.till)


async def test_the_right_password_begins_a_session(shop: Any, finn: Person) -> None:
    session = await recognise(shop.till, await finn.enter())
    assert (session.member, session.email, session.role) == (finn.id, EMAIL, "finance")


async def test_the_case_of_an_address_does_not_matter(finn: Person) -> None:
    assert await finn.enter(email=" Finn@Example.COM ")


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong password"}, {"password": ""}, {"password": "x" * 9999}, {"email": "x@example.com"}]
)
async def test_what_is_wrong_is_refused_and_does_not_say_which(finn: Person, wrong: Any) -> None:
    with pytest.raises(SignInFailedError) as refused:
        await finn.enter(**wrong)
    assert refused.value.detail == SignInFailedError.title


async def test_neither_password_nor_token_is_in_the_database(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    rows = str(
        await shop.owner.fetch("SELECT to_jsonb(s)::text, to_jsonb(m)::text FROM staff_session s, staff_member m")
    )
    assert token not in rows
    assert finn.password not in rows
    assert "$argon2id$" in rows


@pytest.mark.parametrize("token", ["", "x", "a" * 43])
async def test_a_token_that_nobody_was_given_opens_nothing(shop: Any, finn: Person, token: str) -> None:
    await finn.enter()
    with pytest.raises(SessionOverError):
        await recognise(shop.till, token)


async def test_a_session_ends_when_whoever_has_it_leaves(shop: Any, finn: Person) -> None:
    token, other = await finn.enter(), await finn.enter()
    await sign_out(shop.till, token)
    await sign_out(shop.till, token)
    with pytest.raises(SessionOverError):
        await recognise(shop.till, token)
    await recognise(shop.till, other)


async def test_a_session_ends_after_half_an_hour_without_a_request(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    await recognise(later(shop.till, minutes=29), token)
    await recognise(later(shop.till, minutes=58), token)
    with pytest.raises(SessionOverError):
        await recognise(later(shop.till, minutes=89), token)


async def test_a_session_ends_after_twelve_hours_however_busy(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    for minutes in range(20, 12 * 60, 20):
        await recognise(later(shop.till, minutes=minutes), token)
    with pytest.raises(SessionOverError):
        await recognise(later(shop.till, hours=12, seconds=5), token)


async def test_somebody_who_is_disabled_is_out_at_once_and_stays_out(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    await disable(shop.till, EMAIL)
    with pytest.raises(SessionOverError):
        await recognise(shop.till, token)
    with pytest.raises(SignInFailedError):
        await finn.enter()


async def test_a_new_password_ends_every_session_and_the_old_password(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    new = await reset_password(shop.till, EMAIL)
    with pytest.raises(SessionOverError):
        await recognise(shop.till, token)
    with pytest.raises(SignInFailedError):
        await finn.enter()
    assert await finn.enter(password=new)


async def test_another_role_ends_every_session(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    await set_role(shop.till, EMAIL, staff.Role.VIEWER)
    with pytest.raises(SessionOverError):
        await recognise(shop.till, token)
    assert (await recognise(shop.till, await finn.enter())).role == "viewer"


async def test_with_a_second_factor_a_code_is_needed_too(finn: Person) -> None:
    await equip(finn)
    with pytest.raises(SecondFactorNeededError):
        await finn.enter()
    with pytest.raises(SignInFailedError):
        await finn.enter(code="000000")
    with pytest.raises(SignInFailedError):
        await finn.enter(password="wrong password", code=finn.code())


async def test_a_code_is_good_once_and_never_again(shop: Any, finn: Person) -> None:
    await equip(finn)
    soon = later(shop.till, seconds=60)
    code = finn.code(soon.now())
    assert await finn.enter(till=soon, code=code)
    with pytest.raises(SignInFailedError):
        await finn.enter(till=soon, code=code)


async def test_an_old_code_is_not_good_any_more(shop: Any, finn: Person) -> None:
    await equip(finn)
    with pytest.raises(SignInFailedError):
        await finn.enter(till=later(shop.till, minutes=5), code=finn.code(clock.now() + timedelta(minutes=2)))


async def test_each_recovery_code_is_good_once(finn: Person) -> None:
    await equip(finn)
    assert len(set(finn.recovery)) == 10
    assert await finn.enter(code=finn.recovery[0])
    with pytest.raises(SignInFailedError):
        await finn.enter(code=finn.recovery[0])
    assert await finn.enter(code=finn.recovery[1].upper())


async def test_what_is_dangerous_needs_the_password_of_the_last_ten_minutes(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    soon = later(shop.till, minutes=11)
    assert staff.is_fresh((await recognise(shop.till, token)).proved_at, shop.till.now())
    session = await recognise(soon, token)
    assert not staff.is_fresh(session.proved_at, soon.now())
    with pytest.raises(SignInFailedError):
        await step_up(soon, Meter(), session, finn.proof(password="wrong password"))
    assert not staff.is_fresh((await recognise(soon, token)).proved_at, soon.now())
    await step_up(soon, Meter(), session, finn.proof())
    assert staff.is_fresh((await recognise(soon, token)).proved_at, soon.now())


async def test_an_account_is_tried_five_times_a_minute_from_wherever(shop: Any, finn: Person) -> None:
    minute = start_of(clock.now())
    fixed = replace(shop.till, now=lambda: minute)
    for number in range(5):
        with pytest.raises(SignInFailedError):
            await finn.enter(till=fixed, password="wrong password", address=f"192.0.2.{number}")
    with pytest.raises(RateLimitedError):
        await finn.enter(till=fixed, address="192.0.2.99")
    assert await finn.enter(till=later(shop.till, minutes=2))


async def test_an_address_tries_twenty_times_a_minute_whomever(shop: Any) -> None:
    minute = start_of(clock.now())
    fixed = replace(shop.till, now=lambda: minute)
    meter, refused = Meter(), 0
    for number in range(22):
        try:
            await sign_in(fixed, meter, f"x{number}@example.com", Proof(password="guess", address="192.0.2.1"))
        except RateLimitedError:
            refused += 1
        except SignInFailedError:
            continue
    assert refused == 2


async def last_entry(shop: Any) -> Any:
    """Read what was written down last."""
    return await shop.owner.fetchrow("SELECT * FROM audit_entry ORDER BY number DESC LIMIT 1")


async def test_who_signed_in_and_out_is_in_the_audit_log(shop: Any, finn: Person) -> None:
    token = await finn.enter()
    row = await last_entry(shop)
    assert (row["action"], row["actor_name"]) == ("member.signed_in", EMAIL)
    await sign_out(shop.till, token)
    row = await last_entry(shop)
    assert (row["action"], row["actor_name"]) == ("member.signed_out", EMAIL)


async def test_who_could_not_be_let_in_is_in_the_audit_log_without_what_was_typed(shop: Any, finn: Person) -> None:
    typed = ["a password typed in the wrong field", "wrong password"]
    with pytest.raises(SignInFailedError):
        await finn.enter(email=typed[0], password=typed[1])
    row = await last_entry(shop)
    assert (row["action"], row["subject"]) == ("member.sign_in_failed", "nobody")
    assert not [word for word in typed if word in str(dict(row))]
    with pytest.raises(SignInFailedError):
        await finn.enter(password=typed[1])
    row = await last_entry(shop)
    assert (row["action"], row["subject"]) == ("member.sign_in_failed", ids.text("member", finn.id))


def test_a_form_token_belongs_to_one_session_of_one_installation() -> None:
    made = staff.form_token("a secret", b"one session")
    assert made == staff.form_token("a secret", b"one session")
    assert made not in {staff.form_token("a secret", b"another"), staff.form_token("another", b"one session")}
