"""The pages about webhooks that came: what they show, and how one is worked on again or set aside."""

import json
from typing import Any

import pytest

from tillkeeper.kernel import ids

HOSTILE = "<script>alert(1)</script>"


async def first(shop: Any, status: str | None = None) -> str:
    """Name the newest webhook, which gets a status when one is given."""
    if status:
        finished = "NULL" if status in {"received", "parked"} else "now()"
        await shop.owner.execute(
            f"UPDATE inbox_message SET status = $1, reason = 'made so by a test', finished_at = {finished}", status
        )
    found = await shop.owner.fetchval("SELECT id FROM inbox_message ORDER BY received_at DESC, id DESC LIMIT 1")
    return ids.text("message", found)


async def statuses(shop: Any) -> set[str]:
    return {row["status"] for row in await shop.owner.fetch("SELECT DISTINCT status FROM inbox_message")}


async def audited(shop: Any, action: str) -> int:
    found: int = await shop.owner.fetchval("SELECT count(*) FROM audit_entry WHERE action = $1", action)
    return found


async def test_the_list_shows_webhooks_and_narrows_them_down(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    message = await first(shop)
    desk = await desk_of("viewer")
    assert message in (await desk.get("/inbox")).text
    for fitting in ({"status": "processed"}, {"gateway": "stripe"}, {"from": "2020-01-01"}, {"payment": payment["id"]}):
        assert payment["id"] in (await desk.get("/inbox", **fitting)).text, fitting
    for name, value in (
        ("status", "dead"),
        ("status", "failed"),
        ("gateway", "square"),
        ("to", "2020-01-01T10:30"),
        ("type", "nothing.of.it"),
    ):
        assert "No webhook fits" in await desk.read("/inbox", **{name: value}), value


async def test_an_empty_inbox_says_what_to_do(desk_of: Any) -> None:
    assert "No webhook has come yet" in await (await desk_of("viewer")).read("/inbox")


async def test_a_moment_that_is_none_is_explained(desk_of: Any) -> None:
    answer = await (await desk_of("viewer")).get("/inbox", **{"from": "yesterday"})
    assert (answer.status_code, "A moment is written" in answer.text) == (422, True)


async def test_the_list_goes_on_where_a_page_ends(shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.inbox.rows_per_page", 1)
    await shop.paid()
    await shop.paid()
    desk = await desk_of("viewer")
    shown = await desk.get("/inbox")
    [after] = [part.split('"')[0] for part in shown.text.split('rel="next" href="')[1:]]
    assert await first(shop) in shown.text
    second = await desk.http.get(after.replace("&amp;", "&"))
    assert await first(shop) not in second.text
    assert "Back to the newest" in second.text


async def test_one_webhook_shows_its_verdict_its_arrivals_and_its_body_without_what_is_private(
    shop: Any, desk_of: Any
) -> None:
    await shop.paid()
    [event] = await shop.events("checkout.session.completed")
    event["data"]["object"]["customer_details"] = {"name": "Ana Nobody", "email": "ana@example.com"}
    await shop.owner.execute("UPDATE inbox_body SET sealed = $1", shop.till.box.seal(json.dumps(event).encode()))
    await shop.hear(event)
    found = ids.text(
        "message", await shop.owner.fetchval("SELECT id FROM inbox_message WHERE event_id = $1", event["id"])
    )
    shown = await (await desk_of("developer")).read(f"/inbox/{found}")
    for said in ("Verified", "arrived 2×", "Came again", "checkout.session.completed"):
        assert said in shown, said
    for private in ("Ana Nobody", "ana@example.com"):
        assert private not in shown, private


async def test_a_body_is_shown_as_far_as_it_can_be_read(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk, path = await desk_of("developer"), f"/inbox/{await first(shop)}"
    assert '"object"' in await desk.read(path)
    for body, said in (
        (b"", "erased with the user"),
        (b"x" * 40, "another TILL_SECRET_KEY"),
        (shop.till.box.seal(b"no JSON of ana@example.com"), "no JSON of ***"),
    ):
        await shop.owner.execute("UPDATE inbox_body SET sealed = $1", body)
        assert said in await desk.read(path)


async def test_only_who_may_replay_sees_the_body_and_the_buttons(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    path = f"/inbox/{await first(shop)}"
    viewer = await desk_of("viewer")
    shown = (await viewer.get(path)).text
    assert "shown to developers and admins" in shown
    assert f"{path}/replay" not in shown
    token = (await viewer.hidden("/you"))["token"]
    for deed in (f"{path}/replay", f"{path}/ignore", "/inbox/replay"):
        assert (await viewer.get(deed)).status_code == 403, deed
        sent = await viewer.send(deed, {"token": token, "key": "k"}, reason="because")
        assert sent.status_code == 403, deed
    assert "received" not in await statuses(shop)


async def test_a_webhook_that_does_not_exist_is_a_page_that_says_so(desk_of: Any) -> None:
    desk = await desk_of("developer")
    for path in ("", "/replay", "/ignore"):
        answer = await desk.get(f"/inbox/{ids.text('message', ids.new())}{path}")
        assert (answer.status_code, "No webhook has this id" in answer.text) == (404, True)


async def test_a_webhook_is_worked_on_again_once_however_often_it_is_pressed(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk, path = await desk_of("developer"), f"/inbox/{await first(shop, 'dead')}/replay"
    hidden = await desk.hidden(path)
    answers = [await desk.send(path, hidden) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    assert "It is worked on again" in await desk.told(answers[1])
    assert await audited(shop, "webhook.replayed") == 1
    await shop.settle()
    assert "processed" in await statuses(shop)
    assert await shop.wallet() == (120, 0), "and nothing was delivered twice"


async def test_a_webhook_is_set_aside_with_a_reason(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk, message = await desk_of("admin"), await first(shop, "quarantined")
    refused = await desk.post(f"/inbox/{message}/ignore", reason=" ")
    assert (refused.status_code, "Fill in" in refused.text) == (422, True)
    assert await statuses(shop) == {"quarantined"}
    answer = await desk.post(f"/inbox/{message}/ignore", reason=f"a test of theirs {HOSTILE}")
    shown = await desk.told(answer)
    assert "set aside" in shown
    assert "a test of theirs" in shown
    assert HOSTILE not in (await desk.get(f"/inbox/{message}")).text
    assert await audited(shop, "webhook.ignored") == 1


async def test_many_are_worked_on_again_as_the_dialog_counted_them(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await first(shop, "dead")
    many = await shop.count("inbox_message")
    desk = await desk_of("developer")
    assert (await desk.get("/inbox", status="failed")).text.count("made so by a test") == many
    assert "/admin/inbox/replay?gateway=stripe" in (await desk.get("/inbox", gateway="stripe")).text
    assert "No webhook fits" in await desk.read("/inbox/replay", gateway="square")
    assert f"{many} webhook" in await desk.read("/inbox/replay", status="failed")
    path = "/inbox/replay?gateway=stripe&from=2020-01-01"
    assert f"{many} webhook" in await desk.read(path)
    hidden = await desk.hidden(path)
    told = [await desk.told(await desk.send("/inbox/replay", hidden)) for _ in range(2)]
    assert all(f"{many} webhook" in each for each in told)
    assert await statuses(shop) == {"received"}
    assert await audited(shop, "webhooks.replayed") == 1


@pytest.mark.parametrize("field", [{"status": "processed"}, {"from": "soon"}])
async def test_a_choice_of_many_that_cannot_be_is_explained(shop: Any, desk_of: Any, field: dict[str, str]) -> None:
    await shop.paid()
    desk = await desk_of("developer")
    assert (await desk.get("/inbox/replay", **field)).status_code == 422
    answer = await desk.send("/inbox/replay", await desk.hidden("/inbox/replay") | {"key": "k"}, **field)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert "received" not in await statuses(shop)


async def test_what_a_gateway_said_is_shown_as_text(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await shop.owner.execute("UPDATE inbox_message SET type = $1, reason = $1", HOSTILE)
    await shop.owner.execute("UPDATE inbox_body SET sealed = $1", shop.till.box.seal(HOSTILE.encode()))
    desk, path = await desk_of("admin"), f"/inbox/{await first(shop)}"
    for each in ("/inbox", path, f"{path}/replay", f"{path}/ignore"):
        answer = await desk.get(each)
        assert answer.status_code == 200, each
        assert HOSTILE not in answer.text, each
