"""The pages of the audit log: who changed what, whether anybody rewrote it, and all of it as a file."""

import csv
import io
from typing import Any

import pytest
from tests.flows.test_guard import thief

from tillkeeper.flows.examine import examine
from tillkeeper.flows.guard import put_on_list
from tillkeeper.flows.steer import steer
from tillkeeper.kernel import ids

HOSTILE = "<script>alert(1)</script>"


async def change(shop: Any, priority: int, *, by: str = "bo") -> None:
    await steer(shop.by(by), "stripe", priority=priority)


async def test_entries_show_who_did_what_with_before_and_after(shop: Any, desk_of: Any) -> None:
    await change(shop, 7)
    await put_on_list(shop.by("mia"), thief())
    said = await (await desk_of("finance")).read("/audit")
    for each in ("bo", "Gateway steered", "Priority: 100 → 7", "mia", "Risk listed", "a thief"):
        assert each in said, each


async def test_entries_are_found_by_who_what_to_what_and_when(shop: Any, desk_of: Any) -> None:
    await change(shop, 7, by="bo")
    await put_on_list(shop.by("mia"), thief())
    desk = await desk_of("admin")
    steered, listed = "Priority: 100", "a thief"
    for query, found in (
        ({"actor": "bo"}, (True, False)),
        ({"action": "risk.listed"}, (False, True)),
        ({"subject": "stripe"}, (True, False)),
        ({"from": "2020-01-01"}, (True, True)),
        ({"to": "2020-01-01"}, (False, False)),
    ):
        said = await desk.read("/audit", **query)
        assert (steered in said, listed in said) == found, query
    assert "No entry fits" in await desk.read("/audit", actor="nobody")


async def test_a_filter_that_cannot_be_is_explained(desk_of: Any) -> None:
    desk = await desk_of("admin")
    for wrong in ({"action": "made.up"}, {"from": "x"}, {"cursor": "x"}, {"cursor": "0"}):
        for path in ("/audit", "/audit/export.csv"):
            assert (await desk.get(path, **wrong)).status_code == 422, (path, wrong)
    assert (await desk.get(f"/audit/{ids.text('audit', ids.new())}")).status_code == 404


async def test_the_list_goes_on_where_a_page_ends(shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.audit.rows_per_page", 2)
    for priority in (1, 2, 3):
        await change(shop, priority)
    desk = await desk_of("admin")
    first = await desk.get("/audit", actor="bo")
    [after] = [part.split('"')[0] for part in first.text.split('rel="next" href="')[1:]]
    second = await desk.http.get(after.replace("&amp;", "&"))
    assert [f"→ {priority}" in first.text for priority in (3, 2, 1)] == [True, True, False]
    assert [f"→ {priority}" in second.text for priority in (3, 2, 1)] == [False, False, True]


async def test_one_entry_shows_everything_that_is_kept(shop: Any, desk_of: Any) -> None:
    await change(shop, 7)
    row = await shop.owner.fetchrow("SELECT id, encode(digest, 'hex') AS digest FROM audit_entry WHERE actor = 'bo'")
    desk = await desk_of("admin")
    path = f"/audit/{ids.text('audit', row['id'])}"
    said = await desk.read(path)
    assert ("Priority 100 7" in said, row["digest"] in (await desk.get(path)).text) == (True, True)


async def test_only_those_who_may_see_it_do(desk_of: Any) -> None:
    for role in ("viewer", "support", "developer"):
        desk = await desk_of(role)
        for path in ("/audit", "/audit/check", "/audit/export.csv", f"/audit/{ids.text('audit', ids.new())}"):
            assert (await desk.get(path)).status_code == 403, (role, path)
        assert "/admin/audit" not in (await desk.get("")).text


async def test_the_chain_is_proved_and_a_rewritten_entry_is_named(shop: Any, desk_of: Any) -> None:
    await change(shop, 7)
    desk = await desk_of("admin")
    assert "Every entry is as it was written" in await desk.read("/audit/check")
    await shop.owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
    await shop.owner.execute("UPDATE audit_entry SET actor_name = 'eve' WHERE actor = 'bo'")
    await shop.owner.execute("ALTER TABLE audit_entry ENABLE TRIGGER USER")
    said = await desk.read("/audit/check")
    assert ("The chain is broken in 1 place" in said, "is not what was written" in said) == (True, True)


async def test_the_list_tells_when_the_chain_was_last_looked_at(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("admin")
    assert "has not looked at the chain yet" in await desk.read("/audit")
    await examine(shop.till)
    assert "The chain holds" in await desk.read("/audit")


async def test_the_file_holds_every_entry_that_fits_whatever_the_length(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.audit.export_rows_at_once", 2)
    for priority in range(1, 6):
        await change(shop, priority)
    await put_on_list(shop.by("mia"), thief(note="=cmd()"))
    desk = await desk_of("admin")
    answer = await desk.get("/audit/export.csv", actor="bo")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert [row["after"] for row in rows] == [f'{{"priority": {priority}}}' for priority in (5, 4, 3, 2, 1)]
    assert "'=cmd()" in (await desk.get("/audit/export.csv", actor="mia")).text


async def test_what_people_typed_is_shown_as_text(shop: Any, desk_of: Any) -> None:
    await put_on_list(shop.by(HOSTILE), thief(note=HOSTILE))
    entry = await shop.owner.fetchval("SELECT id FROM audit_entry WHERE action = 'risk.listed'")
    desk = await desk_of("admin")
    for path in ("/audit", f"/audit/{ids.text('audit', entry)}"):
        answer = await desk.get(path)
        assert (answer.status_code, HOSTILE in answer.text) == (200, False), path
