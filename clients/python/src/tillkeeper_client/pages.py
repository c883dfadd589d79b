"""Lists that come in pages: `data` is this page, and whoever iterates gets the items of all pages after it too."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Hold a page of a list; iterate over it for all that follows."""

    data: list[Item]
    has_more: bool
    next_cursor: str | None
    turn: Callable[[str], "Page[Item]"] = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Item]:
        """Yield every item of this page and of those after it."""
        page = self
        yield from page.data
        while page.next_cursor:
            page = page.turn(page.next_cursor)
            yield from page.data


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncPage(Generic[Item]):
    """Hold a page of a list; iterate over it for all that follows."""

    data: list[Item]
    has_more: bool
    next_cursor: str | None
    turn: Callable[[str], Awaitable["AsyncPage[Item]"]] = field(repr=False, compare=False)

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Yield every item of this page and of those after it."""
        page = self
        for item in page.data:
            yield item
        while page.next_cursor:
            page = await page.turn(page.next_cursor)
            for item in page.data:
                yield item
