"""What a customer pressed on a hosted page, and how often the webhook is to be sent for it."""

from urllib.parse import parse_qs

from starlette.requests import Request

from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.faults import webhook_copies_max

COPIES = {1: "once", 2: "twice", 3: "3 times", 50: "50 times"}


async def read(request: Request) -> dict[str, str]:
    """Read the form that a page sent."""
    fields = parse_qs((await request.body()).decode("latin-1"))
    return {name: values[-1] for name, values in fields.items()}


def copies(form: dict[str, str]) -> int | None:
    """Take how often each webhook is to be sent, or None for what the dial says."""
    asked = form.get("copies", "")
    return int(asked) if asked.isascii() and asked.isdigit() and 1 <= int(asked) <= webhook_copies_max else None


def choices(usual: int) -> list[Json]:
    """Offer how often to send the webhook; the usual number is chosen."""
    offered = {**COPIES, usual: COPIES.get(usual, f"{usual} times")}
    return [{"value": value, "label": offered[value], "chosen": value == usual} for value in sorted(offered)]
