"""The card binder of a demo user: every card drawn from its data, by pack and by tier."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from tillkeeper import catalog
from tillkeeper.flows.read import read
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import cards
from tillkeeper.till import Till
from tillkeeper.web.shop import paper, visitor
from tillkeeper.web.shop.art import TIERS

cards_shown_max = 60
WHY = {"refund": "the payment was refunded", "dispute": "the customer’s bank took the payment back"}

Json = dict[str, Any]


class Binder:
    """Show the cards."""

    def __init__(self, till: Till) -> None:
        self._till = till

    @paper.explained
    async def show(self, request: Request) -> Response:
        """Show the cards of one user, newest first, of one pack and one tier or of all."""
        who = visitor.recognise(request)
        asked = request.query_params

        async def look(tx: Transaction) -> tuple[list[Json], Json, dict[str, str]]:
            packs = [
                {"sku": each.id, "title": each.title.partition(",")[0]}
                for each in await catalog.packages(tx)
                if each.kind == "pack"
            ]
            pack, tier = _known(asked.get("pack"), [each["sku"] for each in packs]), _known(asked.get("tier"), TIERS)
            limits: Json = {"limit": cards_shown_max, "cursor": asked.get("after"), "pack": pack, "tier": tier}
            held = await cards.find(tx, who.user, **limits)
            return packs, {**held, "pack": pack, "tier": tier}, await cards.losses(tx, who.user)

        packs, held, losses = await read(self._till, look)
        context = {
            "users": visitor.USERS,
            "user": who.user,
            "switch": visitor.sealed(self._till.settings.secret_key, who),
            "cards": held["data"],
            "why": {payment: WHY[reason] for payment, reason in losses.items()},
            "by_pack": _links("pack", [("", "All packs"), *((each["sku"], each["title"]) for each in packs)], held),
            "by_tier": _links("tier", [("", "All tiers"), *((tier, tier.capitalize()) for tier in TIERS)], held),
            "older": _place(held, after=held["next_cursor"]) if held["has_more"] else None,
        }
        page = paper.page("binder.html", context)
        who.keep(page, secure=self._till.settings.public_url.startswith("https:"))
        return page


def _known(asked: str | None, known: Any) -> str | None:
    return asked if asked in known else None


def _links(name: str, choices: list[tuple[str, str]], held: Json) -> list[Json]:
    """List the choices of one filter, each as an address that keeps the other."""
    return [
        {"label": label, "url": _place(held, **{name: value}), "chosen": (held[name] or "") == value}
        for value, label in choices
    ]


def _place(held: Json, **changed: str) -> str:
    chosen = {"pack": held["pack"], "tier": held["tier"], **changed}
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"/shop/cards?{query}" if query else "/shop/cards"
