"""The addresses of the imitated API."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.stripe.sandbox import (
    balance,
    cards,
    charges,
    checkout,
    customers,
    disputes,
    events,
    intents,
    payouts,
    refunds,
    sessions,
)
from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError
from tillkeeper.gateways.stripe.sandbox.wire import Perform, Wire
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk

ENDPOINTS: tuple[tuple[str, str, Perform], ...] = (
    ("POST", "/v1/checkout/sessions", sessions.create),
    ("GET", "/v1/checkout/sessions", sessions.listing),
    ("GET", "/v1/checkout/sessions/{id}", sessions.retrieve),
    ("GET", "/v1/checkout/sessions/{id}/line_items", sessions.line_items),
    ("POST", "/v1/checkout/sessions/{id}/expire", checkout.expire),
    ("POST", "/v1/payment_intents", intents.create),
    ("GET", "/v1/payment_intents", intents.listing),
    ("GET", "/v1/payment_intents/{id}", intents.retrieve),
    ("POST", "/v1/payment_intents/{id}", intents.update),
    ("POST", "/v1/payment_intents/{id}/confirm", intents.confirm),
    ("POST", "/v1/payment_intents/{id}/capture", intents.capture),
    ("POST", "/v1/payment_intents/{id}/cancel", intents.cancel),
    ("GET", "/v1/charges", charges.listing),
    ("GET", "/v1/charges/{id}", charges.retrieve),
    ("POST", "/v1/refunds", refunds.create),
    ("GET", "/v1/refunds", refunds.listing),
    ("GET", "/v1/refunds/{id}", refunds.retrieve),
    ("GET", "/v1/disputes", disputes.listing),
    ("GET", "/v1/disputes/{id}", disputes.retrieve),
    ("POST", "/v1/disputes/{id}", disputes.update),
    ("POST", "/v1/disputes/{id}/close", disputes.close),
    ("GET", "/v1/payouts", payouts.listing),
    ("GET", "/v1/payouts/{id}", payouts.retrieve),
    ("POST", "/v1/customers", customers.create),
    ("GET", "/v1/customers", customers.listing),
    ("GET", "/v1/customers/{id}", customers.retrieve),
    ("GET", "/v1/payment_methods/{id}", cards.retrieve),
    ("GET", "/v1/balance_transactions", balance.listing),
    ("GET", "/v1/balance_transactions/{id}", balance.retrieve),
    ("GET", "/v1/events", events.listing),
    ("GET", "/v1/events/{id}", events.retrieve),
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Handle = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the API of one desk."""
    wire = Wire(desk)
    known: list[BaseRoute] = [
        Route(path, _handle(wire, f"{method} {path}", perform), methods=[method]) for method, path, perform in ENDPOINTS
    ]
    return [*known, Route("/v1/{rest:path}", _stranger(wire), methods=METHODS)]


def _handle(wire: Wire, route: str, perform: Perform) -> Handle:
    async def handle(request: Request) -> Response:
        return await wire.answer(request, route, perform)

    return handle


def _stranger(wire: Wire) -> Handle:
    async def handle(request: Request) -> Response:
        def refuse(_act: Act, _params: Params, rest: str) -> Json:
            message = f"Unrecognized request URL ({request.method}: /v1/{rest})."
            raise StripeError(message, status=404, kept=False)

        return await wire.answer(request, "unrecognised", refuse)

    return handle
