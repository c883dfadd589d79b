"""Which site a request comes from, as far as browsers say it."""

from urllib.parse import urlsplit

from starlette.requests import Request


def is_foreign(request: Request, public_url: str) -> bool:
    """Tell whether the browser says that the page of another site sent this; whoever is no browser says nothing."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return True
    ours = {request.headers.get("host"), urlsplit(public_url).netloc} - {None, ""}
    return origin is not None and _host(origin) not in ours


def _host(origin: str) -> str:
    """Read the host and port of an origin; nothing of what is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
