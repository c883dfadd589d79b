"""The pages about giving money back: what went back, who asks for it, and what people decide."""

from typing import Any

import pytest

from tillkeeper.flows.request_refund import Asked, request_refund
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.kernel import ids
from tillkeeper.refund_requests import Person, Policy, ReasonCode

HOSTILE = "<script>alert(1)</script>"
ASKER = Person(id="key_x", name="a shop")


@pytest.fixture
async def careful(shop: Any) -> None:
    """Let nothing go back before a person has agreed."""
    await set_refund_policy(shop.till, Policy(auto_approve_units=None), by=ASKER, note=None)


async def asked(shop: Any, note: str = "it broke") -> Any:
    """Buy, and ask for the money back."""
    payment = await shop.paid()
    wanted = Asked(payment=ids.parse("payment", payment["id"]), by=ASKER, reason_code=ReasonCode.DEFECTIVE, note=note)
    return (await request_refund(shop.till, shop.wish(), wanted)).body


async def test_the_list_shows_refunds_and_narrows_them_down(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment, 60)
    desk = await desk_of("viewer")
    assert made["id"] in (await desk.get("/refunds")).text
    assert made["id"] in (await desk.get("/refunds", status="succeeded", origin="us", payment=payment["id"])).text
    assert made["id"] not in (await desk.get("/refunds", origin="gateway")).text
    assert "No refund fits" in await desk.read("/refunds", status="failed")


async def test_one_refund_shows_its_money_and_what_was_taken_back(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment, 60)
    shown = await (await desk_of("viewer")).read(f"/refunds/{made['id']}")
    for said in ("0.60 EUR", "Succeeded", "1.99 EUR", "Taken back for all its refunds", "made here"):
        assert said in shown, said


async def test_empty_lists_say_what_to_do(desk_of: Any) -> None:
    desk = await desk_of("finance")
    assert "Nothing went back yet" in await desk.read("/refunds")
    assert "Nobody has asked for money back" in await desk.read("/refunds/requests")
    assert "As the program comes" in await desk.read("/refunds/policies")
    assert "Say which payments are meant" in await desk.read("/refunds/choose")


@pytest.mark.usefixtures("careful")
async def test_whoever_may_not_decide_is_not_let_to(shop: Any, desk_of: Any) -> None:
    request = await asked(shop)
    for role, path in (("support", "approve"), ("developer", "reject"), ("viewer", "override")):
        desk = await desk_of(role)
        assert (await desk.get(f"/refunds/requests/{request['id']}/{path}")).status_code == 403
        assert f"{request['id']}/{path}" not in (await desk.get(f"/refunds/requests/{request['id']}")).text
    assert (await (await desk_of("viewer")).get("/refunds/ask")).status_code == 403
    assert (await (await desk_of("support")).get("/refunds/policies")).status_code == 403


@pytest.mark.usefixtures("careful")
async def test_a_request_is_agreed_to_once_however_often_the_button_is_pressed(shop: Any, desk_of: Any) -> None:
    request = await asked(shop)
    desk, path = await desk_of("finance"), f"/refunds/requests/{request['id']}/approve"
    hidden = await desk.hidden(path)
    first, again = [await desk.send(path, hidden, note="fine") for _ in range(2)]
    assert "Agreed: refunded" in await desk.told(first)
    assert again.status_code == 303
    assert await shop.count("refund") == 1
    assert "fine" in await desk.read(f"/refunds/requests/{request['id']}")


@pytest.mark.usefixtures("careful")
async def test_agreeing_asks_for_the_password_when_it_was_given_long_ago(shop: Any, desk_of: Any) -> None:
    request = await asked(shop)
    answer = await (await desk_of("finance", minutes=11)).get(f"/refunds/requests/{request['id']}/approve")
    assert (answer.status_code, answer.headers["location"].startswith("/admin/prove")) == (303, True)


@pytest.mark.usefixtures("careful")
async def test_turning_a_request_down_takes_words_and_gives_nothing_back(shop: Any, desk_of: Any) -> None:
    request = await asked(shop)
    desk, path = await desk_of("finance"), f"/refunds/requests/{request['id']}/reject"
    refused = await desk.post(path, note=" ")
    assert (refused.status_code, "Fill in" in refused.text) == (422, True)
    assert "nothing goes back" in await desk.told(await desk.post(path, note="used up"))
    assert (await shop.count("refund"), await shop.count("refund_request", "state = 'rejected'")) == (0, 1)
    late = await desk.post(path, note="again")
    assert late.status_code == 409


