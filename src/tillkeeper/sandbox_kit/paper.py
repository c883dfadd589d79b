"""The look of every sandbox page: one style sheet, one frame, and a policy that lets no script run."""

import hashlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent
STATIC = HERE / "static"
STYLE_VERSION = hashlib.sha256((STATIC / "sandbox.css").read_bytes()).hexdigest()[:12]


def desk_paper(*folders: Path, gateway: str = "") -> jinja2.Environment:
    """Set up templates from these folders and from the frame they share, which names the imitated gateway."""
    loader = jinja2.FileSystemLoader([*folders, HERE / "templates"])
    paper = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    paper.globals["style_version"] = STYLE_VERSION
    paper.globals["gateway"] = gateway
    return paper


def page(
    paper: jinja2.Environment,
    template: str,
    context: Mapping[str, object],
    *,
    status: int = HTTPStatus.OK,
    onward: Iterable[str | None] = (),
    framed: bool = False,
) -> HTMLResponse:
    """Render a page; `onward` are the addresses its forms may be redirected to, `framed` lets other pages hold it."""
    origins = sorted({origin(url) for url in onward if url})
    sources = " ".join(["'self'", *origins])
    framers = "*" if framed else "'none'"
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
        f" frame-ancestors {framers}; form-action {sources}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(paper.get_template(template).render(context), status, headers)


def origin(url: str) -> str:
    """Cut an address down to its origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
