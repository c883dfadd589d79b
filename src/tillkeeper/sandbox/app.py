"""The sandbox host: finds every imitated gateway and mounts its wire, its pages and its control verbs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from tillkeeper import gateways
from tillkeeper.sandbox import steering
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.sandbox_kit import paper
from tillkeeper.sandbox_kit.books import Books
from tillkeeper.sandbox_kit.sender import Endpoint, Sender
from tillkeeper.sandbox_kit.stand import Desk, Stand

tick_seconds = 1

logger = logging.getLogger(__name__)

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build(config: SandboxConfig) -> Starlette:
    """Build the app over the books that the configuration names; its lifespan runs the webhook sender."""
    opened = config.opened(gateways.stands())
    books = Books(config.books)
    desks = [(stand, _desk(config, books, stand)) for stand in opened]
    endpoints = {
        stand.name: Endpoint(desk.webhook_url, partial(stand.sign, desk)) for stand, desk in desks if desk.webhook_url
    }
    routes: list[BaseRoute] = [
        *(Mount(f"/{stand.name}", routes=stand.routes(desk)) for stand, desk in desks),
        Mount("/_static", StaticFiles(directory=paper.STATIC)),
        *steering.routes(books, desks, config.public_url),
    ]
    return Starlette(
        routes=routes,
        lifespan=_lifespan(books, endpoints, desks),
        exception_handlers=steering.EXCEPTION_HANDLERS,
    )


def _desk(config: SandboxConfig, books: Books, stand: Stand) -> Desk:
    return Desk(
        gateway=stand.name,
        books=books,
        secrets={name: config.secrets[name] for name in stand.variables},
        merchant=config.merchant,
        public_url=config.public_url.rstrip("/"),
        webhook_url=config.webhook_urls.get(stand.name),
    )


def _lifespan(books: Books, endpoints: dict[str, Endpoint], desks: Sequence[tuple[Stand, Desk]]) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        running = [asyncio.create_task(Sender(books, endpoints).run()), asyncio.create_task(_tick(desks))]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            books.close()

    return lifespan


async def _tick(desks: Sequence[tuple[Stand, Desk]]) -> None:
    while True:
        for stand, desk in desks:
            try:
                stand.tick(desk)
            except Exception:
                logger.exception("The %s sandbox could not do what time brings; it tries again.", stand.name)
        await asyncio.sleep(tick_seconds)
