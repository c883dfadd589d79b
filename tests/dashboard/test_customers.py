"""The pages about who buys: what they hold, and what people do about it by hand."""

from typing import Any
from urllib.parse import urlencode

from tillkeeper.customers import Profile
from tillkeeper.flows.register import register

HOSTILE = "<script>alert(1)</script>"


def of(user: str, deed: str = "") -> str:
    return f"/customers/user{deed}?{urlencode({'name': user})}"


async def test_users_are_listed_with_what_they_hold(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await shop.paid(user=HOSTILE)
    desk = await desk_of("viewer")
    listed = (await desk.get("/customers")).text
    assert (HOSTILE in listed, "&lt;script&gt;" in listed, "120" in listed) == (False, True, True)
    assert (await desk.get("/customers", name="ana")).headers["location"] == "/admin/customers/user?name=ana"


async def test_empty_lists_say_what_to_do(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "Nobody has bought yet" in await desk.read("/customers")
    assert "No customer is registered" in await desk.read("/customers/guests")
    assert (await desk.get(of("nobody"))).status_code == 404


async def test_the_list_goes_on_where_a_page_ends(shop: Any, desk_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.customers.rows_per_page", 1)
    for user in ("ana", "bo"):
        await shop.paid(user=user)
    desk = await desk_of("viewer")
    first = await desk.get("/customers")
    [after] = [part.split('"')[0] for part in first.text.split('rel="next" href="')[1:]]
    second = await desk.http.get(after)
    assert ("name=bo" in first.text, "name=ana" in first.text) == (True, False)
    assert ("name=bo" in second.text, "name=ana" in second.text) == (False, True)
    assert (await desk.get("/customers", cursor="nonsense")).status_code == 422


async def test_one_user_shows_wallet_movements_and_payments(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    await shop.spend(20)
    await register(shop.till, Profile(external_id="ana", email="ana@example.com", name="Ana Lovelace"))
    desk = await desk_of("viewer")
    shown = await desk.read(of("ana"))
    for said in ("Credits 100", "Ana Lovelace", "ana@example.com", "game", "On no list"):
        assert said in shown, said
    assert payment["id"] in (await desk.get(of("ana"))).text
    assert "Adjust credits" not in shown


async def test_a_guest_pays_and_is_no_user(shop: Any, desk_of: Any) -> None:
    shown, _ = await register(shop.till, Profile(external_id=None, email="gus@example.com", name="Gus"))
    desk = await desk_of("viewer")
    assert "gus@example.com" in await desk.read("/customers/guests")
    assert "is no user" in await desk.read(f"/customers/{shown['id']}")


async def test_a_customer_who_is_a_user_leads_to_the_user(shop: Any, desk_of: Any) -> None:
    await shop.paid(user="a/b c")
    shown, _ = await register(shop.till, Profile(external_id="a/b c", email=None, name=None))
    desk = await desk_of("viewer")
    answer = await desk.get(f"/customers/{shown['id']}")
    assert "a/b c" in await desk.told(answer)


async def test_credits_are_given_in_two_steps_and_once(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk, path = await desk_of("finance"), of("ana", "/adjust")
    wish = {"kind": "bonus", "amount": "30", "reason": "sorry"}
    first = await desk.post(path, **wish)
    assert ("150 afterwards" in first.text, await shop.wallet()) == (True, (120, 0))
    hidden = await desk.hidden(path) | {"step": "confirmed", **wish}
    made, again = [await desk.send(path, hidden) for _ in range(2)]
    assert "holds 150 credits" in await desk.told(made)
    assert (again.status_code, await shop.wallet()) == (303, (150, 0))
    assert await shop.count("audit_entry", "action = 'credits.granted'") == 1


async def test_no_more_credits_are_taken_than_there_are(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk, path = await desk_of("finance"), of("ana", "/adjust")
    for amount, status in (("121", 402), ("-3", 422), ("1.5", 422), ("", 422)):
        answer = await desk.post(path, kind="take", amount=amount, reason="mistake", step="confirmed")
        assert (amount, answer.status_code) == (amount, status)
    assert await shop.wallet() == (120, 0)
    await desk.told(await desk.post(path, kind="take", amount="20", reason="mistake", step="confirmed"))
    assert await shop.wallet() == (100, 0)


async def test_a_debt_is_written_off(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    await shop.spend(120)
    desk = await desk_of("finance")
    assert "Write off the debt" not in await desk.read(of("ana"))
    await shop.act("refunds", {"payment_intent": await _intent(shop), "amount": payment["amount"]})
    await shop.catch_up()
    assert (await shop.wallet())[1] == 120
    assert "Write off the debt" in await desk.read(of("ana"))
    assert "debt is 20 credits" in await desk.told(
        await desk.post(of("ana", "/write-off"), amount="100", reason="too old")
    )
    assert (await shop.wallet())[1] == 20


async def _intent(shop: Any) -> str:
    return str(await shop.owner.fetchval("SELECT reference FROM payment_reference WHERE reference LIKE 'pi_%'"))


async def test_a_buyer_is_blocked_trusted_and_taken_off_again(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("support")
    assert (await desk.post(of("ana", "/block"), reason="")).status_code == 422
    await desk.told(await desk.post(of("ana", "/block"), reason="three chargebacks", expires="2099-01-01"))
    assert "blocked" in await desk.read(of("ana"))
    assert await shop.count("risk_list", "side = 'block' AND expires_at = '2099-01-02'") == 1
    await desk.told(await desk.post(of("ana", "/unlist")))
    assert await shop.count("risk_list") == 0
    await desk.told(await desk.post(of("ana", "/allow"), reason="my aunt"))
    assert "trusted" in await desk.read(of("ana"))
    assert await shop.count("audit_entry", "action LIKE 'risk.%'") == 3


async def test_a_user_is_erased_only_by_an_admin_who_types_the_name_again(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    path, desk = of("ana", "/erase"), await desk_of("admin")
    assert (await (await desk_of("finance")).get(path)).status_code == 403
    assert (await (await desk_of("admin", minutes=11)).get(path)).headers["location"].startswith("/admin/prove")
    assert (await desk.post(path, typed="anna", reason="asked for it")).status_code == 422
    assert await shop.count("end_user", "name = 'ana'") == 1
    assert "Erased." in await desk.told(await desk.post(path, typed="ana", reason="asked for it"))
    assert await shop.count("end_user", "name = 'ana'") == 0


async def test_who_may_not_adjust_is_not_let_to(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    for role, deed in (
        ("support", "/adjust"),
        ("support", "/write-off"),
        ("developer", "/block"),
        ("viewer", "/allow"),
    ):
        desk = await desk_of(role)
        assert (await desk.get(of("ana", deed))).status_code == 403
        answer = await desk.send(of("ana", deed), await desk.hidden("/you"), kind="bonus", amount="1", reason="x")
        assert answer.status_code == 403
    assert await shop.wallet() == (120, 0)
