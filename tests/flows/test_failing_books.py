"""When the books cannot be written nothing of the effect is left, whatever it was; and later it happens whole."""

import re
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.flows import effects
from tests.flows.effects import EFFECTS, Prepare, to_be_captured

from tillkeeper import flows

NOTES = {
    *(
        "inbox_message",
        "inbox_body",
        "inbox_batch",
        "inbox_duplicate",
        "operation",
        "attempt",
        "idempotency_key",
        "gateway_state",
    ),
    *("gateway_version", "reconciliation_run", "settlement_cursor", "sequencer"),
}
"""What notes the try itself: messages, calls, keys, turns."""
PARTLY = {
    "audit_entry": "SELECT * FROM audit_entry WHERE action NOT LIKE '%requested'",
    "payment_change": "SELECT * FROM payment_change WHERE step NOT IN ('none', 'fee_untold')",
    "payment_reference": "SELECT * FROM payment_reference WHERE false",
    "late_delivery": "SELECT payment_id, status FROM late_delivery",
    "late_revocation": "SELECT payment_id FROM late_revocation",
    "refund_request_step": "SELECT * FROM refund_request_step WHERE kind <> 'requested'",
}
"""Of what notes the try in its own columns, and of what neighbours write, the rest."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
FIRE = """
CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the books are on fire'; END $$;
CREATE TRIGGER fire BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION burn();
"""
WATER = "DROP FUNCTION burn CASCADE"
POSTING = re.compile(r"^(?!.*def ).*\b(ledger\.post|settle\.apply|apply|follow|promise)\(", re.MULTILINE)
MONEYLESS = {"checkout", "restore"}
"""What follows only the end of a payment that no gateway ever heard of, and what a drill takes back at once."""


async def world(shop: Any) -> dict[str, list[str]]:
    """Write down every row that an effect may touch."""
    tables = {row[0] for row in await shop.owner.fetch(TABLES)} - NOTES
    rows = {table: PARTLY.get(table, f"SELECT * FROM {table}") for table in sorted(tables)}
    return {
        table: sorted(row[0] for row in await shop.owner.fetch(f"SELECT to_jsonb(t)::text FROM ({rows[table]}) AS t"))
        for table in rows
    }


def changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> set[str]:
    """Name the tables that differ."""
    return {table for table in before if before[table] != after[table]}


def test_every_flow_that_posts_is_tried() -> None:
    written = {path.stem: path.read_text() for path in Path(flows.__path__[0]).glob("*.py")}

    assert {flow for flow, text in written.items() if POSTING.search(text)} - MONEYLESS == set(EFFECTS)


@pytest.mark.parametrize("prepare", list(chain(*EFFECTS.values())), ids=lambda prepare: prepare.__name__)
async def test_an_effect_whose_journal_cannot_be_written_leaves_nothing_and_happens_later(
    shop: Any, prepare: Prepare
) -> None:
    act = await prepare(shop)
    before = await world(shop)
    await shop.owner.execute(FIRE.format("journal"))

    with suppress(asyncpg.RaiseError):
        await act(shop)
    burnt = await world(shop)
    await shop.owner.execute(WATER)
    await shop.owner.execute("UPDATE gateway_state SET breaker = 'closed', failures = 0, retry_at = NULL")
    await act(shop)

    assert changed(before, burnt) == set()
    done = changed(before, await world(shop))
    assert done >= {"journal", "posting", "unsealed"}
    assert ("outbox_event" in done) is (prepare not in effects.SILENT)
    assert await shop.count("inbox_message", "status = 'received'") == 0


@pytest.mark.parametrize("table", ["journal", "posting", "unsealed", "balance_delta", "balance", "account"])
async def test_wherever_the_writing_of_the_books_stops_nothing_of_a_capture_is_left(shop: Any, table: str) -> None:
    act = await to_be_captured(shop)
    before = await world(shop)
    await shop.owner.execute(FIRE.format(table))

    await act(shop)

    assert await world(shop) == before
    assert await shop.count("inbox_message", "attempts > 0 AND reason LIKE '%on fire%'") > 0
    await shop.owner.execute(WATER)
    await act(shop)
    assert await shop.wallet() == (120, 0)
