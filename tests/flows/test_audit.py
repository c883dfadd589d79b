"""Whoever changes something is written down with it, for good: no entry without its change, and none rewritten."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from tests.flows.conftest import uuid_of

from tillkeeper import audit, catalog
from tillkeeper.audit import Action, Actor
from tillkeeper.flows.authorize import issue, revoke
from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.steer import steer
from tillkeeper.payments import RefundExceedsCapturedError
from tillkeeper.reports import audit as report
from tillkeeper.reports import invariants
from tillkeeper.routing import Switch
from tillkeeper.till import Till

ANA = Actor(id="cli:ana", name="ana", request="request_1")


async def entries(till: Till, **wanted: Any) -> Any:
    """Read the log, newest first, without what the demo catalogue left there."""
    found: Any = await read(till, lambda tx: report.find(tx, report.Filter(limit=100, **wanted)))
    return [entry for entry in found["data"] if entry["action"] != Action.PACKAGE_OFFERED]


async def test_a_change_tells_who_made_it_what_it_was_before_and_what_it_is_now(shop: Any) -> None:
    await steer(replace(shop.till, by=ANA), "stripe", priority=3, switch=Switch.DRAINING)
    [entry] = await entries(shop.till)
    assert (entry["actor"], entry["actor_name"], entry["request"]) == ("cli:ana", "ana", "request_1")
    assert (entry["action"], entry["subject"]) == ("gateway.steered", "stripe")
    assert entry["before"] == {"priority": 100, "switch": "on"}
    assert entry["after"] == {"priority": 3, "switch": "draining"}


async def test_a_key_is_written_down_without_its_text(shop: Any) -> None:
    made, text = await issue(replace(shop.till, by=ANA), "server", scopes=["write"])
    await revoke(replace(shop.till, by=ANA), made)
    revoked, created = await entries(shop.till)
    assert (created["action"], revoked["action"]) == ("key.created", "key.revoked")
    assert created["subject"] == revoked["subject"]
    assert created["after"] == {"name": "server", "kind": "secret", "scopes": ["write"], "expires_at": None}
    assert text[-20:] not in str(await shop.owner.fetch("SELECT to_jsonb(audit_entry)::text FROM audit_entry"))


async def test_a_change_that_fails_leaves_no_entry(shop: Any) -> None:
    till = replace(shop.till, by=ANA)
    payment = await shop.paid()
    await shop.refund(payment)
    before = await entries(shop.till)
    with pytest.raises(RefundExceedsCapturedError):
        await refund(till, shop.wish(), RefundWish(payment=uuid_of(payment)))
    assert await entries(shop.till) == before


async def test_a_repeated_request_is_one_entry(shop: Any) -> None:
    gift = Gift(user="ana", amount=5, reason="an apology", made_by="cli:ana")
    for _ in range(2):
        await grant(replace(shop.till, by=ANA), shop.wish("one key", gift), gift)
    [entry] = await entries(shop.till)
    assert (entry["action"], entry["after"]["amount"], entry["reason"]) == ("credits.granted", 5, "an apology")
    assert "ana" not in str(entry["after"]), "a user is told by the surrogate that the books use"


async def test_secrets_and_card_numbers_are_masked(shop: Any) -> None:
    gift = Gift(user="ana", amount=5, reason="for 4242 4242 4242 4242 and sk_live_abc", made_by="cli:ana")
    await grant(shop.till, shop.wish(), gift)
    [entry] = await entries(shop.till)
    assert "4242" not in entry["reason"]
    assert "sk_live" not in entry["reason"]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET actor = 'nobody'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
async def test_entries_are_never_changed_or_removed_not_even_by_the_owner(shop: Any, statement: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await shop.owner.execute(statement)


async def test_the_application_may_not_even_try(shop: Any) -> None:
    application = await asyncpg.connect(shop.till.settings.database_url)
    for statement in ("UPDATE audit_entry SET actor = 'nobody'", "DELETE FROM audit_entry"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute(statement)
    await application.close()


async def problems(shop: Any, *, recent: bool = False) -> list[str]:
    """Prove the chain."""
    found: list[str] = await read(shop.till, lambda tx: audit.verify(tx, recent=recent))
    return found


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        ("UPDATE audit_entry SET reason = 'because' WHERE number = 3", 3),
        ("UPDATE audit_entry SET after = '{}' WHERE number = 3", 3),
        ("UPDATE audit_entry SET at = at + interval '1 second' WHERE number = 3", 3),
        ("UPDATE audit_entry SET reason = 'x', digest = audit_digest(audit_entry, '') WHERE number = 3", 3),
        ("DELETE FROM audit_entry WHERE number = 3", 4),
        ("DELETE FROM audit_entry WHERE number = 1", 2),
    ],
)
@pytest.mark.parametrize("stretch", [2, 20_000])
async def test_an_entry_that_was_rewritten_or_removed_breaks_the_chain(
    shop: Any, monkeypatch: Any, tampering: str, named: int, stretch: int
) -> None:
    monkeypatch.setattr(audit, "stretch_entries", stretch)
    for priority in range(5):
        await steer(shop.till, "stripe", priority=priority)
    assert await problems(shop) == []
    await shop.owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
    await shop.owner.execute(tampering)
    for recent in (True, False):
        assert f"entry {named} " in (await problems(shop, recent=recent))[0]
    found = await read(shop.till, lambda tx: invariants.examine(tx, recent=True))
    assert [finding.name for finding in found if finding.violations] == ["I9"]


async def test_changes_at_once_stand_in_one_chain_without_gaps(shop: Any) -> None:
    await asyncio.gather(*(steer(shop.till, "stripe", priority=number) for number in range(20)))
    numbers = [row["number"] for row in await shop.owner.fetch("SELECT number FROM audit_entry ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert await problems(shop) == []


async def test_what_nobody_did_in_person_was_done_by_the_till_itself(shop: Any) -> None:
    await offer(shop.till, catalog.DEMO[:1])
    found: Any = await read(shop.till, lambda tx: report.find(tx, report.Filter(action=Action.PACKAGE_OFFERED)))
    assert found["data"][0]["actor"] == "till"
