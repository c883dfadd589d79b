"""What a customer pressed on a hosted page, and what is to become of the webhook for it."""

from http import HTTPStatus
from urllib.parse import parse_qs

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tillkeeper.sandbox_kit import paper
from tillkeeper.sandbox_kit.courses import COURSES, TIMEOUT
from tillkeeper.sandbox_kit.faults import webhook_copies_max


async def read(request: Request) -> dict[str, str]:
    """Read the form that a page sent; a button that names a reason to decline says both in one word."""
    fields = parse_qs((await request.body()).decode("latin-1"))
    form = {name: values[-1] for name, values in fields.items()}
    return form | {"act": "decline", "code": form["decline"]} if "decline" in form else form


def copies(form: dict[str, str]) -> int | None:
    """Take how often each webhook is to be sent, or None for what the dial says."""
    asked = form.get("copies", "")
    return int(asked) if asked.isascii() and asked.isdigit() and 1 <= int(asked) <= webhook_copies_max else None


def course(form: dict[str, str]) -> str:
    """Take the course that the webhooks are to take, or none."""
    asked = form.get("webhook", "")
    return asked if asked in COURSES else ""


def onward(form: dict[str, str], pages: jinja2.Environment, *, paid: str, otherwise: str) -> Response:
    """Lead the customer on to where who has paid arrives, or let their browser wait in vain for it.

    Without an address for who has paid, `otherwise` shows where they stand.
    """
    if paid and course(form) == TIMEOUT:
        return paper.page(pages, "timed_out.html", {"back": paid}, status=HTTPStatus.GATEWAY_TIMEOUT)
    return RedirectResponse(paid or otherwise, HTTPStatus.SEE_OTHER)
