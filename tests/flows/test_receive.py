"""A webhook is stored before it is acknowledged, once, unreadably, and only when its gateway signed it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tests.flows.conftest import sign

from tillkeeper.flows import receive as receiving
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake, IntakeFullError, receive
from tillkeeper.gateway import PayloadUnreadableError, SignatureInvalidError
from tillkeeper.kernel.db import Database, connections_max
from tillkeeper.kernel.errors import DatabaseUnavailableError, NotFoundError
from tillkeeper.reports import versions

EVENT = {"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {"note": "wonderful"}}}


async def test_a_webhook_fifty_times_at_once_is_one_row_and_forty_nine_duplicates(shop: Any) -> None:
    new = await asyncio.gather(*(shop.hear(EVENT) for _ in range(50)))
    assert new.count(True) == 1
    assert await shop.count("inbox_message") == 1
    assert await shop.count("inbox_duplicate") == 49


async def test_a_webhook_that_comes_again_later_is_counted_and_changes_nothing(shop: Any) -> None:
    assert await shop.hear(EVENT)
    await shop.settle()
    assert not await shop.hear(EVENT)
    assert await shop.settle() == 0
    assert await shop.inbox() == ["ignored"]
    assert await shop.count("inbox_duplicate") == 1


async def test_the_same_content_under_another_event_id_is_a_duplicate(shop: Any) -> None:
    await shop.hear(EVENT)
    body = await shop.owner.fetchval("SELECT content_sha FROM inbox_message")
    await shop.owner.execute("UPDATE inbox_message SET event_id = 'evt_forged'")
    assert not await shop.hear(EVENT)
    assert await shop.owner.fetch("SELECT content_sha FROM inbox_message") == [(body,)]
    assert await shop.count("inbox_duplicate") == 1


@pytest.mark.parametrize("seen", [0, 20], ids=["empty", "analyzed while it was small"])
async def test_copies_are_found_by_index_though_the_table_was_young_when_that_was_planned(
    shop: Any, monkeypatch: pytest.MonkeyPatch, seen: int
) -> None:
    async def hear(numbers: range) -> None:
        await asyncio.gather(*(shop.hear(EVENT | {"id": f"evt_{number}"}) for number in numbers))

    async def tell() -> None:
        async with shop.till.db.transaction() as tx:
            await tx.fetch("SELECT pg_stat_force_next_flush(), pg_sleep(0.1)")

    monkeypatch.setattr(receiving, "batch_max", 10)
    monkeypatch.setattr(receiving, "writers", 1)
    await shop.owner.execute("ALTER TABLE inbox_message SET (autovacuum_enabled = false)")  # nobody analyzes meanwhile
    await shop.owner.execute("TRUNCATE inbox_message CASCADE")  # an earlier test may have left pages of dead rows
    await hear(range(seen))
    await shop.owner.execute("ANALYZE inbox_message" if seen else "SELECT 1")
    await hear(range(seen, 200))  # PostgreSQL keeps one plan from the sixth batch on
    await hear(range(200, 1500))
    await hear(range(100))
    await asyncio.gather(*(tell() for _ in range(connections_max)))
    read = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables WHERE relname = 'inbox_message'"
    told = await shop.owner.fetchval(read)
    await shop.owner.execute("ALTER TABLE inbox_message RESET (autovacuum_enabled)")
    assert told < 20_000


async def test_a_webhook_is_visible_to_others_when_receive_returns(shop: Any, owner_url: str) -> None:
    other = await asyncpg.connect(owner_url)
    for number in range(20):
        await shop.hear(EVENT | {"id": f"evt_{number}"})
        assert await other.fetchval("SELECT count(*) FROM inbox_message") == number + 1
    await other.close()


async def test_different_webhooks_at_once_are_all_stored(shop: Any) -> None:
    new = await asyncio.gather(*(shop.hear(EVENT | {"id": f"evt_{number}"}) for number in range(500)))
    assert new.count(True) == 500
    assert await shop.count("inbox_message") == 500


async def test_concurrent_webhooks_share_their_commits(shop: Any) -> None:
    before = await shop.owner.fetchval("SELECT pg_current_xact_id()::text::bigint")
    await asyncio.gather(*(shop.hear(EVENT | {"id": f"evt_{number}"}) for number in range(200)))
    after = await shop.owner.fetchval("SELECT pg_current_xact_id()::text::bigint")
    assert after - before < 20


async def test_copies_that_arrive_together_share_the_commit_of_what_they_repeat(shop: Any) -> None:
    await asyncio.gather(*(shop.hear(EVENT) for _ in range(50)))
    commits = await shop.owner.fetch(
        "SELECT xmin::text FROM inbox_message UNION SELECT xmin::text FROM inbox_duplicate"
    )
    assert len(commits) == 1
    assert await shop.count("inbox_duplicate") == 49


@pytest.mark.parametrize("secret", ["whsec_other", "whsec_", "x"])
async def test_a_bad_signature_stores_nothing(shop: Any, secret: str) -> None:
    with pytest.raises(SignatureInvalidError):
        await shop.hear(EVENT, secret=secret)
    assert await shop.count("inbox_message") == 0


async def test_a_signed_body_that_is_no_event_stores_nothing(shop: Any) -> None:
    with pytest.raises(PayloadUnreadableError):
        await shop.hear({"id": 5})
    assert await shop.count("inbox_message") == 0


async def test_a_webhook_for_a_gateway_that_is_not_configured_does_not_exist(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await receive(shop.intake, "paypal", {}, b"{}")


async def test_a_stored_body_cannot_be_read_in_the_table_and_opens_to_the_same_bytes(shop: Any) -> None:
    await shop.hear(EVENT)
    stored = await shop.owner.fetchval("SELECT sealed FROM inbox_body")
    assert b"wonderful" not in stored
    assert b"evt_1" not in stored
    assert shop.till.box.open(stored) == json.dumps(EVENT, indent=2).encode()


async def test_a_commit_that_fails_is_told_to_every_waiting_caller(shop: Any, database_url: str) -> None:
    lost = await Database.connect(database_url, connections=2)
    await lost.close()
    shop.intake = Intake(replace(shop.till, db=lost))
    told = await asyncio.gather(
        *(shop.hear(EVENT | {"id": f"evt_{number}"}) for number in range(20)), return_exceptions=True
    )
    assert {type(each) for each in told} == {DatabaseUnavailableError}
    assert await shop.count("inbox_message") == 0


async def test_one_caller_that_gives_up_does_not_take_the_others_with_it(shop: Any) -> None:
    waiting = [asyncio.create_task(shop.hear(EVENT | {"id": f"evt_{number}"})) for number in range(10)]
    await asyncio.sleep(0)
    waiting[3].cancel()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert told.count(True) == 9


async def test_a_full_intake_says_so_and_stores_nothing_of_it(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "queue_max", 3)
    told = await asyncio.gather(
        *(shop.hear(EVENT | {"id": f"evt_{number}"}) for number in range(10)), return_exceptions=True
    )
    refused = [each for each in told if isinstance(each, IntakeFullError)]
    assert refused
    assert await shop.count("inbox_message") == 10 - len(refused)


async def test_the_worker_is_woken_once_a_batch(shop: Any, owner_url: str) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(owner_url)
    await listener.add_listener("till_work", lambda *told: heard.append(told[2]))
    await asyncio.gather(*(shop.hear(EVENT | {"id": f"evt_{number}"}) for number in range(50)))
    await shop.hear(EVENT)
    await listener.fetchval("SELECT 1")
    await listener.close()
    assert 1 <= len(heard) <= 4


async def test_an_event_whose_id_the_database_cannot_hold_is_refused_and_its_neighbours_are_stored(shop: Any) -> None:
    told = await asyncio.gather(
        shop.hear(EVENT), shop.hear(EVENT | {"id": "evt_\u0000"}), shop.hear(EVENT | {"id": ""}), return_exceptions=True
    )
    assert told[0] is True
    assert [type(each) for each in told[1:]] == [PayloadUnreadableError, PayloadUnreadableError]


async def seen(shop: Any) -> list[tuple[str, str]]:
    rows = await shop.owner.fetch("SELECT gateway, version FROM gateway_version ORDER BY version")
    return [(row["gateway"], row["version"]) for row in rows]


async def test_the_versions_in_which_webhooks_are_written_are_remembered(shop: Any) -> None:
    for number, version in enumerate(["2026-10-28.endive", "2025-03-31.basil", None, "2026-10-28.endive"]):
        await shop.hear({"id": f"evt_{number}", "type": "x", "api_version": version})
    assert await seen(shop) == [("stripe", "2025-03-31.basil"), ("stripe", "2026-10-28.endive")]
    reports: Any = await read(shop.till, lambda tx: versions.show(tx, shop.till.gateways, shop.till.now()))
    [report] = reports
    assert (report["gateway"], report["built_for"]) == ("stripe", "2026-10-28.endive")
    assert "basil" in str(report["reasons"])
    assert [each["version"] for each in report["seen"]] == ["2026-10-28.endive", "2025-03-31.basil"]


async def test_a_version_is_written_once_a_day_and_not_with_every_webhook(shop: Any) -> None:
    async def hear(number: int, till: Any) -> None:
        shop.intake.till = till
        event = {"id": f"evt_{number}", "type": "x", "api_version": "2026-10-28.endive"}
        body = json.dumps(event).encode()
        await receive(shop.intake, "stripe", sign(body, at=int(till.now().timestamp())), body)

    first = shop.till.now()
    await hear(1, replace(shop.till, now=lambda: first))
    written = await shop.owner.fetchrow("SELECT xmin::text, * FROM gateway_version")
    await asyncio.gather(*(hear(number, replace(shop.till, now=lambda: first)) for number in range(2, 30)))
    assert await shop.owner.fetchrow("SELECT xmin::text, * FROM gateway_version") == written

    await hear(30, replace(shop.till, now=lambda: first + timedelta(days=1)))
    again = await shop.owner.fetchrow("SELECT * FROM gateway_version")
    assert (again["first_seen_at"], again["last_seen_at"]) == (first, first + timedelta(days=1))


async def test_a_version_that_could_not_be_stored_is_stored_with_the_next_webhook(shop: Any) -> None:
    event = {"id": "evt_1", "type": "x", "api_version": "2026-10-28.endive"}
    await shop.owner.execute("REVOKE INSERT ON inbox_message FROM tillkeeper_app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop.hear(event)
    assert await seen(shop) == []
    await shop.owner.execute("GRANT INSERT ON inbox_message TO tillkeeper_app")
    await shop.hear(event)
    assert await seen(shop) == [("stripe", "2026-10-28.endive")]