async def test_what_the_policy_turned_down_is_asked_for_beyond_it(shop: Any, desk_of: Any) -> None:
    await set_refund_policy(shop.till, Policy(share_max_bps=0), by=ASKER, note=None)
    request = await asked(shop)
    assert request["status"] == "rejected"
    desk = await desk_of("finance")
    told = await desk.told(await desk.post(f"/refunds/requests/{request['id']}/override", note="a good customer"))
    assert "beyond the policy" in told
    assert await shop.count("refund_request", "override_reason = 'a good customer'") == 1


async def test_somebody_asks_for_money_back_and_the_policy_lets_it_go(shop: Any, desk_of: Any) -> None:
    payment, desk = await shop.paid(), await desk_of("support")
    wish = {"payment": payment["id"], "reason_code": "defective", "amount": "0.60", "note": HOSTILE}
    answer = await desk.post("/refunds/ask", **wish)
    shown = (await desk.http.get(answer.headers["location"])).text
    assert (HOSTILE in shown, "&lt;script&gt;" in shown) == (False, True)
    assert (await shop.show(payment))["amount_refunded"] == 60
    for wrong in ({"amount": "a lot"}, {"reason_code": "boredom"}, {"payment": "payment_x"}, {"amount": "99"}):
        assert (await desk.post("/refunds/ask", **wish | wrong)).status_code in {404, 409, 422}
    assert await shop.count("refund") == 1


async def test_money_of_used_goods_is_asked_for_beyond_the_policy_by_whoever_decides(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    await shop.spend(120)
    wish = {"payment": payment["id"], "reason_code": "defective", "override_reason": "a good customer"}
    support, finance = await desk_of("support"), await desk_of("finance")
    assert "Beyond the policy" not in await support.read("/refunds/ask")
    assert (await support.post("/refunds/ask", **wish)).status_code == 403
    assert (await finance.post("/refunds/ask", **wish | {"override_reason": ""})).status_code == 422
    answer = await finance.post("/refunds/ask", **wish)
    assert "Asked: open" in await finance.told(answer)
    request = answer.headers["location"].removeprefix("/admin")
    assert "what was spent already becomes a debt" in await finance.read(f"{request}/approve")
    assert "Agreed: refunded" in await finance.told(await finance.post(f"{request}/approve", note=""))
    assert (await shop.wallet())[1] == 120, "what was spent is owed"


@pytest.mark.parametrize("direct", [True, False])
async def test_both_pages_about_the_policy_say_the_same_and_what_is_so(
    shop: Any, desk_of: Any, *, direct: bool
) -> None:
    await set_refund_policy(shop.till, Policy(direct_refunds=direct, share_max_bps=0), by=ASKER, note=None)
    desk, payment = await desk_of("admin"), await shop.paid()
    told = "by whoever may refund" if direct else "by others only what would go back by itself"
    for path in ("/refunds/policies", "/settings/policy"):
        assert told in await desk.read(path), path
    support = await desk_of("support")
    answer = await support.post(f"/payments/{payment['id']}/refund", amount="0.60", reason="")
    assert answer.status_code == (303 if direct else 422)


async def test_a_refund_that_was_given_up_is_ended_by_hand(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    made = await shop.refund(payment, 60)
    await shop.owner.execute("UPDATE operation SET state = 'given_up', lease_until = NULL WHERE kind = 'refund'")
    shop.line.fault = None
    desk = await desk_of("finance")
    assert "Nobody could find out" in await desk.read(f"/refunds/{made['id']}")
    assert (await (await desk_of("support")).get(f"/refunds/{made['id']}/end")).status_code == 403
    told = await desk.told(await desk.post(f"/refunds/{made['id']}/end", reason="not in their dashboard"))
    assert "can be asked for again" in told
    assert (await shop.show_refund(made))["status"] == "failed"
    assert await shop.count("audit_entry", "action = 'refund.abandoned'") == 1
    assert "Refund again" in await desk.read(f"/refunds/{made['id']}")


async def test_a_refund_that_was_not_given_up_is_not_ended(shop: Any, desk_of: Any) -> None:
    made = await shop.refund(await shop.paid(), 60)
    answer = await (await desk_of("finance")).post(f"/refunds/{made['id']}/end", reason="why not")
    assert (answer.status_code, (await shop.show_refund(made))["status"]) == (409, "succeeded")
