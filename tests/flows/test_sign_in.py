"""Whoever proves who they are is let in for a while; a try that is wrong tells nothing and cannot go on for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from tests.flows.mailbox import Mailbox, mailbox
from tests.flows.people import EMAIL, Person, equip, hire, later
from tests.flows.test_notify import posted

from tillkeeper.access import staff
from tillkeeper.access.limits import Meter, RateLimitedError, start_of
from tillkeeper.access.staff import SecondFactorNeededError, SessionOverError, SignInFailedError
from tillkeeper.access.staff.hashing import Hasher, hashes_at_once_max, hashes_waiting_max
from tillkeeper.flows.employ import disable, offer_second_factor, reset_password, set_role, use_second_factor
from tillkeeper.flows.sign_in import Proof, recognise, sign_in, sign_out, step_up
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError


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


async def test_an_address_that_is_over_its_limit_uses_up_no_account(shop: Any, finn: Person) -> None:
    minute = start_of(clock.now())
    fixed, meter = replace(shop.till, now=lambda: minute), Meter()
    for number in range(20):
        with pytest.raises(SignInFailedError):
            await sign_in(fixed, meter, f"x{number}@example.com", finn.proof(password="guess"))
    for _ in range(5):
        with pytest.raises(RateLimitedError, match="This address"):
            await sign_in(fixed, meter, EMAIL, finn.proof(password="guess"))
    assert await finn.enter(till=fixed, address="192.0.2.99")


async def test_made_up_accounts_are_tried_as_often_as_real_ones_and_make_no_rows_of_their_own(shop: Any) -> None:
    minute = start_of(clock.now())
    fixed = replace(shop.till, now=lambda: minute)
    for number in range(6):
        wrong = RateLimitedError if number == 5 else SignInFailedError
        with pytest.raises(wrong):
            await sign_in(fixed, Meter(), " X@example.com", Proof(password="guess", address=f"192.0.2.{number}"))
    made_up = {staff.crowd("a secret", f"x{number}@example.com") for number in range(20_000)}
    assert 4_000 < len(made_up) <= 4_096
    assert staff.crowd("another", "x@example.com") != staff.crowd("a secret", "x@example.com")


async def test_whoever_is_signed_in_proves_it_again_while_strangers_use_up_the_account(shop: Any, finn: Person) -> None:
    session = await recognise(shop.till, await finn.enter())
    minute = start_of(clock.now())
    fixed = replace(shop.till, now=lambda: minute)
    for number in range(6):
        with pytest.raises((SignInFailedError, RateLimitedError)):
            await finn.enter(till=fixed, password="wrong password", address=f"192.0.2.{number}")
    for _ in range(4):
        with pytest.raises(SignInFailedError):
            await step_up(fixed, Meter(), session, finn.proof(password="wrong password"))
    await step_up(fixed, Meter(), session, finn.proof())
    with pytest.raises(RateLimitedError, match="This session"):
        await step_up(fixed, Meter(), session, finn.proof())


async def guess(finn: Person, times: int, *, minutes: int) -> None:
    """Guess codes with the right password, a minute apart so that nothing else is in the way."""
    for number in range(times):
        with pytest.raises(SignInFailedError):
            await finn.enter(till=later(finn.till, minutes=minutes + number), code="000000")


async def test_after_ten_wrong_codes_none_of_the_app_is_looked_at_for_an_hour(shop: Any, finn: Person) -> None:
    await equip(finn)
    await guess(finn, 10, minutes=2)
    soon = later(shop.till, minutes=20)
    with pytest.raises(RateLimitedError) as refused:
        await finn.enter(till=soon, code=finn.code(soon.now()))
    assert 40 * 60 < (refused.value.retry_after_seconds or 0) <= 42 * 60
    assert await finn.enter(till=soon, code=finn.recovery[0]), "nobody guesses a recovery code"
    with pytest.raises(SignInFailedError):
        await finn.enter(till=later(shop.till, minutes=21), password="wrong password", code="000000")
    after = later(shop.till, minutes=63)
    assert await finn.enter(till=after, code=finn.code(after.now()))
    await guess(finn, 10, minutes=65)


async def test_a_new_password_ends_what_wrong_codes_began(shop: Any, finn: Person) -> None:
    await equip(finn)
    await guess(finn, 10, minutes=2)
    password = await reset_password(shop.till, EMAIL)
    finn.secret = await offer_second_factor(shop.till, finn.id)
    soon = later(shop.till, minutes=20)
    await use_second_factor(soon, finn.id, finn.code(soon.now()))
    soon = later(shop.till, minutes=22)
    assert await finn.enter(till=soon, password=password, code=finn.code(soon.now()))


async def test_wrong_codes_of_a_new_second_factor_count_too(shop: Any, finn: Person) -> None:
    finn.secret = await offer_second_factor(shop.till, finn.id)
    for _ in range(10):
        with pytest.raises(InvalidFieldError):
            await use_second_factor(shop.till, finn.id, "000000")
    with pytest.raises(RateLimitedError):
        await use_second_factor(shop.till, finn.id, finn.code())


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as opened:
        yield opened


async def test_operators_hear_of_it_when_somebody_with_a_password_guesses_codes(
    shop: Any, finn: Person, box: Mailbox
) -> None:
    await equip(finn)
    finn.till = posted(shop.till, box)
    await guess(finn, 9, minutes=2)
    assert await shop.count("mail_letter") == 0
    await guess(finn, 1, minutes=11)
    row = await shop.owner.fetchrow("SELECT kind, topic, data ->> 'member' AS member FROM mail_letter")
    assert tuple(row) == ("alert", "member.codes_guessed", ids.text("member", finn.id))


async def waiting_or_done(shop: Any, task: "asyncio.Task[Any]") -> None:
    """Wait until a task is over, or waits for a lock of PostgreSQL."""
    blocked = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    while not task.done() and not await shop.owner.fetchval(blocked):  # noqa: ASYNC110 (PostgreSQL offers no event)
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("finn")
async def test_a_session_that_begins_with_the_old_password_ends_with_the_new_one(shop: Any) -> None:
    async with shop.till.db.transaction(read_only=True) as tx:
        member = await staff.find(tx, EMAIL)
    ready, go = asyncio.Event(), asyncio.Event()

    async def enter() -> str:
        async with shop.till.db.transaction() as tx:
            await staff.check_code(tx, member, None, box=shop.till.box, now=shop.till.now())
            ready.set()
            await go.wait()
            return await staff.begin(tx, member, shop.till.now())

    entering = asyncio.create_task(enter())
    await ready.wait()
    changing = asyncio.create_task(reset_password(shop.till, EMAIL))
    await waiting_or_done(shop, changing)
    go.set()
    token = await entering
    await changing
    with pytest.raises(SessionOverError):
        await recognise(shop.till, token)


async def test_those_who_sign_in_wait_for_each_other_and_nobody_else_waits_for_them() -> None:
    hasher, open_ = Hasher(), threading.Event()
    waiting = [asyncio.create_task(hasher.run(open_.wait)) for _ in range(hashes_at_once_max + hashes_waiting_max)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimitedError, match="More people"):
        await hasher.run(open_.wait)
    assert await asyncio.to_thread(threading.active_count) < 50, "what others run in threads goes on"
    open_.set()
    assert all(await asyncio.gather(*waiting))
    assert await hasher.run(open_.wait)


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


async def test_the_log_says_from_where_somebody_could_not_be_let_in(finn: Person) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(SignInFailedError):
        await finn.enter(password="wrong password", address="192.0.2.77")
    [line] = [line for line in lines if line["event"] == "sign_in_failed"]
    assert (line["address"], line["subject"]) == ("192.0.2.77", ids.text("member", finn.id))


def test_a_form_token_belongs_to_one_session_of_one_installation() -> None:
    made = staff.form_token("a secret", b"one session")
    assert made == staff.form_token("a secret", b"one session")
    assert made not in {staff.form_token("a secret", b"another"), staff.form_token("another", b"one session")}
