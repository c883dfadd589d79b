"""The demo shop: credit packages, two demo users, and a button that leads to the gateway's checkout."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tillkeeper import catalog, routing
from tillkeeper.catalog import Package
from tillkeeper.flows.checkout import DeclinedError, Purchase, checkout
from tillkeeper.flows.read import read
from tillkeeper.flows.route import AUTO
from tillkeeper.gateway import Gateway
from tillkeeper.idempotency import InProgressError, Replay, Wish
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.kernel.money import currency as _code
from tillkeeper.reports import cards, wallet
from tillkeeper.reports import payment as payments
from tillkeeper.till import Till
from tillkeeper.web.shop import paper, scene, visitor
from tillkeeper.web.shop.scene import Scene
from tillkeeper.web.shop.story import label
from tillkeeper.web.shop.visitor import Form, Visitor

purchases_shown_max = 5
cards_shown_max = 5
twin_patience_ms = 10_000
twin_poll_ms = 100
price_unit_credits = 100
PAGES = ("/shop/wallet", "/shop/cards")
"""Where a visitor stays when they go on as somebody else."""
NOTHING_YET = {"version": "", "watching": True, "refresh_seconds": scene.followed_seconds}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Hold what one visitor sees: what is for sale, what they own, and what they bought last."""

    packages: list[Package]
    purse: Json
    cards: list[Json]
    purchases: list[Json]
    gateways: list[Gateway]
    """Those that take new payments, in the order of preference."""
    latest: Scene | None
    """The newest purchase, whose timeline stands beside the shelf."""

    @property
    def currencies(self) -> list[str]:
        """List the currencies that something is sold in, the shop's own first."""
        return list(dict.fromkeys(code for package in self.packages for code in package.prices))


