"""News for open pages: one look at the database for all of them, and a stream for each, which resumes where it was."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from tillkeeper.flows.watch import News, newest, watch, watch_batch_max
from tillkeeper.kernel.errors import TillError
from tillkeeper.outbox import Numbered
from tillkeeper.till import Till
from tillkeeper.web.dashboard.desk import Desk, Entrance, log

look_seconds = 0.5
retry_ms = 3_000
quiet_seconds = 15
"""Something is said at least so often, or whoever stands between would close the stream."""
streams_max = 200
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
MUCH = json.dumps({"types": [], "payments": [], "much": True}, separators=(",", ":"))
OVER = b"event: over\ndata: {}\n\n"
QUIET = b": nothing new\n\n"


@dataclass(eq=False, slots=True)
class Watcher:
    """Hold an open page: whose session it is, how far it has heard, and what it has yet to hear."""

    session: bytes
    place: int
    missed: bool = False
    """Whether more has happened since it last listened than it is told one by one."""
    waiting: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)


class Live:
    """Look for news while anybody watches, and tell everybody."""

    def __init__(self, till: Till) -> None:
        self._till = till
        self._watchers: set[Watcher] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def close(self) -> None:
        """End every stream: browsers come back by themselves, to whoever serves then."""
        self._closed = True
        for watcher in self._watchers:
            watcher.waiting.put_nowait(b"")

    async def stream(self, watcher: Watcher) -> AsyncGenerator[bytes, None]:
        """Tell one page what happens, until it leaves or its session is over."""
        self._watchers.add(watcher)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield f"retry: {retry_ms}\n\n".encode()
            if watcher.missed:
                yield f"id: {watcher.place}\ndata: {MUCH}\n\n".encode()
            while not self._closed:
                said = QUIET
                with suppress(TimeoutError):
                    said = await asyncio.wait_for(watcher.waiting.get(), quiet_seconds)
                if said:
                    yield said
                if said == OVER:
                    return
        finally:
            self._watchers.discard(watcher)

    @property
    def full(self) -> bool:
        """Tell whether no more pages can be told of news."""
        return len(self._watchers) >= streams_max

    async def _look(self) -> None:
        while self._watchers and not self._closed:
            asked = list(self._watchers)
            more = False
            try:
                news = await self._news(asked)
                self._tell(asked, news)
                more = len(news.events) >= watch_batch_max
            except TillError as error:
                log.warning("live_waits", error=error.code)  # the database is away; pages go on when it is back
            await asyncio.sleep(0 if more else look_seconds)

    async def _news(self, asked: Sequence[Watcher]) -> News:
        furthest_back = min(watcher.place for watcher in asked)
        return await watch(self._till, after=furthest_back, sessions={each.session for each in asked})

    def _tell(self, asked: Sequence[Watcher], news: News) -> None:
        """Tell those for whom was asked: whoever came meanwhile waits for the next look."""
        for watcher in asked:
            if watcher.session not in news.sessions:
                watcher.waiting.put_nowait(OVER)
                self._watchers.discard(watcher)
                continue
            fresh = [event for event in news.events if event.seq > watcher.place]
            if fresh:
                watcher.place = fresh[-1].seq
                watcher.waiting.put_nowait(_said(fresh))


def _said(events: Sequence[Numbered]) -> bytes:
    """Write some events as one message: which kinds they are, about which payments, and how many."""
    payments = sorted({str(event.data["payment"]) for event in events if event.data.get("payment")})
    told = {"types": [event.type for event in events], "payments": payments}
    return f"id: {events[-1].seq}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n".encode()


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the address of the stream."""
    return [entrance.page("/live", follow)]


async def follow(desk: Desk) -> Response:
    """Open the stream of a page: from where it was broken off, or from what the page has shown."""
    live: Live = desk.request.app.state.live
    if live.full:
        return Response(status_code=204)  # which tells a browser not to come back; the page works as it is
    head = await newest(desk.till)
    watcher = begin(desk.session.digest, asked=_place(desk.request) or head, head=head)
    return StreamingResponse(live.stream(watcher), media_type="text/event-stream", headers=HEADERS)


def begin(session: bytes, *, asked: int, head: int) -> Watcher:
    """Let a page begin where it asks to; all share one look, which none far behind may make the others wait for."""
    place = max(asked, head - watch_batch_max)
    return Watcher(session=session, place=place, missed=place > asked)


def _place(request: Request) -> int | None:
    heard = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    return int(heard) if heard.isascii() and heard.isdecimal() and len(heard) < len(str(2**63)) else None
