"""What people do on the page of a payment beside moving money: note, deliver again, replay."""

import asyncio
import html
import re
from typing import Any

from tests.flows.conftest import uuid_of
from tests.flows.test_fulfil import hand_over, mend, paid_in_vain
from tests.flows.test_refulfil import given_up

HOSTILE = "<script>alert(1)</script>"


async def test_a_note_stands_in_the_timeline_with_who_and_as_text(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    support = await desk_of("support")
    path = f"/payments/{payment['id']}"
    hidden = await support.hidden(f"{path}/note")
    answers = [await support.send(f"{path}/note", hidden, text=f"Ana called.\r\n{HOSTILE}") for _ in range(2)]
    assert "it stands in the timeline" in await support.told(answers[1])
    assert await shop.count("payment_note") == 1
    shown = (await (await desk_of("viewer")).get(path)).text
    assert HOSTILE not in shown
    assert f"{support.email} noted: Ana called.\n{HOSTILE}" in html.unescape(shown)


async def test_a_note_that_is_none_is_explained_and_kept_in_the_dialog(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("support")
    for text, why in (("", "Fill in"), ("é" * 2001, "2,001"), ("bell\a and more", "control")):
        answer = await desk.post(f"/payments/{payment['id']}/note", text=text)
        assert (answer.status_code, why in answer.text) == (422, True), why
        assert text in html.unescape(answer.text)
    assert await shop.count("payment_note") == 0


async def test_who_may_not_handle_payments_may_neither_note_nor_deliver(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    for role in ("viewer", "developer"):
        desk = await desk_of(role)
        shown = (await desk.get(f"/payments/{payment['id']}")).text
        for deed in ("note", "fulfil"):
            path = f"/payments/{payment['id']}/{deed}"
            assert f"/admin{path}" not in shown
            assert (await desk.get(path)).status_code == 403


async def test_a_delivery_that_is_done_says_so_however_often_it_is_run_again(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("support")
    path = f"/payments/{payment['id']}/fulfil"
    assert "gives nothing twice" in await desk.read(path)
    for _ in range(2):
        told = await desk.told(await desk.post(path))
        assert re.search(r"Already done: 120 credits delivered .* UTC; nothing was given twice", told), told
    assert await shop.wallet() == (120, 0)


async def test_goods_that_were_given_up_are_delivered_once_by_two_who_press_at_once(shop: Any, desk_of: Any) -> None:
    payment = await given_up(shop)
    await mend(shop)
    path = f"/payments/{payment['id']}/fulfil"
    desks = [await desk_of("support"), await desk_of("finance")]
    assert "no room for" in await desks[0].read(path)
    forms = [await desk.hidden(path) for desk in desks]
    answers = await asyncio.gather(*(desk.send(path, form) for desk, form in zip(desks, forms, strict=True)))
    told = [await desk.told(answer) for desk, answer in zip(desks, answers, strict=True)]
    assert sorted(text.count("Delivered now: 120 credits.") for text in told) == [0, 1]
    assert sorted(text.count("Already done") for text in told) == [0, 1]
    assert await shop.wallet() == (120, 0)
    assert await shop.count("entitlement") == 1


async def test_a_delivery_that_fails_again_says_why_and_that_it_is_tried_again(shop: Any, desk_of: Any) -> None:
    payment = await paid_in_vain(shop)
    desk = await desk_of("support")
    told = await desk.told(await desk.post(f"/payments/{payment['id']}/fulfil"))
    assert re.search(r"Tried, and not delivered: .*no room for.* It is tried again by itself", told), told
    await mend(shop)
    await hand_over(shop)
    assert await shop.wallet() == (120, 0)


async def test_goods_whose_money_went_back_are_not_delivered_and_the_dialog_says_why(shop: Any, desk_of: Any) -> None:
    payment = await given_up(shop)
    await shop.refund(payment, 199)
    desk = await desk_of("support")
    answer = await desk.post(f"/payments/{payment['id']}/fulfil")
    assert (answer.status_code, "went back" in answer.text) == (409, True)


async def test_a_webhook_that_was_set_aside_is_replayed_from_the_page_of_its_payment(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    message = await shop.owner.fetchval(
        "UPDATE inbox_message SET status = 'dead', reason = 'no worker survived it'"
        " WHERE id = (SELECT id FROM inbox_message WHERE payment_id = $1 LIMIT 1) RETURNING id",
        uuid_of(payment),
    )
    path = f"/payments/{payment['id']}"
    assert "/replay" not in (await (await desk_of("support")).get(path)).text
    developer = await desk_of("developer")
    shown = (await developer.get(path)).text
    assert "no worker survived it" in shown
    [dialog] = set(re.findall(r'href="/admin(/inbox/message_\w+/replay)"', shown))
    await developer.post(dialog)
    assert await shop.owner.fetchval("SELECT status FROM inbox_message WHERE id = $1", message) == "received"
    await shop.catch_up()
    assert await shop.wallet() == (120, 0)


async def test_what_somebody_did_is_told_on_the_page_to_whoever_may_see_it(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    support, path = await desk_of("support"), f"/payments/{payment['id']}"
    await support.post(f"{path}/refund", amount="0.60", reason="came broken")
    shown = await (await desk_of("viewer")).read(path)
    assert f"{support.email} gave money back: came broken" in shown


async def test_the_copied_request_lets_the_shell_put_the_key_in(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    shown = html.unescape((await (await desk_of("viewer")).get(f"/payments/{payment['id']}")).text)
    assert 'curl -H "Authorization: Bearer $TILL_KEY" "' in shown
    assert f'/api/v1/payments/{payment["id"]}"' in shown
