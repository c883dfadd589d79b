"""What anybody may know about how this installation does, looked up at most every few seconds."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from tillkeeper.flows import maintain
from tillkeeper.flows.read import read
from tillkeeper.kernel import clock
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.reports import status, time
from tillkeeper.till import Till

kept_seconds = 2
answer_timeout_seconds = 3
"""A reader of this page would rather hear of an outage than wait for its end."""


class Board:
    """Keep the last summary for a while, however many ask at once."""

    def __init__(self, till: Till) -> None:
        self._till = till
        self._shown: dict[str, object] = {}
        self._age_ms: Callable[[], int] | None = None
        self._looking = asyncio.Lock()

    async def show(self) -> dict[str, object]:
        """Tell how everything is, or was a few seconds ago; answers also while PostgreSQL does not."""
        async with self._looking:
            if self._age_ms is None or self._age_ms() >= kept_seconds * 1000:
                self._shown = await self._look() | {
                    "mode": self._till.settings.mode,
                    "checked_at": time(self._till.now()),
                }
                self._age_ms = clock.timer_ms()
        return self._shown

    async def _look(self) -> dict[str, object]:
        try:
            async with asyncio.timeout(answer_timeout_seconds):
                return await read(self._till, self._ask)
        except (DatabaseUnavailableError, TimeoutError):
            return status.summary({}, database=False)

    async def _ask(self, tx: Transaction) -> dict[str, object]:
        closed = await maintain.state(tx, self._till)
        return await status.show(tx, self._till.gateways, maintenance=closed.active)


def add(app: FastAPI, till: Till) -> None:
    """Serve /status."""
    app.state.board = Board(till)
    app.add_api_route("/status", _status, include_in_schema=False)


async def _status(request: Request) -> JSONResponse:
    board: Board = request.app.state.board
    return JSONResponse(await board.show(), headers={"Cache-Control": f"public, max-age={kept_seconds}"})
