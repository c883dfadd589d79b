"""Risk review: what waits for a person, who is on the lists, and the rules."""

from typing import Any

import pytest
from tests.flows.test_assess import rule
from tests.flows.test_guard import thief
from tests.flows.test_review import held

from tillkeeper.flows.guard import put_on_list, set_rules
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import risk as report
from tillkeeper.risk import Fact

HOSTILE = "<script>alert(1)</script>"
LARGE = {"fact": "amount", "operator": "more_than", "value": "100", "score": "40", "reason": "a large amount"}


async def names(shop: Any) -> list[str]:
    shown: Any = await read(shop.till, report.rules)
    return [each["id"] for each in shown["data"]]


async def test_what_waits_is_shown_with_its_score_reasons_and_what_is_known(shop: Any, desk_of: Any) -> None:
    payment = await held(shop)
    desk = await desk_of("viewer")
    answer = await desk.get("/risk")
    assert payment["id"] in answer.text
    said = await desk.read("/risk")
    for each in ("1.99 EUR", "40", "(+40)", "Payments begun by the user in an hour: 1", "in 2 d"):
        assert each in said, each
    assert "/approve" not in answer.text, "a viewer does not rule"


async def test_empty_pages_say_what_to_do(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "Nothing waits for a person" in await desk.read("/risk")
    assert "Nobody is on a list" in await desk.read("/risk/lists")
    assert (await desk.get("/risk/lists", side="grey")).status_code == 422


async def test_what_is_let_go_first_stands_first_and_the_list_goes_on(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.risk.held.rows_per_page", 1)
    first, second = [(await held(shop))["id"] for _ in range(2)]
    desk = await desk_of("viewer")
    page = await desk.get("/risk")
    assert (first in page.text, second in page.text) == (True, False)
    [after] = [part.split('"')[0] for part in page.text.split('rel="next" href="')[1:]]
    page = await desk.http.get(after.replace("&amp;", "&"))
    assert (first in page.text, second in page.text) == (False, True)


async def test_somebody_of_support_approves_once_however_often_it_is_pressed(shop: Any, desk_of: Any) -> None:
    payment = await held(shop)
    desk = await desk_of("support")
    path = f"/payments/{payment['id']}/approve"
    assert path in (await desk.get("/risk")).text
    hidden = await desk.hidden(path)
    assert {(await desk.send(path, hidden, reason="known")).status_code for _ in range(2)} == {303}
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.count("audit_entry", "action = 'review.approved'") == 1


async def test_blocking_asks_with_the_box_ticked_and_rejecting_does_not(shop: Any, desk_of: Any) -> None:
    payment = await held(shop)
    desk = await desk_of("support")
    at = f"/payments/{payment['id']}/reject"
    assert f"{at}?block=yes" in (await desk.get("/risk")).text
    assert [" checked" in (await desk.get(at, **more)).text for more in ({"block": "yes"}, {})] == [True, False]
    await desk.post(at, block="yes", reason="stolen")
    assert await shop.count("risk_list", "side = 'block'") >= 1


async def test_somebody_is_put_on_a_list_and_taken_off_again(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("support")
    listed = {"side": "block", "trait": "user", "value": "ana", "note": "a thief", "until": "2099-01-31"}
    assert "ana is blocked from now on" in await desk.told(await desk.post("/risk/lists/add", **listed))
    assert (await shop.create()).status == 402
    said = await desk.read("/risk/lists", side="block")
    assert ("a thief" in said, desk.email in said) == (True, True)
    assert "Nobody is on this list" in await desk.read("/risk/lists", side="allow")
    shown: Any = await read(shop.till, lambda tx: report.lists(tx, None))
    [entry] = shown["data"]
    assert entry["expires_at"] == "2099-02-01T00:00:00.000Z", "the last day counts as a whole"
    path = f"/risk/lists/{entry['id']}/remove"
    hidden = await desk.hidden(path)
    assert [(await desk.send(path, hidden)).status_code for _ in range(2)] == [303, 404]
    assert (await shop.create()).status == 201
    assert await shop.count("audit_entry", "action = 'risk.unlisted'") == 1


WRONG_ENTRIES = (
    {"value": ""},
    {"note": ""},
    {"side": "grey"},
    {"trait": "face"},
    {"trait": "address", "value": "at home"},
    {"until": "soon"},
    {"until": "2020-01-01"},
    {"until": "9999-12-31"},
    {"value": "a" * 201},
)


async def test_nobody_is_put_on_a_list_by_a_form_that_is_not_right(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("support")
    for wrong in WRONG_ENTRIES:
        given = {"side": "block", "trait": "user", "value": "ana", "note": "a thief"} | wrong
        answer = await desk.post("/risk/lists/add", **given)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    assert await shop.count("risk_list") == 0


async def test_what_people_typed_is_shown_as_text(shop: Any, desk_of: Any) -> None:
    await put_on_list(shop.till, thief(value=HOSTILE, note=HOSTILE))
    await set_rules(shop.till, [rule(Fact.AMOUNT, 100, 40)])
    await shop.owner.execute("UPDATE risk_rule SET reason = $1", HOSTILE)
    desk = await desk_of("admin")
    for path in ("/risk", "/risk/lists", "/risk/rules", "/risk/rules/amount/change"):
        answer = await desk.get(path)
        assert (answer.status_code, HOSTILE in answer.text) == (200, False), path


async def test_rules_are_shown_to_everybody_and_changed_by_few(desk_of: Any) -> None:
    support, admin = await desk_of("support"), await desk_of("admin")
    assert "Amount is more than 50,000 minor units" in await support.read("/risk/rules")
    assert "/change" not in (await support.get("/risk/rules")).text
    for path in ("/risk/rules/add", "/risk/rules/amount_large/change", "/risk/rules/amount_large/remove", "/risk/try"):
        assert (await support.get(path)).status_code == 403, path
        assert (await admin.get(path)).status_code == 200, path


async def test_a_rule_is_added_beside_the_others_changed_and_removed(shop: Any, desk_of: Any) -> None:
    desk, before = await desk_of("admin"), await names(shop)
    added = await desk.post("/risk/rules/add", id="amount_any", enabled="yes", **LARGE)
    assert "The rule “amount_any” is in force" in await desk.told(added)
    assert sorted([*before, "amount_any"]) == await names(shop)
    payment = await shop.opened()
    assert payment["risk"]["score"] == 40
    form = (await desk.get("/risk/rules/amount_any/change")).text
    assert ('value="100"' in form, " checked" in form) == (True, True)
    changed = await desk.post("/risk/rules/amount_any/change", **LARGE | {"score": "50"})
    assert "was changed and is switched off" in await desk.told(changed)
    assert (await shop.opened())["risk"]["score"] == 0
    hidden = await desk.hidden("/risk/rules/amount_any/remove")
    assert [(await desk.send("/risk/rules/amount_any/remove", hidden)).status_code for _ in range(2)] == [303, 404]
    assert await names(shop) == before
    assert await shop.count("audit_entry", "action = 'risk.rules_set'") == 3


async def test_a_rule_whose_name_is_taken_is_no_new_one(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    answer = await desk.post("/risk/rules/add", id="amount_large", **LARGE)
    assert (answer.status_code, "There is a rule “amount_large” already" in answer.text) == (409, True)
    assert await shop.count("audit_entry", "action = 'risk.rules_set'") == 0


WRONG_RULES = (
    {"id": "Large!"},
    {"id": ""},
    {"score": "0"},
    {"score": "101"},
    {"score": ""},
    {"score": "9" * 30},
    {"value": "much"},
    {"value": ""},
    {"fact": "mood"},
    {"operator": "like"},
    {"fact": "currency", "value": "EUR"},
    {"operator": "one_of", "value": ","},
    {"currency": "EURO"},
    {"reason": ""},
    {"reason": "a" * 201},
)


async def test_a_rule_that_means_nothing_is_explained_and_what_was_typed_stays(shop: Any, desk_of: Any) -> None:
    desk, before = await desk_of("admin"), await names(shop)
    for wrong in WRONG_RULES:
        given = LARGE | {"id": "amount_any", "currency": "EUR"} | wrong
        answer = await desk.post("/risk/rules/add", **given)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
        assert f'value="{given["value"]}"' in answer.text
    assert await names(shop) == before


async def test_a_rule_is_tried_on_the_past_and_nothing_changes(shop: Any, desk_of: Any) -> None:
    paid = [(await shop.paid())["id"] for _ in range(2)]
    desk, before = await desk_of("admin"), await names(shop)
    query = {name: LARGE[name] for name in ("fact", "operator", "value", "score")}
    answer = await desk.get("/risk/try", days="30", **query)
    said = await desk.read("/risk/try", days="30", **query)
    assert ("It applies to 2" in said, "Of those, paid 2" in said) == (True, True)
    assert all(each in answer.text for each in paid)
    assert await names(shop) == before
    assert "Not tried yet" in await desk.read("/risk/try")


async def test_a_trial_that_means_nothing_is_explained(desk_of: Any) -> None:
    desk = await desk_of("admin")
    for wrong in ({"days": "0"}, {"days": "366"}, {"days": "x"}, {"value": "much"}, {"score": "0"}):
        answer = await desk.get("/risk/try", **LARGE | {"days": "30"} | wrong)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong


async def test_rules_ask_for_the_password_again(desk_of: Any) -> None:
    desk = await desk_of("admin", minutes=11)
    for path in ("/risk/rules/add", "/risk/rules/amount_large/remove"):
        assert (await desk.get(path)).headers["location"].startswith("/admin/prove?next="), path


async def test_what_does_not_exist_is_a_page_that_says_so(desk_of: Any) -> None:
    desk = await desk_of("admin")
    for path in (f"/risk/lists/{ids.text('entry', ids.new())}/remove", "/risk/rules/nothing/change"):
        answer = await desk.get(path)
        assert (answer.status_code, "<h1" in answer.text) == (404, True), path
