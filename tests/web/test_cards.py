"""A card is marked as used over HTTP, once, by whoever may write."""

from typing import Any

import pytest

from tillkeeper import catalog
from tillkeeper.flows.offer import offer
from tillkeeper.fulfilment import packs
from tillkeeper.kernel import ids


@pytest.fixture
async def card(front: Any) -> str:
    """Put one card into the hands of a new user, and return where it is used."""
    await offer(front.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    user, card = ids.new(), ids.new()
    await front.owner.execute("INSERT INTO end_user (id, name) VALUES ($1, $2)", user, str(user))
    await front.owner.execute(
        """
        INSERT INTO card (id, design_id, number, user_id, payment_id, ordinal, status, created_at)
        SELECT $1, 'pack_black:01', count(*) + 1, $2, $3, 0, 'owned', now() FROM card
        """,
        card,
        user,
        ids.new(),
    )
    return f"/api/v1/users/{user}/cards/{ids.text('card', card)}/use"


async def test_a_card_is_used_and_says_since_when(front: Any, card: str) -> None:
    answer = await front.call("POST", card, {})

    assert answer.status_code == 200, answer.text
    assert (answer.json()["object"], answer.json()["status"], bool(answer.json()["used_at"])) == ("card", "owned", True)


async def test_a_card_that_was_used_is_not_used_again_under_another_key(front: Any, card: str) -> None:
    await front.call("POST", card, {})

    answer = await front.call("POST", card, {})

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_state")
    assert "was used at" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"key": "read"}, 403, "forbidden"),
        ({"key": ""}, 401, "unauthenticated"),
        ({"Idempotency_Key": ""}, 400, "idempotency_key_missing"),
    ],
)
async def test_a_card_is_used_only_by_who_may_write_and_under_a_key(
    front: Any, card: str, change: dict[str, str], status: int, code: str
) -> None:
    answer = await front.call("POST", card, {}, **change)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("absent", ["card_00000000000000000000000000", "payment_00000000000000000000000000", "x"])
async def test_a_card_that_is_not_there_is_not_found(front: Any, card: str, absent: str) -> None:
    answer = await front.call("POST", f"{card.rsplit('/', 2)[0]}/{absent}/use", {})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
