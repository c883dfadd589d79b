"""The demo shop and the page on which a customer arrives after paying."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from tillkeeper.till import Till
from tillkeeper.web.shop import paper
from tillkeeper.web.shop.binder import Binder
from tillkeeper.web.shop.counter import Counter
from tillkeeper.web.shop.purse import Purse
from tillkeeper.web.shop.result import Results

__all__ = ["result_routes", "shop_routes"]


def shop_routes(till: Till, *, checkout_origins: Sequence[str] = ()) -> list[BaseRoute]:
    """List the demo shop's addresses; `checkout_origins` are where buying may lead, such as `http://127.0.0.1:8001`."""
    counter, purse = Counter(till, tuple(checkout_origins)), Purse(till)
    return [
        Route("/shop", counter.show, methods=["GET"]),
        Route("/shop/buy", counter.buy, methods=["POST"]),
        Route("/shop/state", counter.tell_state, methods=["GET"]),
        Route("/shop/user", counter.switch_user, methods=["POST"]),
        Route("/shop/act", Results(till).act, methods=["POST"]),
        Route("/shop/wallet", purse.show, methods=["GET"]),
        Route("/shop/wallet/spend", purse.spend, methods=["POST"]),
        Route("/shop/cards", Binder(till).show, methods=["GET"]),
    ]


def result_routes(till: Till) -> list[BaseRoute]:
    """List the addresses of the result page; without the shop it shows the customer's part only."""
    results = Results(till)
    return [
        Route("/checkout/assets/{name}", paper.asset, methods=["GET"]),
        Route("/checkout/{payment}", results.show, methods=["GET"]),
        Route("/checkout/{payment}/state", results.tell_state, methods=["GET"]),
    ]
