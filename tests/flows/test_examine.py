"""What must always be true is examined again and again, and every breach of it is found, kept and told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from structlog.testing import capture_logs
from tests.flows.conftest import Line, Shop
from tests.flows.mailbox import mailbox
from tests.flows.test_notify import posted

from tillkeeper.flows.correspond import correspond
from tillkeeper.flows.examine import examine
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake
from tillkeeper.flows.seal import seal
from tillkeeper.kernel.clock import Now
from tillkeeper.ledger import Finding, findings
from tillkeeper.reports import books, invariants, outgoing
from tillkeeper.till import Till

NOON = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
GUARDS_OFF = """
    ALTER TABLE posting DISABLE TRIGGER USER; ALTER TABLE seal DISABLE TRIGGER USER;
    ALTER TABLE payment DROP CONSTRAINT payment_refunded_check, DROP CONSTRAINT payment_captured_check;
    ALTER TABLE wallet DROP CONSTRAINT wallet_balance_check;
"""
NUMBERED = """
    UPDATE outbox_event AS event SET seq = place, created_at = now() - interval '1 hour'
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM outbox_event) AS placed WHERE placed.id = event.id;
    UPDATE sequencer SET last = (SELECT max(seq) FROM outbox_event) WHERE name = 'outbox'"""
ENDPOINT = """
    INSERT INTO webhook_endpoint (id, url, types, secret, cursor, owed_since, created_at)
    VALUES (gen_random_uuid(), 'http://127.0.0.1:9999/', '{*}', '', 0, 0, now() - interval '2 hours')"""
OWED = """
    INSERT INTO webhook_delivery (id, endpoint_id, event_id, seq, due_at)
    SELECT gen_random_uuid(), webhook_endpoint.id, event.id, event.seq, now() - interval '1 hour'
    FROM webhook_endpoint, outbox_event AS event;
    UPDATE webhook_endpoint SET cursor = (SELECT last FROM sequencer WHERE name = 'outbox')"""
AGAIN = "INSERT INTO payment_change (payment_id, status_after, step, reason, cause, amount, at)"


@pytest.fixture
async def spoilt(till: Till, line: Line, owner_url: str) -> AsyncIterator[Shop]:
    """Open a shop whose books a test may spoil."""
    owner = await asyncpg.connect(owner_url)
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Shop(till, line, http, owner, Intake(till))
    await owner.close()


async def found(till: Till) -> dict[tuple[str, str], Finding]:
    """Read the last word on everything."""
    kept = await read(till, findings.latest)
    return {(each.name, each.scope): each for each in kept}


async def life(shop: Any) -> None:
    """Let something happen in every table."""
    payment = await shop.paid()
    await shop.spend(30)
    await shop.refund(payment, 20)
    await seal(shop.till)


async def test_a_sound_shop_is_found_sound_lately_and_in_full(shop: Any) -> None:
    await life(shop)

    assert await examine(shop.till) == 0

    kept = await found(shop.till)
    assert kept.keys() == {(name, scope) for name in invariants.TITLES for scope in ("recent", "full")}
    assert {each.violations for each in kept.values()} == {0}
    assert set((await read(shop.till, invariants.violations)).values()) == {0}


@pytest.mark.parametrize(
    ("name", "breach", "says", "scopes"),
    [
        ("I1", "UPDATE posting SET amount = amount + 1", "no longer has the postings", "recent full"),
        ("I1", "UPDATE balance SET debits = debits + 1", "debits exceed credits by", "full"),
        ("I1", "UPDATE balance_daily SET credits = credits + 1", "till ledger recount", "full"),
        ("I3", "DELETE FROM entitlement", "not delivered exactly once", "recent full"),
        ("I4", "UPDATE payment SET amount_refunded = 200", "more went back than was captured", "recent full"),
        ("I4", "UPDATE refund SET amount = 200", "promised to give back more than was captured", "recent full"),
        ("I4", "UPDATE refund SET amount = amount + 1", "refunds of a payment do not add up", "recent full"),
        ("I5", "UPDATE wallet SET balance = balance + 1", "not the sum of its movements", "recent full"),
        ("I5", "UPDATE wallet SET balance = -1", "below zero", "recent full"),
        ("I5", "UPDATE balance SET credits = credits + 1 WHERE guarded", "differs from its account", "recent full"),
        ("I5", "UPDATE credit_lot SET remaining = remaining - 1", "not the sum of its lots", "full"),
        (
            "I6",
            f"{AGAIN} SELECT id, 'succeeded', 'captured', 'again', 'test', 199, now() FROM payment",
            "captured more than once",
            "recent full",
        ),
        (
            "I6",
            f"{AGAIN} SELECT id, 'succeeded', 'surplus_captured', 'again', 'test', 199, now() FROM payment",
            "not all of the surplus goes back",
            "recent full",
        ),
        ("I6", "UPDATE payment SET amount_captured = 198", "captured money is not in the books", "recent full"),
        (
            "I7",
            "UPDATE inbox_message SET status = 'received', finished_at = NULL, due_at = now() - interval '1 hour'",
            "neither finished nor worked on",
            "recent full",
        ),
        ("I7", "UPDATE inbox_message SET status = 'dead', reason = NULL", "neither finished", "recent full"),
        ("I7", "UPDATE inbox_message SET finished_at = NULL", "neither finished", "recent full"),
        ("I9", "UPDATE seal SET sealed_at = now() WHERE number = 1", "Seal 1 was changed", "recent full"),
        ("I9", "UPDATE posting SET amount = amount + 1", "is not what was sealed", "recent full"),
        ("I10", "DELETE FROM outbox_event WHERE type = 'payment.succeeded'", "was told to nobody", "recent full"),
        (
            "I10",
            "UPDATE outbox_event SET created_at = now() - interval '1 hour'",
            "waits for its number",
            "recent full",
        ),
        ("I10", f"{NUMBERED}; {ENDPOINT}", "is not served what has happened", "recent full"),
        ("I10", f"{NUMBERED}; {ENDPOINT}; {OWED}", "neither delivered nor given up nor being sent", "recent full"),
        (
            "I10",
            f"{NUMBERED}; {ENDPOINT}; {OWED}; DELETE FROM webhook_delivery WHERE seq = 2",
            "is not owed an event that it wants",
            "recent full",
        ),
        (
            "I10",
            f"{NUMBERED}; {ENDPOINT}; {OWED}; UPDATE webhook_delivery SET status = 'succeeded', finished_at = now()",
            "nobody has taken it",
            "recent full",
        ),
        ("other", "UPDATE payment SET amount_disputed = 1", "disputes of a payment do not add up", "recent full"),
    ],
)
async def test_a_breach_is_found_kept_and_told(spoilt: Any, name: str, breach: str, says: str, scopes: str) -> None:
    await life(spoilt)
    await spoilt.owner.execute(GUARDS_OFF)
    await spoilt.owner.execute(breach)

    with capture_logs() as told:
        assert await examine(spoilt.till) > 0

    kept = await found(spoilt.till)
    for scope in scopes.split():
        finding = kept[name, scope]
        assert finding.violations > 0
        assert finding.broken_since
        assert any(says in sentence for sentence in finding.sample), finding.sample
        assert [line for line in told if (line.get("invariant"), line.get("scope")) == (name, scope)]
    assert (await read(spoilt.till, invariants.violations))[name] > 0


async def test_since_when_something_is_broken_is_kept_until_it_is_mended(spoilt: Any) -> None:
    await life(spoilt)
    seen = []
    for minute, change in enumerate(("balance + 1", "balance", "balance - 1")):
        await spoilt.owner.execute(f"UPDATE wallet SET balance = {change}")
        at = NOON + timedelta(minutes=minute)
        await examine(replace(spoilt.till, now=lambda at=at: at))
        seen.append((await found(spoilt.till))["I5", "recent"])

    assert [each.broken_since for each in seen] == [NOON, NOON, None]
    assert [each.checked_at for each in seen] == [NOON + timedelta(minutes=minute) for minute in range(3)]
    assert seen[-1].sample == ()


async def test_each_slot_is_examined_once_however_many_workers_there_are(spoilt: Any) -> None:
    await life(spoilt)
    await spoilt.owner.execute("UPDATE wallet SET balance = balance + 1")
    till = replace(spoilt.till, now=lambda: NOON)

    broken = await asyncio.gather(*(examine(till) for _ in range(8)))

    assert sum(broken) == 2  # the recent look and the nightly one, each by one worker
    assert await examine(till) == 0
    assert await examine(replace(till, now=lambda: NOON + timedelta(minutes=1))) == 1


async def test_a_slot_whose_worker_died_is_examined_by_another_after_a_while(shop: Any) -> None:
    till = replace(shop.till, now=lambda: NOON)
    await examine(till)
    await shop.owner.execute("UPDATE invariant_run SET finished_at = NULL; DELETE FROM invariant_check")
    await examine(till)
    assert await found(till) == {}

    await shop.owner.execute("UPDATE invariant_run SET taken_at = now() - interval '3 hours'")
    await examine(till)

    assert len(await found(till)) == 2 * len(invariants.TITLES)


def test_every_promise_that_proves_an_invariant_exists() -> None:
    assert invariants.OF_PROMISES.keys() - books.PROMISES.keys() == set()
    assert invariants.SUMS_UP_ALL - books.PROMISES.keys() == set()
    assert set(invariants.OF_PROMISES.values()) <= invariants.TITLES.keys()


async def test_every_promise_can_be_asked_about_what_changed_last_alone(till: Till) -> None:
    async with till.db.transaction(read_only=True) as tx:
        for sentence, query in (books.PROMISES | outgoing.PROMISES).items():
            assert await books.breaches(tx, sentence, query, recent=True) == []


async def test_a_recent_look_reads_what_changed_last_and_not_the_whole_history(spoilt: Any) -> None:
    await life(spoilt)
    await spoilt.owner.execute(
        "INSERT INTO inbox_message (id, gateway, event_id, content_sha, type, status, finished_at, received_at) "
        "SELECT gen_random_uuid(), 'stripe', 'evt_' || n, sha256(n::text::bytea), 'x', 'processed', now(), "
        "now() - n * interval '1 second' FROM generate_series(1, 20000) AS n"
    )
    await spoilt.owner.execute("VACUUM ANALYZE inbox_message")
    rows = "SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_xact_user_tables WHERE relname = 'inbox_message'"

    async with spoilt.till.db.transaction() as tx:
        before = await tx.fetchval(rows) or 0
        await invariants.examine(tx, recent=True)
        read_rows = (await tx.fetchval(rows)) - before

    assert read_rows < 3 * books.recent_max


def standing_at(moment: datetime) -> Now:
    """Make a clock that stands."""
    return lambda: moment


async def test_what_is_broken_is_written_to_operators_once_a_day(spoilt: Any) -> None:
    async with mailbox() as box:
        till = posted(spoilt.till, box)
        await life(spoilt)
        await spoilt.owner.execute(f"{GUARDS_OFF}; UPDATE wallet SET balance = -1")
        for minute in range(3):
            await examine(replace(till, now=standing_at(NOON + timedelta(minutes=minute))))
        while await correspond(till):
            pass
    (taken,) = box.letters
    assert taken.message["Subject"] == "Something that must always be true is not"
    assert "I5" in taken.text


async def test_a_proof_that_takes_too_long_is_told_and_stops_no_other(shop: Shop, monkeypatch: Any) -> None:
    await shop.paid()
    monkeypatch.setattr(invariants, "WEBHOOKS", "SELECT pg_sleep(60)::text AS id")
    monkeypatch.setattr(books, "check_timeout_seconds", 1)
    found = await read(shop.till, lambda tx: invariants.examine(tx, recent=False))
    assert {each.name: each.sample for each in found if each.violations} == {
        "I7": ("it could not be proved, because PostgreSQL took too long over it",)
    }
