"""What is for sale, who may come in, and by which rules money goes back, kept in pages."""

import re
from typing import Any

from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import authorize, issue
from tillkeeper.flows.employ import employ
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import catalogue, refund_policy

HOSTILE = "<script>alert(1)</script>"
PACKAGE = {
    "id": "credits_9",
    "kind": "credits",
    "title": "9 credits",
    "quantity": "9",
    "prices": "eur 1.99 19%\nJPY 240",
}
TERMS = {"auto_approve_units": "10", "share_min_bps": "0", "share_max_bps": "50%", "used_goods": "yes", "note": "less"}
SECRET = re.compile(r'id="field-secret"[^>]*value="([^"]+)"')
NEEDS = {
    "/settings": "viewer",
    "/settings/kept": "viewer",
    "/settings/policy": "finance",
    "/settings/people": "admin",
    "/settings/keys": "admin",
    "/settings/packages/credits_120": "admin",
    "/settings/packages/add": "admin",
    "/settings/people/add": "admin",
    "/settings/keys/add": "admin",
    "/settings/policy/change": "admin",
}


async def packages(shop: Any) -> dict[str, Any]:
    """Read the catalogue as it is."""
    found: Any = await read(shop.till, catalogue.everything)
    return {each["id"]: each for each in found}


async def test_each_page_is_for_those_who_may_and_others_see_no_way_there(desk_of: Any) -> None:
    viewer, finance, admin = [await desk_of(role) for role in ("viewer", "finance", "admin")]
    for path, role in NEEDS.items():
        seen = [(await desk.get(path)).status_code for desk in (viewer, finance, admin)]
        assert seen == {"viewer": [200] * 3, "finance": [403, 200, 200], "admin": [403, 403, 200]}[role], path
    page = (await viewer.get("/settings")).text
    assert [name in page for name in ("/settings/kept", "/settings/keys", "/packages/add")] == [True, False, False]


async def test_what_is_dangerous_asks_for_the_password_again(desk_of: Any) -> None:
    desk = await desk_of("admin", minutes=11)
    for path in ("/settings/people/add", "/settings/keys/add", "/settings/policy/change"):
        assert (await desk.get(path)).headers["location"].startswith("/admin/prove?next="), path


