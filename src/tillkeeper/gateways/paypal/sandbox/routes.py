"""The addresses of the imitated API."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.paypal.sandbox import (
    authorizations,
    captures,
    certificates,
    disputes,
    events,
    ledger,
    orders,
)
from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import PayPalError
from tillkeeper.gateways.paypal.sandbox.wire import Perform, Wire
from tillkeeper.sandbox_kit.stand import Desk

ENDPOINTS: tuple[tuple[str, str, Perform], ...] = (
    ("POST", "/v2/checkout/orders", orders.create),
    ("GET", "/v2/checkout/orders/{id}", orders.retrieve),
    ("POST", "/v2/checkout/orders/{id}/capture", orders.capture),
    ("POST", "/v2/checkout/orders/{id}/authorize", orders.authorize),
    ("GET", "/v2/payments/authorizations/{id}", authorizations.retrieve),
    ("POST", "/v2/payments/authorizations/{id}/capture", authorizations.capture),
    ("POST", "/v2/payments/authorizations/{id}/void", authorizations.void),
    ("GET", "/v2/payments/captures/{id}", captures.retrieve),
    ("POST", "/v2/payments/captures/{id}/refund", captures.refund),
    ("GET", "/v2/payments/refunds/{id}", captures.retrieve_refund),
    ("GET", "/v1/customer/disputes", disputes.listing),
    ("GET", "/v1/customer/disputes/{id}", disputes.retrieve),
    ("POST", "/v1/customer/disputes/{id}/accept-claim", disputes.accept),
    ("POST", "/v1/customer/disputes/{id}/provide-evidence", disputes.provide_evidence),
    ("GET", "/v1/notifications/webhooks-events", events.listing),
    ("GET", "/v1/notifications/webhooks-events/{id}", events.retrieve),
    ("POST", "/v1/notifications/webhooks-events/{id}/resend", events.resend),
    ("POST", "/v1/notifications/verify-webhook-signature", certificates.judge),
    ("GET", "/v1/reporting/transactions", ledger.transactions),
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Handle = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the API of one desk."""
    wire = Wire(desk)
    known: list[BaseRoute] = [
        Route(path, _handle(wire, f"{method} {path}", perform), methods=[method]) for method, path, perform in ENDPOINTS
    ]
    return [
        Route("/v1/oauth2/token", wire.grant, methods=["POST"]),
        Route("/v1/notifications/certs/{id}", _certificate(desk), methods=["GET"]),
        *known,
        Route("/v1/{rest:path}", _handle(wire, "unrecognised", _refuse), methods=METHODS),
        Route("/v2/{rest:path}", _handle(wire, "unrecognised", _refuse), methods=METHODS),
    ]


def _handle(wire: Wire, route: str, perform: Perform) -> Handle:
    async def handle(request: Request) -> Response:
        return await wire.answer(request, route, perform)

    return handle


def _certificate(desk: Desk) -> Handle:
    """Serve certificates to anybody, as PayPal does."""

    async def handle(request: Request) -> Response:
        try:
            with desk.books.change(desk.gateway) as change:
                pem = certificates.retrieve(Act(desk, change, desk.now()), request.path_params["id"])
        except PayPalError as refusal:
            return JSONResponse(refusal.error, refusal.status)
        return Response(pem, media_type="application/x-pem-file")

    return handle


def _refuse(_act: Act, _fields: Fields, _rest: str) -> Answered:
    raise PayPalError(HTTPStatus.NOT_FOUND)
