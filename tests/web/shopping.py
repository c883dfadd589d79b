"""A running shop beside its sandbox, over real sockets, and a browser without scripts."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.types import ASGIApp

from tillkeeper import catalog
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox.app import build as build_sandbox
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web.app import build
from tillkeeper.worker.loop import work

KEY = "sk_test_shop"
SECRET = "whsec_shop"
patience_seconds = 15


@dataclass(frozen=True)
class Shop:
    """A running shop, its sandbox, and a browser without scripts."""

    url: str
    sandbox: str
    till: Till
    browser: httpx2.AsyncClient

    async def open(self, query: str = "") -> str:
        page = await self.browser.get(f"{self.url}/shop{query}")
        assert page.status_code == 200, page.text
        return page.text

    async def press_buy(self, form: dict[str, str], **headers: str) -> httpx2.Response:
        return await self.browser.post(f"{self.url}/shop/buy", data=form, headers=headers)

    async def buy(self, package: str = "credits_120", query: str = "") -> str:
        """Open a checkout and return its session at the gateway."""
        answer = await self.press_buy(form_of(await self.open(query), package))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].rpartition("/")[2]

    async def act(self, session: str, **fields: str) -> str:
        """Press a button on the gateway's page; returns where it leads."""
        answer = await self.browser.post(f"{self.sandbox}/stripe/pay/{session}", data=fields)
        return str(httpx2.URL(self.sandbox).join(answer.headers["location"]))

    async def await_page(self, url: str, fits: Callable[[str], bool]) -> str:
        """Load a page again and again, as it asks for, until it is as wanted."""
        async with asyncio.timeout(patience_seconds):
            while True:
                page = (await self.browser.get(url)).text
                if fits(page):
                    return page
                await asyncio.sleep(0.05)

    async def await_text(self, url: str, wanted: str) -> str:
        return await self.await_page(url, lambda page: wanted in page)

    async def payments(self) -> int:
        return int(await read(self.till, lambda tx: tx.fetchval("SELECT count(*) FROM payment")))


def form_of(page: str, package: str) -> dict[str, str]:
    """Take the fields of the form that buys a package."""
    form = next(part for part in page.split("</form>") if f'name="package" value="{package}"' in part)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form.rpartition("<form")[2])
    return dict(fields)


def headline(page: str) -> str:
    found = re.search(r"<h1>.*?<span>(.*?)</span></h1>", page, re.DOTALL)
    assert found, page
    return found[1]


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, lifespan: Any) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan=lifespan, timeout_graceful_shutdown=2))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await running
        listener.close()


def listen() -> tuple[socket.socket, str]:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def sandbox_of(tmp_path: Path, sandbox_url: str, shop_url: str) -> ASGIApp:
    config = SandboxConfig(
        books=tmp_path / "books.sqlite",
        public_url=sandbox_url,
        secrets={"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET},
        webhook_urls={"stripe": f"{shop_url}/webhooks/stripe"},
    )
    return build_sandbox(config)


@asynccontextmanager
async def opened(database_url: str, tmp_path: Path, *, shop: bool) -> AsyncIterator[Shop]:
    """Run the application beside a sandbox."""
    (door, url), (back_door, sandbox) = listen(), listen()
    settings = Settings(database_url=database_url, secret_key="a secret only for tests", public_url=url, shop=shop)
    given = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": f"{sandbox}/stripe"}
    till = await Till.open(settings, secrets=Secrets(given))
    await offer(till, catalog.DEMO)
    stop = asyncio.Event()
    working = asyncio.create_task(work(till, stop))
    async with (
        serving(sandbox_of(tmp_path, sandbox, url), back_door, "on"),
        serving(build(till), door, "off"),
        httpx2.AsyncClient(trust_env=False, timeout=patience_seconds) as browser,
    ):
        yield Shop(url, sandbox, till, browser)
    stop.set()
    await working
    await till.close()
