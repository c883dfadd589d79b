"""The page of proofs: numbers with their SQL, what must always be true, and duplicates that move nothing."""

import html
import re
from typing import Any

import pytest
from tests.dashboard.conftest import words

from tillkeeper.flows import rehearse as rehearsing
from tillkeeper.flows.examine import examine
from tillkeeper.reports import proof
from tillkeeper.web import proofs


async def test_the_numbers_count_what_happened(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    [event, *_] = await shop.events("checkout.session.completed")
    for _ in range(3):
        await shop.hear(event)
    await shop.refund(payment, 60)
    shown = await (await desk_of("viewer")).read("/proof")
    for said in ("Captured 1 1.99 EUR", "Delivered 1 120 credits", "not at all 0", "absorbed 3", "Taken back 1"):
        assert said in shown, said
    assert "They differ" not in shown


async def test_each_promise_stands_there_with_its_last_full_run_and_how_to_repeat_it(desk_of: Any) -> None:
    shown = await (await desk_of("viewer")).read("/proof")
    for promise in proofs.read():
        assert promise.claim.replace("`", "") in shown
        assert promise.command in shown
        assert promise.last is None or promise.last.found in shown


async def test_the_sql_that_is_shown_gives_the_number_that_is_shown(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await shop.paid()
    text = (await (await desk_of("viewer")).get("/proof")).text
    shown = [html.unescape(each) for each in re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)]
    for name, sql in proof.STATEMENTS.items():
        assert sql.strip() in shown, name
    rows = await shop.owner.fetch(proof.CAPTURED)
    assert [(row["unit"], row["found"], row["amount"]) for row in rows] == [("EUR", 2, 398)]
    for statement in shown:
        await shop.owner.fetch(statement)


async def test_a_payment_that_was_captured_and_not_delivered_is_counted(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    await shop.owner.execute("UPDATE payment SET amount_captured = 0")
    shown = await desk.read("/proof")
    await shop.owner.execute("UPDATE payment SET amount_captured = 199")
    assert "not at all 1" in shown


async def test_invariants_show_their_last_look_and_what_is_broken(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    assert "not yet" in await desk.read("/proof")
    await examine(shop.till)
    text = (await desk.get("/proof")).text
    assert "#circle-x" not in text
    names = re.findall(r'data-label="Name">(I\d+)<', text)
    assert names == ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11"]
    await shop.owner.execute("UPDATE invariant_check SET violations = 2, broken_since = checked_at WHERE name = 'I5'")
    assert "2 broken" in await desk.read("/proof")


async def test_a_page_without_payments_counts_nothing(desk_of: Any) -> None:
    shown = await (await desk_of("viewer")).read("/proof")
    assert "Captured 0" in shown
    assert "Nothing was booked yet" in shown


async def test_duplicates_are_fired_and_what_came_of_it_is_shown(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsing, "arrival_timeout_seconds", 0)
    await shop.paid()
    desk = await desk_of("developer")
    [message, *_] = re.findall(r'<option value="(message_\w+)"', (await desk.get("/proof/fire")).text)
    answer = await desk.post("/proof/fire", message=message)
    assert (answer.status_code, "Nothing moved" in answer.text) == (200, True)
    assert "0 of 50 have arrived so far" in answer.text, "nobody hears the webhooks of this sandbox"
    assert "Captured 1.99 EUR 1.99 EUR" in words(answer.text)


async def test_firing_needs_a_webhook_that_is_there(desk_of: Any) -> None:
    desk = await desk_of("developer")
    assert "No webhook was processed yet" in await desk.read("/proof/fire")
    answer = await desk.post("/proof/fire", message="nonsense")
    assert (answer.status_code, 'role="alert"' in answer.text) == (404, True)


async def test_who_may_not_replay_sees_no_button_and_is_refused(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "/proof/fire" not in (await desk.get("/proof")).text
    token = (await desk.hidden("/you"))["token"]
    assert (await desk.send("/proof/fire", {"token": token}, message="x")).status_code == 403
    assert "/proof/fire" in (await (await desk_of("developer")).get("/proof")).text