async def test_a_package_is_added_changed_and_retired(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    path, hidden = "/settings/packages/add", await desk.hidden("/settings/packages/add")
    assert [(await desk.send(path, hidden, **PACKAGE)).status_code for _ in range(2)] == [303, 409]
    made = (await packages(shop))["credits_9"]
    assert (made["prices"], made["tax_bps"]) == ({"EUR": 199, "JPY": 240}, {"EUR": 1_900})
    form = (await desk.get("/settings/packages/credits_9/change")).text
    assert "EUR 1.99 19%\nJPY 240</textarea>" in form
    await desk.post("/settings/packages/credits_9/change", title="Nine", quantity="9", prices="EUR 2.49", active="yes")
    changed = (await packages(shop))["credits_9"]
    assert (changed["title"], changed["prices"], changed["active"]) == ("Nine", {"EUR": 249}, True)
    told = await desk.told(await desk.post("/settings/packages/credits_9/retire"))
    assert ("is not for sale any more" in told, "Off the shelf" in told) == (True, True)
    assert not (await packages(shop))["credits_9"]["active"]
    said = await desk.read("/settings/packages/credits_9")
    assert ("9 credits" in said, "2.49 EUR" in said, desk.email in said) == (True, True, True)
    assert await shop.count("audit_entry", "subject = 'credits_9'") == 3


async def test_a_package_that_cannot_be_is_explained_and_nothing_changes(shop: Any, desk_of: Any) -> None:
    desk, before = await desk_of("admin"), await packages(shop)
    for wrong in (
        {"title": ""},
        {"title": "a" * 201},
        {"quantity": "0"},
        {"quantity": ""},
        {"prices": ""},
        {"prices": "EUR"},
        {"prices": "EUR 1.999"},
        {"prices": "EUR 0"},
        {"prices": "EUR -1"},
        {"prices": "EURO 1"},
        {"prices": "EUR 1\nEUR 2"},
        {"prices": "EUR 1 19% more"},
        {"prices": "EUR 1 101%"},
        {"kind": "dreams"},
        {"kind": "pack"},
    ):
        answer = await desk.post("/settings/packages/add", **PACKAGE | wrong)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    assert await packages(shop) == before
    assert (await desk.get("/settings/packages/nothing")).status_code == 404


async def test_somebody_is_taken_in_with_a_password_that_is_shown_once(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    path, hidden = "/settings/people/add", await desk.hidden("/settings/people/add")
    answers = [await desk.send(path, hidden, email="finn@example.com", role="finance") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    [password] = SECRET.findall(answers[0].text)
    assert await shop.count("staff_member", "email = 'finn@example.com' AND role = 'finance'") == 1
    assert password not in answers[1].text + (await desk.get("/settings/people")).text
    assert password not in str(await shop.owner.fetch("SELECT * FROM audit_entry"))


async def test_a_role_a_password_and_the_end_of_somebody_are_set(shop: Any, desk_of: Any) -> None:
    made, _ = await employ(shop.till, "finn@example.com", role=Role.VIEWER)
    desk, at = await desk_of("admin"), f"/settings/people/{ids.text('member', made)}"
    assert "finn@example.com is support" in await desk.told(await desk.post(f"{at}/role", role="support"))
    assert (await desk.post(f"{at}/role", role="king")).status_code == 422
    before = await shop.owner.fetchval("SELECT password FROM staff_member WHERE id = $1", made)
    answer = await desk.post(f"{at}/reset")
    assert (answer.status_code, len(SECRET.findall(answer.text))) == (200, 1)
    assert await shop.owner.fetchval("SELECT password FROM staff_member WHERE id = $1", made) != before
    hidden = await desk.hidden(f"{at}/disable")
    assert {(await desk.send(f"{at}/disable", hidden)).status_code for _ in range(2)} == {303}
    rows = await shop.owner.fetch("SELECT action FROM audit_entry WHERE subject = $1", ids.text("member", made))
    assert sorted(row["action"] for row in rows) == [
        *("member.created", "member.disabled", "member.password_reset", "member.role_set"),
    ]


async def test_nobody_locks_themselves_out(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    own = await shop.owner.fetchval("SELECT id FROM staff_member WHERE email = $1", desk.email)
    at = f"/settings/people/{ids.text('member', own)}"
    for deed, fields in (("role", {"role": "viewer"}), ("reset", {}), ("disable", {})):
        assert (await desk.post(f"{at}/{deed}", **fields)).status_code == 409, deed
    assert (await desk.get("/settings/people")).status_code == 200


async def test_a_key_is_made_once_shown_once_and_ended(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    path, hidden = "/settings/keys/add", await desk.hidden("/settings/keys/add")
    wanted = {"name": "game server", "good_for": "write", "until": "2099-01-31"}
    answers = [await desk.send(path, hidden, **wanted) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    [text] = SECRET.findall(answers[0].text)
    principal = await authorize(shop.till, text)
    assert (principal.name, principal.scopes) == ("game server", frozenset({"write"}))
    assert await shop.count("api_key", "name = 'game server'") == 1
    page = (await desk.get("/settings/keys")).text
    assert ("game server" in page, text in page) == (True, False)
    at = f"/settings/keys/{principal.id}/revoke"
    hidden = await desk.hidden(at)
    assert [(await desk.send(at, hidden)).status_code for _ in range(2)] == [303, 409]
    assert await shop.count("api_key", "name = 'game server' AND revoked_at IS NULL") == 0
    assert await shop.count("audit_entry", "action LIKE 'key.%' AND actor LIKE 'member_%'") == 2


async def test_a_key_that_cannot_be_is_explained(shop: Any, desk_of: Any) -> None:
    desk, before = await desk_of("admin"), await shop.count("api_key")
    for wrong in ({"name": ""}, {"good_for": "everything"}, {"until": "2020-01-01"}, {"name": "a" * 101}):
        answer = await desk.post("/settings/keys/add", **{"name": "x", "good_for": "read"} | wrong)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    assert await shop.count("api_key") == before


async def test_refund_rules_are_set_and_those_before_stay_readable(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    assert "The rules that the program comes with" in await desk.read("/settings/policy")
    told = await desk.told(await desk.post("/settings/policy/change", **TERMS, auto_approve_amounts="eur 12.50"))
    for said in ("12.50 EUR, 10 whole units of any other currency", "0 % to 50 %", "Before"):
        assert said in told, said
    now: Any = await read(shop.till, refund_policy.show)
    assert (now["auto_approve_amounts"], now["share_max_bps"], now["direct_refunds"]) == ({"EUR": 1_250}, 5_000, False)
    again = await desk.post("/settings/policy/change", **TERMS, auto_approve_amounts="EUR 12.50")
    assert (again.status_code, "These are the rules that are in force" in again.text) == (422, True)
    assert await shop.count("audit_entry", "action = 'refund_policy.set'") == 1


async def test_rules_that_let_one_person_do_more_wait_for_a_second(desk_of: Any) -> None:
    first, second = await desk_of("admin"), await desk_of("admin")
    await first.post("/settings/policy/change", **TERMS, second_person_units="20")
    looser = TERMS | {"second_person_units": "40"}
    assert "are proposed" in await first.told(await first.post("/settings/policy/change", **looser))
    assert first.email in await second.read("/settings/policy")
    assert "are in force" in await second.told(await second.post("/settings/policy/change", **looser))


async def test_refund_rules_that_cannot_be_are_explained(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    for wrong in (
        {"auto_approve_units": "-1"},
        {"window_hours": "0"},
        {"share_max_bps": "101"},
        {"share_max_bps": "half"},
        {"auto_approve_amounts": "EUR"},
        {"auto_approve_amounts": "EUR -1"},
        {"note": "a" * 1_001},
    ):
        answer = await desk.post("/settings/policy/change", **TERMS | wrong)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong
    assert await shop.count("refund_policy") == 0


async def test_what_people_typed_is_shown_as_text(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    await desk.post("/settings/packages/add", **PACKAGE | {"title": HOSTILE})
    key, _ = await issue(shop.till, HOSTILE, scopes=["read"])
    await desk.post("/settings/policy/change", **TERMS | {"note": HOSTILE})
    for path in (
        *("/settings", "/settings/packages/credits_9", "/settings/packages/credits_9/change", "/settings/keys"),
        *(f"/settings/keys/{ids.text('key', key)}/revoke", "/settings/policy"),
    ):
        answer = await desk.get(path)
        assert (answer.status_code, HOSTILE in answer.text) == (200, False), path
