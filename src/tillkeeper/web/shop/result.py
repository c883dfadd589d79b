"""The page on which a customer arrives from the gateway: what became of the payment, and the proof of it."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import cards, paging, timeline
from tillkeeper.reports import payment as payments
from tillkeeper.till import Till
from tillkeeper.web.shop import diary, paper, story
from tillkeeper.web.shop.diary import Counts
from tillkeeper.web.shop.story import UNDER_WAY, Story

version_length = 16

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Hold one payment at one moment: its story, and what happened to it."""

    payment: Json
    events: list[Json]
    cards: list[Json]
    counts: Counts
    story: Story

    @property
    def version(self) -> str:
        """Name what the page shows, so that a watcher sees when it has changed."""
        shown = repr((self.story, self.counts, len(self.events), self.payment["last_error"]))
        return hashlib.sha256(shown.encode()).hexdigest()[:version_length]


class Results:
    """Show payments to the people who made them."""

    def __init__(self, till: Till) -> None:
        self._till = till

    @paper.explained
    async def show(self, request: Request) -> Response:
        """Show what became of a payment; the demo also shows how it came about."""
        scene = await self._scene(ids.parse("payment", request.path_params["payment"]))
        titles = {name: gateway.title for name, gateway in self._till.gateways.items()}
        context: dict[str, object] = {
            "scene": scene,
            "payment": scene.payment,
            "story": scene.story,
            "label": story.label(scene.payment),
            "sandbox": scene.payment["mode"] == "sandbox",
            "demo": self._till.settings.shop,
            "cards": scene.cards,
            "wallet": diary.balance_after(scene.events),
            "entries": diary.entries(scene.events, titles),
            "gateway": titles.get(scene.payment["gateway"], scene.payment["gateway"]),
            "bookings": diary.bookings(scene.events),
            "proofs": diary.proofs(scene.events),
            "commands": _commands(scene.payment),
        }
        return paper.page("result.html", context)

    @paper.explained
    async def tell_state(self, request: Request) -> Response:
        """Tell a watching page whether it is still up to date."""
        scene = await self._scene(ids.parse("payment", request.path_params["payment"]))
        told = {
            "version": scene.version,
            "watching": scene.story.watching,
            "refresh_seconds": scene.story.refresh_seconds,
        }
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    async def _scene(self, payment: UUID) -> Scene:
        async def look(tx: Transaction) -> tuple[Json, Any, list[Json]]:
            shown: Json = await payments.show(tx, payment)
            return shown, (await timeline.show(tx, payment))["data"], await _drawn(tx, shown)

        shown, events, drawn = await read(self._till, look)
        counts = diary.count(events, cards_sold=_cards_sold(shown))
        return Scene(
            payment=shown,
            events=events,
            cards=drawn,
            counts=counts,
            story=story.tell(shown, counts, self._till.now()),
        )


async def _drawn(tx: Transaction, payment: Json) -> list[Json]:
    """List the cards that a purchase brought, as far as its user's newest reach."""
    if not _cards_sold(payment):
        return []
    held: Any = await cards.find(tx, payment["user"], limit=paging.limit_max, cursor=None)
    return [card for card in held["data"] if card["payment"] == payment["id"]]


def _cards_sold(payment: Json) -> int:
    goods = payment["fulfilment"]
    return goods["quantity"] if goods and goods["kind"] == "pack" else 0


def _commands(payment: Json) -> list[str]:
    """List what can be tried next, as one would type it."""
    if payment["status"] in UNDER_WAY:
        return [f"./till trigger pay.{end} --gateway {payment['gateway']}" for end in ("success", "decline")]
    left = payment["amount_captured"] - payment["amount_refunded"] - payment["amount_refunding"]
    refunds = [f"./till trigger refund.{share} --payment {payment['id']}" for share in ("partial", "dashboard", "full")]
    duplicate = f"./till trigger webhook.duplicate --gateway {payment['gateway']}"
    return [*(refunds if left > 0 else ()), duplicate, "./till ledger check"]
