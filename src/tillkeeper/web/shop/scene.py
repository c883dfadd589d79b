"""One payment at one moment: its story, what happened to it, and what it brought."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tillkeeper.flows.read import read
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import cards, dispute, paging, timeline
from tillkeeper.reports import payment as payments
from tillkeeper.till import Till
from tillkeeper.web.shop import diary, story
from tillkeeper.web.shop.diary import Counts, Entry
from tillkeeper.web.shop.story import Story

version_length = 16
followed_seconds = 3
"""How often a page of the demo looks when nothing is under way: something may be done in a terminal."""

NOT_THEIRS = ("api", "action", "note")
"""What no buyer is shown: who of the merchant's did or wrote what, and the keys of requests."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Hold one payment at one moment."""

    payment: Json
    events: list[Json]
    cards: list[Json]
    disputes: list[Json]
    counts: Counts
    story: Story

    @property
    def version(self) -> str:
        """Name what a page shows of it, so that a watcher sees when it has changed."""
        shown = repr((self.story, self.counts, self.events, self.payment["last_error"]))
        return hashlib.sha256(shown.encode()).hexdigest()[:version_length]

    def entries(self, titles: Mapping[str, str]) -> list[Entry]:
        """Write its timeline."""
        return diary.entries(self.events, titles)

    def state(self, *, followed: bool) -> Json:
        """Tell a page what it shows, and when to look again; `followed` pages look also when nothing is under way."""
        watching = self.story.watching
        return {
            "version": self.version,
            "watching": watching or followed,
            "refresh_seconds": self.story.refresh_seconds if watching or not followed else followed_seconds,
        }


async def show(till: Till, payment: UUID) -> Scene:
    """Look at a payment now; raises NotFoundError."""
    now = till.now()
    return await read(till, lambda tx: look(tx, payment, now))


async def look(tx: Transaction, payment: UUID, now: datetime) -> Scene:
    """Look at a payment; raises NotFoundError."""
    shown: Any = await payments.show(tx, payment)
    told: Any = await timeline.show(tx, payment)
    events = [event for event in told["data"] if event["kind"] not in NOT_THEIRS]
    disputed: Any = await dispute.find(tx, payment=payment, status=None, limit=paging.limit_default, cursor=None)
    counts = diary.count(events, cards_sold=cards_sold(shown))
    return Scene(
        payment=shown,
        events=events,
        cards=await _drawn(tx, shown),
        disputes=disputed["data"],
        counts=counts,
        story=story.tell(shown, counts, now, disputed["data"]),
    )


def titles(till: Till) -> dict[str, str]:
    """Name the gateways as people do."""
    return {name: gateway.title for name, gateway in till.gateways.items()}


def cards_sold(payment: Json) -> int:
    """Tell how many cards a payment has bought."""
    goods = payment["fulfilment"]
    return goods["quantity"] if goods and goods["kind"] == "pack" else 0


async def _drawn(tx: Transaction, payment: Json) -> list[Json]:
    """List the cards that a purchase brought, in the order in which they were drawn."""
    if not cards_sold(payment):
        return []
    held: Any = await cards.find(tx, payment["user"], limit=paging.limit_max, cursor=None, payment=payment["id"])
    drawn: list[Json] = held["data"][::-1]
    return drawn
