"""Looking for what no answer told of: lists, page by page, bounded."""

from collections.abc import AsyncIterator, Callable, Mapping

from tillkeeper.gateway import Declined, Unknown
from tillkeeper.gateways.square.calls import Failure, Wire
from tillkeeper.gateways.square.webhook import Object

pages_max = 50
BESIDE = frozenset({"cursor", "metadata"})


async def find(
    wire: Wire, path: str, word: str, fits: Callable[[Object], bool], *, query: Mapping[str, str]
) -> list[Object] | Failure:
    """Go through a list for the objects that fit."""
    found: list[Object] = []
    async for page in pages(wire, path, query=query):
        if not isinstance(page, dict):
            return page
        rows = rows_of(page, word)
        if rows is None:
            return Unknown(reason="Square's list cannot be read")
        found += [row for row in rows if fits(row)]
    return found


async def pages(wire: Wire, path: str, *, query: Mapping[str, str]) -> AsyncIterator[Object | Failure]:
    """Read the pages of a list, up to a failure."""
    asked = dict(query)
    for _ in range(pages_max):
        page = await wire.ask("GET", path, query=asked)
        yield page
        if not isinstance(page, dict) or not page.get("cursor"):
            return
        asked["cursor"] = page["cursor"]
    yield Unknown(reason=f"Square's list is longer than {pages_max} pages")


def in_doubt(failure: Failure) -> Unknown:
    """Say that Square could not be asked."""
    why = failure.code if isinstance(failure, Declined) else failure.reason
    return Unknown(reason=f"Square could not be asked: {why}")


def rows_of(page: Object, word: str) -> list[Object] | None:
    """Read a page of a list, or None when it is none; Square leaves the word out when there is nothing to list."""
    rows = page.get(word, [])
    named = word in page or not page.keys() - BESIDE
    return rows if named and isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None
