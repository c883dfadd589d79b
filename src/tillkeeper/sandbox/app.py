"""The sandbox host: finds every imitated gateway and mounts its wire, its pages and its control verbs."""

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.util import find_spec

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
    books = Books(config.books)
    open_stands = [stand for stand in stands() if stand.name in config.keys]
    desks = [(stand, _desk(config, books, stand.name)) for stand in open_stands]
    endpoints = {
        stand.name: Endpoint(config.webhook_urls[stand.name], config.webhook_secrets[stand.name], stand.sign)
        for stand in open_stands
        if stand.name in config.webhook_urls
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


def stands() -> list[Stand]:
    """Find every gateway that has a sandbox."""
    names = [f"{gateways.__name__}.{module.name}.sandbox" for module in pkgutil.iter_modules(gateways.__path__)]
    return [importlib.import_module(name).SANDBOX for name in names if find_spec(name) is not None]


def _desk(config: SandboxConfig, books: Books, name: str) -> Desk:
    return Desk(
        gateway=name,
        books=books,
        key=config.keys[name],
        merchant=config.merchant,
        public_url=config.public_url.rstrip("/"),
        webhook_url=config.webhook_urls.get(name),
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
