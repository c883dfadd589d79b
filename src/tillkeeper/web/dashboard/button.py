"""Buttons whose deed has no Idempotency-Key in the API: the key of their form takes its place."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from tillkeeper.flows.press import press
from tillkeeper.web.dashboard.desk import Desk, Show

Deed = Callable[[Desk], Awaitable[tuple[str, str]]]
"""Acts, and returns the page to go on to with what is said there."""


def once(do: Deed) -> Show:
    """Act once however often the form is sent; sent again, it leads to where it led the first time."""

    async def show(desk: Desk) -> Response:
        async def act() -> dict[str, object]:
            path, told = await do(desk)
            return {"path": path, "told": told}

        answer = (await press(desk.till, desk.wish, act)).body
        return desk.done(str(answer["path"]), str(answer["told"]))

    return show
