"""A webhook that comes again fifty times because somebody wants to see that nothing moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.web.running import opened

from tillkeeper.flows import rehearse as rehearsing
from tillkeeper.flows.read import read
from tillkeeper.flows.rehearse import copies_sent, rehearse
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.reports import inbox
from tillkeeper.till import Till


async def newest(till: Till) -> Any:
    """Find the id of the newest webhook that was processed."""
    found: Any = await read(till, lambda tx: inbox.find(tx, inbox.Filter(status="processed", limit=1)))
    return ids.parse("message", found["data"][0]["id"])


async def test_fifty_duplicates_come_over_the_wire_and_nothing_moves(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as running:
        paid = await running.buy()
        done = await rehearse(running.till, await newest(running.till))
        assert (done.message["payment"], done.arrived, done.moved) == (paid["id"], copies_sent, [])
        assert {name: done.after[name] for name in ("captures", "amount", "deliveries", "units")} == {
            "captures": 1,
            "amount": 199,
            "deliveries": 1,
            "units": 120,
        }


async def test_what_did_move_is_named() -> None:
    before = {"arrivals": 1, "deliveries": 1, "amount": 199}
    done = rehearsing.Rehearsal(message={}, before=before, after={"arrivals": 51, "deliveries": 2, "amount": 199})
    assert (done.arrived, done.moved) == (50, ["deliveries"])


async def test_it_stands_in_the_audit_log_who_let_it_come_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsing, "arrival_timeout_seconds", 0)
    await shop.paid()
    done = await rehearse(shop.by("iris"), await newest(shop.till))
    assert done.arrived == 0, "nobody hears the webhooks of this sandbox"
    row = await shop.owner.fetchrow("SELECT * FROM audit_entry WHERE action = 'webhooks.replayed'")
    assert (row["actor_name"], row["subject"]) == ("iris", done.message["id"])


async def test_outside_the_sandbox_nothing_is_sent(shop: Any) -> None:
    await shop.paid()
    live = replace(shop.till, settings=shop.till.settings.model_copy(update={"mode": "test"}))
    with pytest.raises(InvalidStateError):
        await rehearse(live, await newest(shop.till))


async def test_a_sandbox_that_does_not_answer_is_named(shop: Any) -> None:
    await shop.paid()
    message = await newest(shop.till)
    await shop.line.close()
    with pytest.raises(GatewayUnavailableError, match="No sandbox answers"):
        await rehearse(shop.till, message)


async def test_an_event_that_the_sandbox_has_forgotten_is_explained(shop: Any) -> None:
    await shop.paid()
    message = await newest(shop.till)
    await shop.owner.execute("UPDATE inbox_message SET event_id = 'evt_gone' WHERE id = $1", message)
    with pytest.raises(InvalidStateError, match="started over"):
        await rehearse(shop.till, message)


async def test_a_webhook_that_is_about_no_payment_is_not_counted(shop: Any) -> None:
    await shop.paid()
    message = await newest(shop.till)
    await shop.owner.execute("UPDATE inbox_message SET payment_id = NULL WHERE id = $1", message)
    with pytest.raises(InvalidStateError, match="no payment"):
        await rehearse(shop.till, message)
