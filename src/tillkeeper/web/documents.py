"""The documents that the server itself serves: the API's pages, the guides, and a page for every error, all offline."""

from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from tillkeeper.kernel.errors import NotFoundError, TillError
from tillkeeper.web import assets, guides
from tillkeeper.web.assets import Assets

FOLDER = Path(__file__).parent
PAGES = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)
CSP = "; ".join(
    (
        *("default-src 'self'", "object-src 'none'", "img-src 'self' data:", "style-src 'self'"),
        *("frame-ancestors 'none'", "base-uri 'none'"),
    )
)
CSP_SWAGGER = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI sets styles on its own elements; scripts still come from here alone."""
COMMANDS = ("tillkeeper.cli.", "tillkeeper.ops.")
SAFEKEEPING = (
    "tillkeeper.backups.",
    "tillkeeper.flows.back_up",
    "tillkeeper.flows.drill",
    "tillkeeper.flows.isolate",
    "tillkeeper.flows.restore",
    "tillkeeper.flows.unseal",
    "tillkeeper.kernel.encrypted",
    "tillkeeper.kernel.postgres_programs",
)
"""What commands and the worker do about backups, for which the API has no call."""
INTERNAL = frozenset({"configuration", "secret_unreadable", "vault"})
"""Errors that stop the program from starting, and that no request ever gets."""


def add(app: FastAPI) -> None:
    """Serve /docs with its guides and errors, and /static."""
    app.mount("/static", Assets(directory=assets.FOLDER), name="static")
    app.add_api_route("/", _home, include_in_schema=False)
    app.add_api_route("/docs", _docs, include_in_schema=False)
    app.add_api_route("/docs/errors", _errors, include_in_schema=False)
    app.add_api_route("/docs/errors/{code}", _error, include_in_schema=False)
    app.mount("/docs/images", StaticFiles(directory=guides.FOLDER / "images"), name="images")
    app.add_api_route("/docs/{page:path}", _guide, include_in_schema=False)


def documented() -> dict[str, type[TillError]]:
    """Find every error that a request can be answered with, by its code."""
    kin = sorted(_kin(TillError), key=lambda kind: kind.code)
    # A subclass may say the same code with a next step of its own; the page explains what they have in common.
    return {
        kind.code: kind
        for kind in reversed(kin)
        if kind.code not in INTERNAL and not kind.__module__.startswith((*COMMANDS, *SAFEKEEPING))
    }


def _kin(error: type[TillError]) -> Iterator[type[TillError]]:
    yield error
    for kind in error.__subclasses__():
        yield from _kin(kind)


async def _home(request: Request) -> Response:
    return RedirectResponse("/shop" if request.app.state.till.settings.shop else "/docs")


async def _docs() -> HTMLResponse:
    return HTMLResponse(PAGES.get_template("docs.html").render(), headers={"Content-Security-Policy": CSP_SWAGGER})


async def _errors() -> HTMLResponse:
    page = PAGES.get_template("errors.html").render(errors=documented().values())
    return HTMLResponse(page, headers={"Content-Security-Policy": CSP})


async def _error(code: str) -> HTMLResponse:
    error = documented().get(code)
    if error is None:
        message = f"There is no error “{code[:64]}”; /docs/errors lists them all."
        raise NotFoundError(message)
    return HTMLResponse(PAGES.get_template("error.html").render(error=error), headers={"Content-Security-Policy": CSP})


async def _guide(page: str) -> HTMLResponse:
    if page not in guides.pages():
        message = f"There is no page “{page[:64]}”; /docs/index lists them all."
        raise NotFoundError(message)
    text = PAGES.get_template("guide.html").render(guide=guides.show(page))
    return HTMLResponse(text, headers={"Content-Security-Policy": CSP})
