"""The pages about payments: what they show, and what can be done there."""

import re
from decimal import Decimal
from typing import Any

import pytest

from tillkeeper.kernel import ids

HOSTILE = "<script>alert(1)</script>"


async def test_the_list_shows_payments_and_narrows_them_down(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("viewer")
    assert payment["id"] in (await desk.get("/payments")).text
    assert payment["id"] in (await desk.get("/payments", status="succeeded", user="ana", **{"from": "2020-01-01"})).text
    assert payment["id"] not in (await desk.get("/payments", status="failed")).text
    assert "No payment fits" in await desk.read("/payments", to="2020-01-01")


async def test_an_empty_list_says_what_to_do(desk_of: Any) -> None:
    assert "Nobody has paid yet" in await (await desk_of("viewer")).read("/payments")


async def test_a_day_that_is_none_is_explained(desk_of: Any) -> None:
    answer = await (await desk_of("viewer")).get("/payments", **{"from": "yesterday"})
    assert (answer.status_code, "A day is written" in answer.text) == (422, True)


async def test_an_address_with_more_fields_than_any_form_is_explained(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    answer = await desk.http.get("/admin/payments?" + "&".join(["user=ana"] * 201))
    assert (answer.status_code, "<h1" in answer.text) == (422, True)


async def test_the_list_goes_on_where_a_page_ends(shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.payments.rows_per_page", 2)
    made = [(await shop.paid())["id"] for _ in range(3)]
    desk = await desk_of("viewer")
    first = await desk.get("/payments")
    [after] = [part.split('"')[0] for part in first.text.split('rel="next" href="')[1:]]
    second = await desk.http.get(after.replace("&amp;", "&"))
    assert [each in first.text for each in made] == [False, True, True]
    assert [each in second.text for each in made] == [True, False, False]
    assert "Back to the newest" in second.text


async def test_one_payment_shows_its_money_goods_books_and_everything_that_happened(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 60)
    shown = await (await desk_of("viewer")).read(f"/payments/{payment['id']}")
    for said in (
        "1.99 EUR",
        "Partly revoked",
        "Debits equal credits",
        "Booked capture",
        "Asked Stripe",
        "Stays with you",
    ):
        assert said in shown, said


async def test_goods_that_came_before_any_webhook_took_no_time_that_could_be_told(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk, path = await desk_of("viewer"), f"/payments/{payment['id']}"
    assert "Delivered in" in await desk.read(path)
    await shop.owner.execute("UPDATE inbox_message SET received_at = received_at + interval '11 hours'")
    assert "Delivered in" not in await desk.read(path)


async def test_a_payment_that_does_not_exist_is_a_page_that_says_so(desk_of: Any) -> None:
    for name in (ids.text("payment", ids.new()), "payment_x", "nonsense"):
        answer = await (await desk_of("viewer")).get(f"/payments/{name}")
        assert (answer.status_code, "<h1" in answer.text) in {(404, True), (422, True)}


async def test_what_buyers_typed_is_shown_as_text(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    await shop.owner.execute(
        "UPDATE payment SET description = $1, metadata = jsonb_build_object('note', $1::text)", HOSTILE
    )
    desk = await desk_of("viewer")
    for path in ("/payments", f"/payments/{payment['id']}"):
        answer = await desk.get(path)
        assert answer.status_code == 200
        assert HOSTILE not in answer.text


async def test_a_refund_says_what_it_brings_and_is_made_once_when_pressed_twice(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("support")
    path = f"/payments/{payment['id']}/refund"
    assert "taken back at once" in await desk.read(path)
    hidden = await desk.hidden(path)
    answers = [await desk.send(path, hidden, amount="0.60", reason="broken") for _ in range(2)]
    assert "€0.60 is on its way back" in await desk.told(answers[0])
    assert {answer.status_code for answer in answers} == {303}
    assert await shop.count("refund") == 1
    assert await shop.owner.fetchval("SELECT amount FROM refund") == 60
    assert await shop.owner.fetchval("SELECT count(*) FROM audit_entry WHERE action LIKE 'refund.%'") == 1


async def test_a_refund_offers_the_money_of_what_nobody_used_and_says_what_becomes_of_the_rest(
    shop: Any, desk_of: Any
) -> None:
    payment = await shop.paid()
    await shop.spend(60)
    desk, path = await desk_of("support"), f"/payments/{payment['id']}/refund"
    said = await desk.read(path)
    [offered] = re.findall(r'name="amount"[^>]* value="([0-9.]+)"', (await desk.get(path)).text)
    assert 0 < Decimal(offered) < Decimal("1.99")
    assert f"Refund up to {offered} EUR to ana" in said
    assert f"{Decimal('1.99') - Decimal(offered)} EUR more was paid for credits that are spent" in said
    assert (await desk.post(path, amount=offered, reason="")).status_code == 303


async def test_a_gateway_is_called_as_people_know_it_also_where_it_is_not_configured(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("support")
    await shop.owner.execute("UPDATE payment SET gateway = 'paypal'")
    for path in ("/payments", f"/payments/{payment['id']}/refund"):
        text = (await desk.get(path)).text
        assert ("PayPal" in text, "Paypal" in text) == (True, False), path
    await shop.owner.execute("UPDATE payment SET gateway = 'stripe'")


@pytest.mark.parametrize("amount", ["", "1,999.999", "two", "-1", "3.00", "1e3", "0"])
async def test_a_refund_of_what_cannot_be_is_explained_in_the_dialog(shop: Any, desk_of: Any, amount: str) -> None:
    payment = await shop.paid()
    desk = await desk_of("support")
    answer = await desk.post(f"/payments/{payment['id']}/refund", amount=amount, reason="broken")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="broken"' in answer.text, "what was typed stays"
    assert await shop.count("refund") == 0


async def test_a_reason_is_no_longer_than_one_over_the_api(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk, path = await desk_of("support"), f"/payments/{payment['id']}/refund"
    answer = await desk.post(path, amount="0.60", reason="a" * 201)
    assert (answer.status_code, "at most 200 characters" in answer.text) == (422, True)
    assert await shop.count("refund") == 0


async def test_who_may_not_refund_sees_no_button_and_is_refused(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk, path = await desk_of("viewer"), f"/payments/{payment['id']}"
    assert f"{path}/refund" not in (await desk.get(path)).text
    assert (await desk.get(f"{path}/refund")).status_code == 403
    support = await desk_of("support")
    token = (await desk.hidden("/you"))["token"]
    assert (await desk.send(f"{path}/refund", {"token": token, "key": "k"}, amount="1")).status_code == 403
    assert f"{path}/refund" in (await support.get(path)).text
    assert await shop.count("refund") == 0


async def test_two_who_refund_at_once_see_one_refund_and_why_the_other_was_not_made(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    one, other = await desk_of("support"), await desk_of("finance")
    path = f"/payments/{payment['id']}/refund"
    forms = [(desk, await desk.hidden(path)) for desk in (one, other)]
    answers = [await desk.send(path, hidden, amount="1.99") for desk, hidden in forms]
    assert [answer.status_code for answer in answers] == [303, 422]
    assert "left to refund" in answers[1].text
    assert await shop.count("refund") == 1


async def test_the_gateway_is_asked_and_its_answer_applied(shop: Any, desk_of: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    desk = await desk_of("support")
    told = await desk.told(await desk.post(f"/payments/{payment['id']}/sync"))
    assert "The payment’s state: Succeeded" in told
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_checkout_that_is_open_is_let_go(shop: Any, desk_of: Any) -> None:
    payment = await shop.opened()
    desk = await desk_of("support")
    assert "was let go" in await desk.told(await desk.post(f"/payments/{payment['id']}/cancel"))
    assert (await shop.show(payment))["status"] == "canceled"
