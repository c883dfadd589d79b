"""A key opens what it was made for, until it is revoked, and is never stored as it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tillkeeper.access import ForbiddenError, KeyKind, Right, UnauthenticatedError
from tillkeeper.flows.authorize import authorize, issue, revoke
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError

RIGHTS = {"read": Right.SEE, "write": Right.REFUND, "admin": Right.KEEP_KEYS}


async def test_a_key_is_known_by_its_text_and_carries_its_scopes(shop: Any) -> None:
    made, text = await issue(shop.till, "server", scopes=["write"])
    principal = await authorize(shop.till, text)
    assert (principal.key, principal.name, principal.scopes) == (made, "server", frozenset({"write"}))
    assert text.startswith("till_sk_sandbox_")


async def test_a_key_that_was_wished_for_twice_is_made_once_and_its_text_told_once(shop: Any) -> None:
    wish = shop.wish("once", "a key")
    _, text = await issue(shop.till, "server", scopes=["read"], wish=wish)
    with pytest.raises(InvalidStateError, match="shown then"):
        await issue(shop.till, "server", scopes=["read"], wish=wish)
    assert await shop.count("api_key") == 1
    assert text not in str(await shop.owner.fetch("SELECT * FROM idempotency_key"))


async def test_the_text_of_a_key_is_not_in_the_database(shop: Any) -> None:
    _, text = await issue(shop.till, "server", scopes=["read"])
    row = await shop.owner.fetchval("SELECT api_key::text FROM api_key")
    assert text not in row
    assert text.removeprefix("till_sk_sandbox_") not in row


@pytest.mark.parametrize("text", ["", "till_sk_sandbox_", "till_sk_sandbox_guess", "sk_test_1"])
async def test_an_unknown_key_opens_nothing(shop: Any, text: str) -> None:
    await issue(shop.till, "server", scopes=["read"])
    with pytest.raises(UnauthenticatedError):
        await authorize(shop.till, text)


@pytest.mark.parametrize(
    "text", ["x", "till_sk_live_" + "a" * 32, "till_sk_sandbox_" + "a" * 33, "till_sk_sandbox_" + "ä" * 32]
)
async def test_a_text_that_is_no_key_by_its_form_is_not_looked_up(shop: Any, text: str) -> None:
    _, key = await issue(shop.till, "server", scopes=["read"])
    blocked = replace(shop.till, db=None)
    with pytest.raises(UnauthenticatedError):
        await authorize(blocked, text)
    with pytest.raises(AttributeError):
        await authorize(blocked, key)


async def test_a_revoked_key_opens_nothing_at_once(shop: Any) -> None:
    made, text = await issue(shop.till, "server", scopes=["read"])
    await revoke(shop.till, made)
    with pytest.raises(UnauthenticatedError):
        await authorize(shop.till, text)
    with pytest.raises(NotFoundError):
        await revoke(shop.till, made)


async def test_revoking_what_does_not_exist_says_so(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await revoke(shop.till, ids.new())


async def test_a_key_of_another_mode_opens_nothing(shop: Any) -> None:
    _, text = await issue(shop.till, "server", scopes=["read"])
    live = replace(shop.till, settings=shop.till.settings.model_copy(update={"mode": "live"}))
    with pytest.raises(UnauthenticatedError):
        await authorize(live, text)


@pytest.mark.parametrize(
    ("scope", "allowed"), [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})]
)
async def test_a_scope_includes_the_lesser_ones_and_no_more(shop: Any, scope: str, allowed: set[str]) -> None:
    _, text = await issue(shop.till, "server", scopes=[scope])
    principal = await authorize(shop.till, text)
    opened = set()
    for wanted, right in RIGHTS.items():
        try:
            principal.require(right)
            opened.add(wanted)
        except ForbiddenError:
            continue
    assert opened == allowed


@pytest.mark.parametrize(("name", "scopes"), [("", ["read"]), ("x" * 101, ["read"]), ("x", []), ("x", ["root"])])
async def test_a_key_without_a_name_or_with_strange_scopes_is_not_made(shop: Any, name: str, scopes: list[str]) -> None:
    with pytest.raises(InvalidFieldError):
        await issue(shop.till, name, scopes=scopes)
    assert await shop.count("api_key") == 0


async def test_a_key_opens_until_it_ends_and_not_at_its_end(shop: Any) -> None:
    end = clock.now() + timedelta(hours=1)
    _, text = await issue(shop.till, "for an hour", scopes=["read"], expires_at=end)
    assert (await authorize(shop.till, text)).name == "for an hour"
    just_before = replace(shop.till, now=lambda: end - timedelta(microseconds=1))
    assert (await authorize(just_before, text)).name == "for an hour"
    for late in (end, end + timedelta(days=1)):
        with pytest.raises(UnauthenticatedError):
            await authorize(replace(shop.till, now=lambda late=late: late), text)


async def test_a_key_that_would_be_over_at_once_is_not_made(shop: Any) -> None:
    with pytest.raises(InvalidFieldError):
        await issue(shop.till, "late", scopes=["read"], expires_at=clock.now())
    assert await shop.count("api_key") == 0


async def test_a_publishable_key_says_what_it_is_and_has_no_scope(shop: Any) -> None:
    _, text = await issue(shop.till, "web page", kind=KeyKind.PUBLISHABLE)
    assert text.startswith("till_pk_sandbox_")
    principal = await authorize(shop.till, text)
    for right in Right:
        with pytest.raises(ForbiddenError):
            principal.require(right)


async def test_a_publishable_key_cannot_be_given_a_scope(shop: Any) -> None:
    with pytest.raises(InvalidFieldError):
        await issue(shop.till, "web page", kind=KeyKind.PUBLISHABLE, scopes=["read"])


async def test_a_token_opens_nothing_where_tokens_are_not_configured(shop: Any) -> None:
    assert shop.till.tokens is None
    with pytest.raises(UnauthenticatedError, match="TILL_JWT_SECRET"):
        await authorize(shop.till, "header.claims.signature")
