"""The look of shop and result pages: templates, hashed assets, and a policy that lets no foreign thing in."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tillkeeper.facts import CREDITS
from tillkeeper.kernel import money
from tillkeeper.kernel.errors import NotFoundError, TillError
from tillkeeper.web import policy
from tillkeeper.web.shop import art

HERE = Path(__file__).parent
ASSETS = {file.name: file.read_bytes() for file in sorted((HERE / "static").iterdir())}
VERSIONS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in ASSETS.items()}
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}
KEEP_FOR_GOOD = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"
PACKS = "PACK:"
"""How the books name units that are cards."""

Pages = TypeVar("Pages")
Endpoint = Callable[[Pages, Request], Awaitable[Response]]


def asset_url(name: str) -> str:
    """Name an asset together with its content, so that it may be kept for good."""
    return f"/checkout/assets/{name}?v={VERSIONS[name]}"


def written(amount: int, code: str) -> str:
    """Write minor units, credits or cards for people."""
    if code == CREDITS or code.startswith(PACKS):
        unit = "credit" if code == CREDITS else "card"
        return f"{amount:,} {unit}{'' if abs(amount) == 1 else 's'}"
    return money.show(amount, code)


PAPER = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAPER.globals["asset_url"] = asset_url
PAPER.globals["credits"] = CREDITS
PAPER.filters["written"] = written
PAPER.filters["drawn"] = art.draw


async def asset(request: Request) -> Response:
    """Serve a style sheet or script; only the address that names this very content is kept."""
    name = request.path_params["name"]
    if name not in ASSETS:
        return problem(NotFoundError())
    current = request.query_params.get("v") == VERSIONS[name]
    headers = {"Cache-Control": KEEP_FOR_GOOD if current else ASK_EACH_TIME, "X-Content-Type-Options": "nosniff"}
    return Response(ASSETS[name], media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)


def page(
    template: str,
    context: Mapping[str, object],
    *,
    status: int = HTTPStatus.OK,
    onward: Iterable[str] = (),
) -> HTMLResponse:
    """Render a page; `onward` are the origins that its forms may lead to."""
    headers = {
        "Content-Security-Policy": policy.content(onward),
        "Cache-Control": "no-store",
        # Not `no-referrer`: with it, browsers send `Origin: null` along with our own forms.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(PAPER.get_template(template).render(context), int(status), headers)


def state(told: Mapping[str, object]) -> JSONResponse:
    """Answer a page that asks whether it is still up to date."""
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


def explained(endpoint: Endpoint[Pages]) -> Endpoint[Pages]:
    """Answer an error with a page that says what happened and what to do next."""

    @wraps(endpoint)
    async def run(pages: Pages, request: Request) -> Response:
        try:
            return await endpoint(pages, request)
        except TillError as error:
            return problem(error, str(getattr(request.state, "request_id", "")))

    return run


def problem(error: TillError, request_id: str = "") -> Response:
    """Show an error to a person."""
    shown = page("problem.html", {"error": error, "request_id": request_id}, status=int(error.status))
    if error.retry_after_seconds:
        shown.headers["Retry-After"] = str(error.retry_after_seconds)
    return shown
