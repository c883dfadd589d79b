"""The search: whatever somebody holds leads to what it is about."""

from typing import Any

import pytest

from tillkeeper import catalog
from tillkeeper.customers import Profile
from tillkeeper.flows.offer import offer
from tillkeeper.flows.register import register
from tillkeeper.fulfilment import packs
from tillkeeper.kernel import ids

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def payment(shop: Any) -> Any:
    made = await shop.create(key="order-4711")
    await shop.pay(made.body)
    await shop.catch_up()
    return await shop.show(made.body)


async def led(desk: Any, words: str) -> str:
    """Search, and tell where that leads; nowhere when several were found or none."""
    answer = await desk.get("/search", q=words)
    return str(answer.headers.get("location", "")).removeprefix("/admin")


async def test_an_id_of_ours_leads_straight_there(shop: Any, desk_of: Any, payment: Any) -> None:
    refund = await shop.refund(payment, 60)
    desk = await desk_of("viewer")
    assert await led(desk, payment["id"]) == f"/payments/{payment['id']}"
    assert await led(desk, f"  {payment['id'].upper()} ") == f"/payments/{payment['id']}"
    assert await led(desk, refund["id"]) == f"/refunds/{refund['id']}"
    for table, prefix in (("outbox_event", "event"), ("inbox_message", "message"), ("attempt", "attempt")):
        id_ = await shop.owner.fetchval(f"SELECT id FROM {table} WHERE payment_id IS NOT NULL LIMIT 1")
        assert await led(desk, ids.text(prefix, id_)) == f"/payments/{payment['id']}", prefix
    for source in ("payment", "refund"):
        id_ = await shop.owner.fetchval("SELECT id FROM journal WHERE source = $1 LIMIT 1", source)
        assert await led(desk, ids.text("journal", id_)) == f"/payments/{payment['id']}", source


async def test_what_a_gateway_calls_it_leads_to_the_payment(shop: Any, desk_of: Any, payment: Any) -> None:
    desk = await desk_of("viewer")
    for sql in (
        "SELECT reference FROM payment_reference WHERE reference LIKE 'pi_%'",
        "SELECT event_id FROM inbox_message WHERE payment_id IS NOT NULL LIMIT 1",
    ):
        assert await led(desk, await shop.owner.fetchval(sql)) == f"/payments/{payment['id']}", sql


async def test_people_are_found_by_name_address_and_reference(shop: Any, desk_of: Any, payment: Any) -> None:
    desk = await desk_of("viewer")
    guest, _ = await register(shop.till, Profile(external_id=None, email="Gus@Example.com", name="Gus"))
    assert await led(desk, str(payment["user"])) == "/customers/user?name=ana"
    assert await led(desk, "gus@example.COM") == f"/customers/{guest['id']}"


async def test_the_key_and_the_request_of_a_wish_lead_to_what_was_made(shop: Any, desk_of: Any, payment: Any) -> None:
    desk = await desk_of("support")
    assert await led(desk, "order-4711") == f"/payments/{payment['id']}"
    await desk.post(f"/payments/{payment['id']}/refund", amount="0.60", reason="late")
    request = await shop.owner.fetchval("SELECT request FROM audit_entry WHERE action LIKE 'refund%' LIMIT 1")
    assert (await led(desk, request)).startswith(("/refunds/", f"/payments/{payment['id']}"))


async def test_a_card_is_found_by_its_serial(shop: Any, desk_of: Any) -> None:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    packed = await shop.paid(package="pack_black")
    row = await shop.owner.fetchrow(
        "SELECT title, number FROM card JOIN card_design ON card_design.id = design_id ORDER BY card.id LIMIT 1"
    )
    desk = await desk_of("viewer")
    for written in (f"{row['title']} {row['number']}", f"{row['title'].upper()} #{row['number']} of 500"):
        assert await led(desk, written) == f"/payments/{packed['id']}"


async def test_several_hits_are_listed_and_none_says_what_was_looked_for(shop: Any, desk_of: Any, payment: Any) -> None:
    await shop.paid(user=payment["id"])
    desk = await desk_of("viewer")
    listed = (await desk.get("/search", q=payment["id"])).text
    assert ("/admin/customers/user?name=" in listed, f"/admin/payments/{payment['id']}" in listed) == (True, True)
    for nothing in ("nothing at all", HOSTILE, "payment_x", "9" * 30, "%", "' OR 1=1"):
        answer = await desk.get("/search", q=nothing)
        assert (answer.status_code, "Nothing is called so" in answer.text, HOSTILE in answer.text) == (200, True, False)
    assert "by whatever you have" in await desk.read("/search")
    assert (await desk.get("/search", q="x" * 300)).status_code == 422
