"""A whole installation in this process: database, gateway, pages over a real socket, and hands to set it up with."""

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from tests.conftest import TEMPLATE
from tests.dashboard.conftest import HASH
from tests.flows.conftest import KEY, SECRET, SECRETS, Line, Shop, _prove, serving
from tests.flows.receiver import Receiver, receiving
from tests.web.running import listening, served

from tillkeeper import catalog
from tillkeeper.access import staff
from tillkeeper.access.staff import Role
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.clock import Now
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web import cookie
from tillkeeper.web.app import build

ADDRESS = "http://till.test"
"""Under which it knows itself, whatever its port is: pages that show it look the same in each run."""
Done = TypeVar("Done")
databases_made = count(1)


@dataclass(frozen=True)
class Member:
    """Somebody who is signed in: whoever has the token."""

    id: str
    email: str
    token: str


@dataclass(frozen=True)
class House:
    """Everything that runs, in a loop of its own beside the browser's; `do` has something done there."""

    shop: Shop
    url: str
    receiver: Receiver
    portal: BlockingPortal
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def do(self, work: Awaitable[Done]) -> Done:
        """Wait for something that is done in the loop of the house."""
        return self.portal.call(_finished, work)

    def buyer(self) -> str:
        """Name a user whom nobody has seen yet."""
        return f"buyer-{next(self.numbers)}"

    def seat(self, *, role: str = "admin", minutes: int = 0, email: str = "") -> Member:
        """Sign somebody in, who gave the password some minutes ago."""
        return self.do(self._seated(email or f"{role}-{next(self.numbers)}@example.com", Role(role), minutes))

    async def _seated(self, email: str, role: Role, minutes: int) -> Member:
        till = self.shop.till
        async with till.db.transaction() as tx:
            member = await staff.add(tx, email, role=role, password=HASH, at=till.now())
            token = await staff.begin(tx, member, till.now() - timedelta(minutes=minutes))
        return Member(ids.text("member", member.id), email, token)

    def cookies(self, member: Member) -> list[Any]:
        """List the cookies of a browser in which somebody is signed in."""
        return [{"name": cookie.NAME, "value": member.token, "url": self.url}]


async def _finished(work: Awaitable[Done]) -> Done:
    return await work


@contextmanager
def housed(
    databases: Databases,
    folder: Path,
    *,
    now: Now = clock.now,
    hooked: bool = True,
    form: Callable[[Databases, str], None] = lambda _, __: None,
) -> Iterator[House]:
    """Run a house on a database of its own, whose `form` may be changed before; its books must be sound at the end.

    Unless it is `hooked`, the gateway brings no webhooks by itself: what is heard when is for the test to say.
    """
    name = f"house_{os.getpid()}_{next(databases_made)}"
    databases.clone(name, template=TEMPLATE)
    try:
        form(databases, name)
        urls = databases.app_url(name), databases.owner_url(name)
        with (
            start_blocking_portal("asyncio") as portal,
            portal.wrap_async_context_manager(_opened(urls, folder, now, hooked=hooked)) as (shop, url, receiver),
        ):
            yield House(shop, url, receiver, portal)
    finally:
        databases.drop(name)


@asynccontextmanager
async def _opened(
    urls: tuple[str, str], folder: Path, now: Now, *, hooked: bool
) -> AsyncIterator[tuple[Shop, str, Receiver]]:
    (door, url), (gate, sandbox) = listening(), listening()
    config = SandboxConfig(
        books=folder / "books.sqlite",
        public_url=sandbox,
        secrets=SECRETS,
        webhook_urls={"stripe": f"{url}/webhooks/stripe"} if hooked else {},
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(serving(config, gate))
        line = Line(sandbox)
        await line.open()
        stack.push_async_callback(line.close)
        till = await _till(urls[0], f"http://127.0.0.1:{line.port}/stripe", now)
        stack.push_async_callback(till.close)
        owner = await asyncpg.connect(urls[1])
        stack.push_async_callback(owner.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        receiver = await stack.enter_async_context(receiving())
        await stack.enter_async_context(served(build(till), door, lifespan="off"))
        yield Shop(till, line, http, owner, Intake(till)), url, receiver
        wrong, balance = await read(till, _prove)
    assert wrong == []
    assert balance.balanced


async def _till(database_url: str, gateway: str, now: Now) -> Till:
    environment = {
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": gateway,
        "TILL_BACKUP_KEY": "backups " * 4,
    }
    settings = Settings(
        mode="sandbox",
        database_url=database_url,
        secret_key="houses " * 4,
        public_url=ADDRESS,
        webhooks_allow_private=True,
        backup_path=tempfile.gettempdir(),  # nobody works here: what is asked for is asked for, and not done
    )
    till = await Till.open(settings, secrets=Secrets(environment), now=now)
    await offer(till, catalog.DEMO)
    return till
