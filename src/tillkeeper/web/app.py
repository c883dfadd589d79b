"""The HTTP application: webhooks first, then the API, its documents and the shop."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Scope

from tillkeeper.access.limits import Meter, Refusals
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake
from tillkeeper.kernel.errors import InvalidFieldError, MalformedJsonError, NotFoundError, TillError
from tillkeeper.reports import readiness
from tillkeeper.till import Till
from tillkeeper.web import address, announcements, caller, dashboard, documents, errors, shell, shop, status
from tillkeeper.web.api import (
    adjustments,
    admin,
    audit,
    books,
    customers,
    disputes,
    erasure,
    events,
    gateways,
    goods,
    keys,
    ledger,
    payments,
    reconciliation,
    refund_requests,
    refunds,
    risk,
    session,
    webhook_endpoints,
)
from tillkeeper.web.dashboard.live import Live
from tillkeeper.web.description import DescribedApp
from tillkeeper.web.intake import Webhooks
from tillkeeper.web.shell import Shell

VERSION = "0.1.0"
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "PUT", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "X-Correlation-Id"],
    "expose_headers": ["Request-Id", "Idempotent-Replayed", "Retry-After", *errors.RATE_HEADERS],
    "max_age": 600,
}
"""What browsers may send and read; no cookies, which are for our own pages alone."""
API = (
    payments,
    refunds,
    refund_requests,
    customers,
    disputes,
    goods,
    admin,
    adjustments,
    books,
    ledger,
    gateways,
    reconciliation,
    events,
    webhook_endpoints,
    keys,
    audit,
    risk,
    session,
    erasure,
)
"""The parts of the API, in the order in which the documents list them."""
DESCRIPTION = "Captured money becomes goods delivered once, and books that balance."


def build(till: Till, live: Live | None = None) -> ASGIApp:
    """Build the application for an open till; whoever runs it closes the till, and the news before that."""
    app = described()
    app.state.live = live or Live(till)
    app.state.till = till
    app.state.meter = Meter()
    app.state.refusals = Refusals()
    app.state.trusted_proxies = address.networks(till.settings.trusted_proxies)
    status.add(app, till)
    app.router.routes.extend(dashboard.routes(till))
    app.router.routes.extend(shop.result_routes(till))
    if till.settings.shop:
        origins = [gateway.checkout_origin for gateway in till.gateways.values()]
        app.router.routes.extend(shop.shop_routes(till, checkout_origins=origins))
    app.state.answer = partial(_at_a_page_or_the_api, till)
    return Webhooks(Shell(_for_browsers(app, till), app.state.answer), Intake(till), app.state.meter)


def described() -> DescribedApp:
    """Build the API and its documents, which can be described without a till."""
    app = DescribedApp(
        title="Tillkeeper",
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.answer = _at_the_api
    app.add_exception_handler(TillError, _till_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    app.router.routes.extend(_parts())
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_api_route("/ready", _ready, include_in_schema=False)
    app.add_api_route("/api/v1/payments/health", _ready, include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())  # before /payments/{payment}
    documents.add(app)
    app.webhooks.routes.extend(announcements.routes())
    return app


@cache
def _parts() -> Sequence[BaseRoute]:
    """Put the parts of the API together; FastAPI works out each once, which takes a second, for all that share them."""
    whole = APIRouter(generate_unique_id_function=_operation_id)
    for part in API:
        whole.include_router(part.router)
    return whole.routes


def _operation_id(route: APIRoute) -> str:
    """Name an operation for programs that are generated from the description; such a name never changes."""
    return f"{route.tags[0]}_{route.name}".replace(" ", "_") if route.tags else route.name


def _for_browsers(app: ASGIApp, till: Till) -> ASGIApp:
    """Let pages of the configured origins call from a browser, and those of no other."""
    origins = till.settings.cors_origins_allowed
    return CORSMiddleware(app, allow_origins=origins, **CORS) if origins else app


async def _health() -> dict[str, str]:
    return {"status": "alive"}


async def _ready(request: Request) -> dict[str, object]:
    """Say whether the database answers and is migrated, and look at no backlog: it must never refuse webhooks."""
    till = caller.till_of(request)
    await read(till, readiness.check)
    return {"status": "ready", "mode": till.settings.mode}


def _at_the_api(scope: Scope, error: TillError) -> Response:
    return errors.answer(error, scope["state"]["request_id"])


def _at_a_page_or_the_api(till: Till, scope: Scope, error: TillError) -> Response:
    """Answer people with a page, and programs with JSON."""
    if dashboard.serves(scope["path"]):
        return dashboard.refusal(till, Request(scope), error)
    return _at_the_api(scope, error)


def _answer(request: Request, error: TillError) -> Response:
    answer: Response = request.app.state.answer(request.scope, error)
    return answer


async def _till_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TillError), "registered for nothing else"
    return _answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    """Say which field is wrong and how, and never what was sent."""
    assert isinstance(error, RequestValidationError), "registered for nothing else"
    first = error.errors()[0]
    return _answer(request, _explain(first))


async def _unexpected(request: Request, _: Exception) -> Response:
    """Answer for a bug of ours; the shell around us writes it to the log."""
    return _answer(request, errors.UnexpectedError())


def _explain(found: Mapping[str, Any]) -> TillError:
    if found["loc"][0] == "header":
        return errors.IdempotencyKeyMissingError()
    path = [str(part) for part in found["loc"] if part not in ("body", "query", "path")]
    param = found.get("ctx", {}).get("field") or ".".join(path) or "body"
    if found["type"] == "extra_forbidden":
        return errors.UnknownFieldError(f"There is no field “{param[:64]}” here.", param=param[:64])
    return InvalidFieldError(f"{param[:64]}: {found['msg']}.", param=param[:64])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for nothing else"
    match error.status_code:
        case 404:
            known: TillError = NotFoundError(f"There is nothing at {shell.shown_path(request.scope)}.")
        case 405:
            known = errors.MethodNotAllowedError()
        case _:
            known = MalformedJsonError(str(error.detail)[:200])
    return _answer(request, known)
