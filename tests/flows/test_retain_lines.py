"""Lines of accounts that belong to no payment of ours lose their words as webhooks do, and when somebody is erased."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.flows.conftest import uuid_of
from tests.flows.test_erase import WORD, erased, opened
from tests.flows.test_retain import everything

from tillkeeper.flows.retain import preview
from tillkeeper.kernel import clock
from tillkeeper.till import Till

A_LINE = """
INSERT INTO settlement_line (gateway, line_id, kind, our_payment, gross, fee, tax, net, currency, settle_currency,
                             occurred_at, raw, day)
VALUES ('stripe', $1, 'adjustment', $2, 1, 0, 0, 1, 'EUR', 'EUR', now(), $3, now()::date) RETURNING id
"""
UNREAD = "INSERT INTO unread_line (gateway, line_id, reason, raw, day) VALUES ('stripe', $1, 'x', $2, now()::date)"
OPEN = """
WITH run AS (
    INSERT INTO reconciliation_run (id, gateway, day, status, asked_on)
    SELECT gen_random_uuid(), 'stripe', '2026-01-01', 'done', '2026-01-02' RETURNING id
)
INSERT INTO discrepancy (id, fact, occurrence, run_id, gateway, day, kind, status, subject, detail, currency,
                         difference, difference_currency, line_id, suspended, turn, first_seen_at)
SELECT gen_random_uuid(), gen_random_uuid(), 1, run.id, 'stripe', '2026-01-01', 'orphan_adjustment', 'open', $1,
       'x', 'EUR', 1, 'EUR', $2, false, 1, now() FROM run
"""
CLOSE = "UPDATE discrepancy SET status = 'explained', closed_at = now()"


def later(till: Till, days: int) -> Till:
    return replace(till, now=lambda: clock.now() + timedelta(days=days))


async def line(shop: Any, name: str, words: str = WORD, payment: UUID | None = None) -> int:
    return int(await shop.owner.fetchval(A_LINE, name, payment, shop.till.box.seal(words.encode())))


async def unread(shop: Any, name: str, words: str = WORD) -> None:
    await shop.owner.execute(UNREAD, name, shop.till.box.seal(words.encode()))


async def words(shop: Any) -> dict[str, str]:
    """Read what lines say, by their names."""
    rows = await shop.owner.fetch(
        "SELECT line_id, raw FROM settlement_line UNION ALL SELECT line_id, raw FROM unread_line ORDER BY 1"
    )
    return {row["line_id"]: opened(shop, row["raw"]) if row["raw"] else "" for row in rows}


async def test_lines_that_nobody_can_place_lose_their_words_after_ninety_days(shop: Any) -> None:
    await line(shop, "loose")
    await line(shop, "of nobody here", payment=UUID(int=1))
    await unread(shop, "unread")
    await everything(later(shop.till, 89))
    assert set((await words(shop)).values()) == {WORD}
    await everything(later(shop.till, 91))
    assert set((await words(shop)).values()) == {""}


async def test_lines_of_payments_keep_their_words_as_long_as_those(shop: Any) -> None:
    paid = uuid_of(await shop.paid())
    await line(shop, "named", payment=paid)
    linked = await line(shop, "linked")
    await shop.owner.execute("INSERT INTO settlement_link VALUES ($1, 'capture', $2)", linked, paid)
    await everything(later(shop.till, 91))
    assert await words(shop) == {"linked": WORD, "named": WORD}
    await everything(later(shop.till, 8 * 365))
    assert await words(shop) == {"linked": "", "named": ""}


@pytest.mark.parametrize("name", ["loose", "unread"])
async def test_what_somebody_has_to_look_at_keeps_its_words_until_that_is_done(shop: Any, name: str) -> None:
    ids = {"loose": await line(shop, "loose"), "unread": None}
    await unread(shop, "unread")
    await line(shop, "another")
    await shop.owner.execute(OPEN, "unread:unread:x" if name == "unread" else "line:loose", ids[name])
    await everything(later(shop.till, 91))
    assert await words(shop) == {"another": "", "loose": "", "unread": ""} | {name: WORD}
    await shop.owner.execute(CLOSE)
    await everything(later(shop.till, 92))
    assert set((await words(shop)).values()) == {""}


async def test_lines_that_are_due_are_counted_beforehand_and_each_batch_is_in_the_audit_log(shop: Any) -> None:
    await line(shop, "loose")
    await unread(shop, "unread")
    [due] = [each for each in await preview(later(shop.till, 91)) if each.what == "lines"]
    assert due.count == 2
    await everything(later(shop.till, 91))
    rows = await shop.owner.fetch("SELECT after ->> 'lines' AS n FROM audit_entry WHERE action = 'records.retained'")
    assert sum(int(row["n"]) for row in rows) == 2
    [due] = [each for each in await preview(later(shop.till, 91)) if each.what == "lines"]
    assert due.count == 0


async def test_lines_that_nobody_can_place_are_searched_when_somebody_is_erased(shop: Any) -> None:
    paid, other = await shop.paid(), await shop.paid(user="ben")
    for payment, whose in ((paid, "hers"), (other, "his")):
        said = f'{{"payment_intent": "{payment["gateway_reference"]}", "customer_name": "{WORD}"}}'
        await line(shop, f"loose: {whose}", said)
        await unread(shop, f"unread: {whose}", said)
    await erased(shop, "ana")
    assert {name for name, said in (await words(shop)).items() if not said} == {"loose: hers", "unread: hers"}


async def test_a_line_that_nobody_could_read_is_known_by_our_own_name_for_the_payment(shop: Any) -> None:
    paid = await shop.paid()
    for name, said in (("shown", paid["id"]), ("plain", str(uuid_of(paid)))):
        await unread(shop, name, f'{{"custom_field": "{said}", "customer_name": "{WORD}"}}')
    await erased(shop, "ana")
    assert await words(shop) == {"shown": "", "plain": ""}


async def test_what_contradicts_a_line_of_somebody_goes_with_that_line(shop: Any) -> None:
    await line(shop, "twice", payment=uuid_of(await shop.paid()))
    await unread(shop, "twice")
    await erased(shop, "ana")
    assert await words(shop) == {"twice": ""}
    assert await shop.count("unread_line", "raw = ''") == 1
