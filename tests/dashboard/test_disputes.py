"""The pages about disputes: what is to be answered until when, the proof, and the answers."""

from typing import Any

import pytest

from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.refund_requests import Person, Policy

HOSTILE = "<script>alert(1)</script>"


async def disputed(shop: Any, **wanted: Any) -> str:
    """Buy, let the bank take it back, and name the dispute."""
    payment = await shop.paid(**wanted)
    reference = await shop.owner.fetchval(
        "SELECT reference FROM payment_reference WHERE payment_id::text IS NOT NULL AND reference LIKE 'pi_%' "
        "ORDER BY payment_id DESC LIMIT 1"
    )
    await shop.act("disputes", {"payment_intent": reference})
    await shop.catch_up()
    assert payment["id"]
    return str(await shop.owner.fetchval("SELECT id FROM dispute ORDER BY id DESC LIMIT 1"))


def shown_id(text: str) -> str:
    """Read the id of the one dispute of a list."""
    [found] = {part.split('"')[0] for part in text.split('href="/admin/disputes/dispute_')[1:]}
    return f"dispute_{found}"


@pytest.fixture
async def dispute(shop: Any, desk_of: Any) -> str:
    await disputed(shop)
    return shown_id((await (await desk_of("viewer")).get("/disputes")).text)


async def test_disputes_are_listed_by_how_long_there_is_to_answer(desk_of: Any, dispute: str) -> None:
    desk = await desk_of("viewer")
    shown = await desk.read("/disputes")
    assert ("days left" in shown, "1.99 EUR" in shown, "Needs response" in shown) == (True, True, True)
    assert "No dispute is in this view" in await desk.read("/disputes", due="overdue")
    assert dispute in (await desk.get("/disputes", due="all", status="needs_response")).text
    assert "No dispute fits" in await desk.read("/disputes", due="all", status="won")


async def test_an_empty_list_says_that_there_is_nothing_to_answer(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "Nothing to answer" in await desk.read("/disputes")
    assert "No bank has taken anything back" in await desk.read("/disputes", due="all")


async def test_one_dispute_shows_the_proof_of_our_records(desk_of: Any, dispute: str) -> None:
    shown = await (await desk_of("viewer")).read(f"/disputes/{dispute}")
    for said in ("120 credits delivered", "Refund policy", "days left", "ana"):
        assert said in shown, said
    assert "Hand in evidence" not in shown


async def test_evidence_is_handed_in_once_with_our_own_words(shop: Any, desk_of: Any, dispute: str) -> None:
    desk, path = await desk_of("support"), f"/disputes/{dispute}/evidence"
    assert "120 credits delivered" in await desk.read(path)
    hidden = await desk.hidden(path)
    first, again = [await desk.send(path, hidden, statement=HOSTILE, customer_ip="192.0.2.7") for _ in range(2)]
    assert "The evidence was handed in" in await desk.told(first)
    assert again.status_code == 303
    assert await shop.count("dispute_response", "kind = 'evidence'") == 1
    assert "Under review" in await desk.read(f"/disputes/{dispute}")
    late = await desk.post(path, statement="more")
    assert late.status_code == 409


async def test_words_that_are_too_long_are_explained_and_nothing_is_handed_in(
    shop: Any, desk_of: Any, dispute: str
) -> None:
    answer = await (await desk_of("support")).post(f"/disputes/{dispute}/evidence", statement="x" * 5001)
    assert (answer.status_code, "at most 5,000 characters" in answer.text) == (422, True)
    assert await shop.count("dispute_response") == 0


async def test_a_dispute_is_given_up_by_whoever_may_and_has_just_given_the_password(
    shop: Any, desk_of: Any, dispute: str
) -> None:
    path = f"/disputes/{dispute}/accept"
    assert (await (await desk_of("support")).get(path)).status_code == 403
    assert (await (await desk_of("finance", minutes=11)).get(path)).headers["location"].startswith("/admin/prove")
    desk = await desk_of("finance")
    assert "the customer keeps the money" in await desk.told(await desk.post(path))
    assert await shop.count("audit_entry", "action = 'dispute.accepted'") == 1


async def test_a_large_dispute_is_sent_for_a_second_look(shop: Any, desk_of: Any, dispute: str) -> None:
    await set_refund_policy(shop.till, Policy(second_person_units=1), by=Person(id="key_x", name="x"), note=None)
    path, first, second = f"/disputes/{dispute}/accept", await desk_of("finance"), await desk_of("admin")
    assert "A second person must accept it too" in await first.told(await first.post(path))
    assert "second person is needed" in await second.read(f"/disputes/{dispute}")
    assert await shop.count("operation", "kind = 'accept'") == 0
    assert "the customer keeps the money" in await second.told(await second.post(path))
    assert await shop.count("operation", "kind = 'accept' AND state = 'done'") == 1
