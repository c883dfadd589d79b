"""The addresses of the imitated API."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.razorpay.sandbox import disputes, links, orders, payments, refunds, settlements
from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.fields import Fields
from tillkeeper.gateways.razorpay.sandbox.refusals import lost
from tillkeeper.gateways.razorpay.sandbox.wire import Perform, Wire
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk

ENDPOINTS: tuple[tuple[str, str, Perform], ...] = (
    ("POST", "/v1/orders", orders.create),
    ("GET", "/v1/orders", orders.listing),
    ("GET", "/v1/orders/{id}", orders.retrieve),
    ("GET", "/v1/orders/{id}/payments", orders.payments),
    ("POST", "/v1/payment_links", links.create),
    ("GET", "/v1/payment_links", links.listing),
    ("GET", "/v1/payment_links/{id}", links.retrieve),
    ("POST", "/v1/payment_links/{id}/cancel", links.cancel),
    ("GET", "/v1/payments", payments.listing),
    ("GET", "/v1/payments/{id}", payments.retrieve),
    ("POST", "/v1/payments/{id}/capture", payments.capture),
    ("POST", "/v1/payments/{id}/refund", refunds.create),
    ("GET", "/v1/payments/{id}/refunds", refunds.listing_of),
    ("GET", "/v1/payments/{id}/refunds/{refund}", refunds.retrieve_of),
    ("GET", "/v1/refunds", refunds.listing),
    ("GET", "/v1/refunds/{id}", refunds.retrieve),
    ("POST", "/v1/documents", disputes.upload),
    ("GET", "/v1/disputes", disputes.listing),
    ("GET", "/v1/disputes/{id}", disputes.retrieve),
    ("POST", "/v1/disputes/{id}/accept", disputes.accept),
    ("PATCH", "/v1/disputes/{id}/contest", disputes.contest),
    ("GET", "/v1/settlements", settlements.listing),
    ("GET", "/v1/settlements/recon/combined", settlements.report),
    ("GET", "/v1/settlements/{id}", settlements.retrieve),
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Handle = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the API of one desk."""
    wire = Wire(desk)
    known: list[BaseRoute] = [
        Route(path, _handle(wire, f"{method} {path}", perform), methods=[method]) for method, path, perform in ENDPOINTS
    ]
    return [*known, Route("/v1/{rest:path}", _handle(wire, "unrecognised", _stranger), methods=METHODS)]


def _handle(wire: Wire, route: str, perform: Perform) -> Handle:
    async def handle(request: Request) -> Response:
        return await wire.answer(request, route, perform, keyed=perform is refunds.create)

    return handle


def _stranger(_act: Act, _fields: Fields, _rest: str) -> Json:
    raise lost()
