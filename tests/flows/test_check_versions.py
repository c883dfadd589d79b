"""Operators hear on Mondays of API versions that are old or not ours, and of nothing when all is well."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.flows.mailbox import mailbox
from tests.flows.test_notify import posted

from tillkeeper.flows.check_versions import check_versions
from tillkeeper.flows.correspond import correspond
from tillkeeper.till import Till

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
SEEN = "INSERT INTO gateway_version (gateway, version, first_seen_at, last_seen_at) VALUES ('stripe', $1, now(), now())"


def on(till: Till, moment: datetime) -> Till:
    return replace(till, now=lambda: moment)


async def test_a_gateway_whose_version_is_new_is_no_news(shop: Any) -> None:
    assert await check_versions(on(shop.till, MONDAY)) == 0


async def test_an_old_version_is_told_once_a_week_with_what_to_do(shop: Any) -> None:
    await shop.owner.execute("DELETE FROM gateway_version")
    await shop.owner.execute(SEEN, "2024-06-20")
    async with mailbox() as box:
        till = posted(shop.till, box)
        for hours in (0, 1, 7 * 24):
            assert await check_versions(on(till, MONDAY + timedelta(hours=hours))) == 1
        while await correspond(till):
            pass
    assert len(box.letters) == 2, "one for each week"
    assert "should look at" in box.letters[0].message["Subject"]
    assert "days old" in box.letters[0].text
    assert "test mode first" in box.letters[0].text
