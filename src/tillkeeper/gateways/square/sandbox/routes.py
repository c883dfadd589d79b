"""The addresses of the imitated API."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillkeeper.gateways.square.sandbox import (
    account,
    customers,
    disputes,
    events,
    links,
    orders,
    payment_api,
    payouts,
    refunds,
)
from tillkeeper.gateways.square.sandbox.act import Act, stamp
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.gateways.square.sandbox.wire import Endpoint, Keyed, Wire
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import Desk


def _locations(act: Act, params: Params) -> Json:
    """List the one location of the account."""
    params.done()
    shown = {
        "id": account.location(act),
        "name": act.desk.merchant,
        "status": "ACTIVE",
        "merchant_id": account.MERCHANT,
        "country": "US",
        "currency": account.settings(act)["currency"] or "USD",
        "capabilities": ["CREDIT_CARD_PROCESSING"],
        "created_at": stamp(0),
    }
    return {"locations": [shown]}


ENDPOINTS = (
    Endpoint("POST", "/v2/payments", payment_api.create, "payment", Keyed.MUST),
    Endpoint("GET", "/v2/payments", payment_api.listing),
    Endpoint("POST", "/v2/payments/cancel", payment_api.cancel_by_key),
    Endpoint("GET", "/v2/payments/{id}", payment_api.retrieve, "payment"),
    Endpoint("PUT", "/v2/payments/{id}", payment_api.update, "payment", Keyed.MUST),
    Endpoint("POST", "/v2/payments/{id}/complete", payment_api.complete, "payment"),
    Endpoint("POST", "/v2/payments/{id}/cancel", payment_api.cancel, "payment"),
    Endpoint("POST", "/v2/refunds", refunds.create, "refund", Keyed.MUST),
    Endpoint("GET", "/v2/refunds", refunds.listing),
    Endpoint("GET", "/v2/refunds/{id}", refunds.retrieve, "refund"),
    Endpoint("POST", "/v2/online-checkout/payment-links", links.create, keyed=Keyed.MAY),
    Endpoint("GET", "/v2/online-checkout/payment-links", links.listing),
    Endpoint("GET", "/v2/online-checkout/payment-links/{id}", links.retrieve, "payment_link"),
    Endpoint("DELETE", "/v2/online-checkout/payment-links/{id}", links.delete),
    Endpoint("POST", "/v2/orders", payment_api.open_order, "order", Keyed.MAY),
    Endpoint("GET", "/v2/orders/{id}", orders.retrieve, "order"),
    Endpoint("PUT", "/v2/orders/{id}", orders.update, "order", Keyed.MAY),
    Endpoint("POST", "/v2/customers", customers.create, "customer", Keyed.MAY),
    Endpoint("GET", "/v2/customers", customers.listing),
    Endpoint("GET", "/v2/customers/{id}", customers.retrieve, "customer"),
    Endpoint("GET", "/v2/payouts", payouts.listing),
    Endpoint("GET", "/v2/payouts/{id}", payouts.retrieve, "payout"),
    Endpoint("GET", "/v2/payouts/{id}/payout-entries", payouts.entries),
    Endpoint("GET", "/v2/disputes", disputes.listing),
    Endpoint("GET", "/v2/disputes/{id}", disputes.retrieve, "dispute"),
    Endpoint("POST", "/v2/disputes/{id}/accept", disputes.accept, "dispute"),
    Endpoint("POST", "/v2/disputes/{id}/evidence-text", disputes.add_evidence, "evidence", Keyed.MUST),
    Endpoint("POST", "/v2/disputes/{id}/submit-evidence", disputes.submit, "dispute"),
    Endpoint("POST", "/v2/events", events.search),
    Endpoint("GET", "/v2/events/types", events.types),
    Endpoint("PUT", "/v2/events/enable", events.enable),
    Endpoint("PUT", "/v2/events/disable", events.disable),
    Endpoint("GET", "/v2/locations", _locations),
)
METHODS = ("GET", "POST", "PUT", "DELETE")

Handle = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[BaseRoute]:
    """List the API of one desk."""
    wire = Wire(desk)
    known = [Route(each.path, _handle(wire, each), methods=[each.method]) for each in ENDPOINTS]
    strangers = [Endpoint(method, "/v2/{rest:path}", _refuse) for method in METHODS]
    return [*known, *(Route(each.path, _handle(wire, each), methods=[each.method]) for each in strangers)]


def _handle(wire: Wire, endpoint: Endpoint) -> Handle:
    async def handle(request: Request) -> Response:
        return await wire.answer(request, endpoint)

    return handle


def _refuse(_act: Act, _params: Params, rest: str) -> Json:
    detail = f"Resource not found: /v2/{rest}"
    raise SquareError(detail, code="NOT_FOUND", status=404)