class Counter:
    """Show the shop and take orders."""

    def __init__(self, till: Till, checkout_origins: tuple[str, ...]) -> None:
        self._till = till
        self._origins = checkout_origins

    @paper.explained
    async def show(self, request: Request) -> Response:
        """Show what is for sale to the demo user, in one currency."""
        who = visitor.recognise(request)
        shelf = await self._shelf(who.user)
        currency = _currency(shelf, request.query_params.get("currency"))
        gateways = _gateways(shelf, currency)
        asked = request.query_params.get("gateway")
        context = {
            "users": visitor.USERS,
            "user": who.user,
            "wallet": shelf.purse,
            "currencies": shelf.currencies,
            "currency": currency,
            "gateways": gateways,
            "gateway": _gateway([each.name for each in gateways], currency, asked),
            "places": {code: _place(code, _kept(shelf, code, asked)) for code in shelf.currencies},
            "offers": [self._offer(package, currency, who) for package in shelf.packages if currency in package.prices],
            "cards": shelf.cards,
            "purchases": [payment | {"label": label(payment)} for payment in shelf.purchases],
            "switch": self._sealed(who),
            "live": _state(shelf),
            "latest": shelf.latest,
            "entries": shelf.latest.entries(scene.titles(self._till)) if shelf.latest else [],
        }
        page = paper.page("shop.html", context, onward=self._origins)
        who.keep(page, secure=self._secure)
        return page

    @paper.explained
    async def tell_state(self, request: Request) -> Response:
        """Tell a watching shop whether what it shows of its user is still up to date."""
        return paper.state(_state(await self._shelf(visitor.recognise(request).user)))

    @paper.explained
    async def switch_user(self, request: Request) -> Response:
        """Go on as the other demo user."""
        form = await visitor.take_form(request, self._till.settings)
        who = Visitor(session=visitor.recognise(request).session, user=form.user())
        page = form.fields.get("page", "")
        back = page if page in PAGES else _place(_code(form.field("currency")), form.field("gateway"))
        onward = RedirectResponse(back, HTTPStatus.SEE_OTHER)
        who.keep(onward, secure=self._secure)
        return onward

    @paper.explained
    async def buy(self, request: Request) -> Response:
        """Open a checkout, once for each form that was shown, and lead the way to it."""
        form = await visitor.take_form(request, self._till.settings)
        replay = await self._checkout(form)
        if replay.status == DeclinedError.status:
            raise DeclinedError(str(replay.body["detail"]))
        action = replay.body["next_action"]
        onward = action["url"] if isinstance(action, dict) else f"/checkout/{replay.body['id']}"
        return RedirectResponse(onward, HTTPStatus.SEE_OTHER)

    async def _checkout(self, form: Form) -> Replay:
        """Open a checkout; the second press of one button waits for what became of the first."""
        wish = Wish(scope="shop", key=form.key, request_sha=form.digest())
        purchase = Purchase(
            package=form.field("package"),
            currency=_code(form.field("currency")),
            user=form.user(),
            gateway=form.field("gateway"),
        )
        read_ms = clock.timer_ms()
        while True:
            try:
                return await checkout(self._till, wish, purchase)
            except InProgressError:
                if read_ms() > twin_patience_ms:
                    raise
            await asyncio.sleep(twin_poll_ms / 1000)

    async def _shelf(self, user: str) -> Shelf:
        now = self._till.now()

        async def look(tx: Transaction) -> Shelf:
            bought = await payments.find(tx, payments.Filter(user=user, limit=purchases_shown_max))
            held = await cards.find(tx, user, limit=cards_shown_max, cursor=None)
            purchases: Any = bought["data"]
            binder: Any = held["data"]
            latest = await scene.look(tx, ids.parse("payment", purchases[0]["id"]), now) if purchases else None
            states = await routing.states(tx, list(self._till.gateways))
            return Shelf(
                packages=await catalog.packages(tx),
                purse=await wallet.show(tx, user),
                cards=binder,
                purchases=purchases,
                gateways=[self._till.gateways[name] for name in routing.order(states, list(states))],
                latest=latest,
            )

        return await read(self._till, look)

    def _offer(self, package: Package, currency: str, who: Visitor) -> Json:
        price = package.prices[currency]
        each = (price * price_unit_credits + package.quantity // 2) // package.quantity
        return {
            "package": package,
            "price": paper.written(price, currency),
            "each": f"{paper.written(each, currency)} per {price_unit_credits}" if package.kind == "credits" else "",
            "form": self._sealed(who),
        }

    def _sealed(self, who: Visitor) -> Json:
        return visitor.sealed(self._till.settings.secret_key, who)

    @property
    def _secure(self) -> bool:
        return self._till.settings.public_url.startswith("https:")


def _state(shelf: Shelf) -> Json:
    """Tell what the shop shows of its user, and when to look again."""
    state = shelf.latest.state(followed=True) if shelf.latest else NOTHING_YET
    shown = repr((state["version"], shelf.purse, [(each["id"], label(each)) for each in shelf.purchases]))
    return {**state, "version": hashlib.sha256(shown.encode()).hexdigest()[: scene.version_length]}


def _gateways(shelf: Shelf, currency: str) -> list[Gateway]:
    """List the gateways that take a currency."""
    prices = [package.prices[currency] for package in shelf.packages if currency in package.prices]
    return [each for each in shelf.gateways if any(_takes(each, price, currency) for price in prices)]


def _kept(shelf: Shelf, currency: str, asked: str | None) -> str:
    """Stay with the gateway that was asked for when the currency changes, if it takes the other one too."""
    return next((each.name for each in _gateways(shelf, currency) if each.name == asked), AUTO)


def _place(currency: str, gateway: str) -> str:
    """Name the shop's address with these choices."""
    return "/shop?" + urlencode({"currency": currency} | ({} if gateway == AUTO else {"gateway": gateway}))


def _takes(gateway: Gateway, price: int, currency: str) -> bool:
    try:
        gateway.check_amount(price, currency)
    except CurrencyNotSupportedError:
        return False
    return True


def _gateway(offered: Sequence[str], currency: str, asked: str | None) -> str:
    """Take the gateway that was asked for, or let the till choose."""
    if asked and asked != AUTO and asked not in offered:
        message = f"{asked[:32]} does not take {currency} here; choose {', '.join(offered) or 'another currency'}."
        raise CurrencyNotSupportedError(message, param="gateway")
    return asked or AUTO


def _currency(shelf: Shelf, asked: str | None) -> str:
    """Take the currency that was asked for, or the shop's own."""
    offered = shelf.currencies
    code = _code(asked) if asked else next(iter(offered), "")
    if offered and code not in offered:
        message = f"Nothing is sold in {code} here; choose {', '.join(offered)}."
        raise CurrencyNotSupportedError(message, param="currency")
    return code
