"""A shop with one of everything that the dashboard has a page for, and somebody of each role in front of it."""

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from tests.dashboard.access_table import ROLES
from tests.dashboard.conftest import HASH
from tests.dashboard.test_disputes import disputed
from tests.dashboard.test_reconciliation import HEADER, charge
from tests.flows.asking import CAREFUL, ask, rule
from tests.flows.conftest import KEY, SECRET, SECRETS, Line, Shop, serving
from tests.flows.merchant import merchant_of
from tests.flows.test_review import held
from tests.web.conftest import TEMPLATE

from tillkeeper import catalog
from tillkeeper.access import staff
from tillkeeper.access.limits import Refusals
from tillkeeper.access.staff import Role
from tillkeeper.customers import Profile
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.guard import Listing, put_on_list
from tillkeeper.flows.import_settlement import import_file
from tillkeeper.flows.offer import offer
from tillkeeper.flows.receive import Intake
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.flows.register import register
from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel import ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.risk import Side, Trait
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web import cookie
from tillkeeper.web.app import build

STALE = "admin, some time ago"
stale_minutes = 11
NOWHERE = "http://127.0.0.1:1024/hooks"
LAST = "SELECT id FROM inbox_message ORDER BY received_at DESC, id DESC LIMIT 1"
UNTOLD = ("rate_window",)
"""How often somebody called is no effect."""
DIGEST = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} AS t"
DIGESTS = {"staff_session": "SELECT count(*)::text FROM {}"}
"""A session holds when somebody was seen last, which every request changes."""
numbers = count(1)


@dataclass(frozen=True)
class Visitor:
    """Hold somebody's window, and what their forms must carry."""

    http: httpx2.AsyncClient
    form_token: str = ""


@dataclass
class Stocked:
    """Hold the shop, what stands in its addresses, and who looks at it."""

    shop: Shop
    app: Any
    parts: Mapping[str, str]
    visitors: dict[str, Visitor] = field(default_factory=dict)
    _seen: dict[tuple[str, str], Any] = field(default_factory=dict)

    def forgive(self) -> None:
        """Forget who was refused: these tests knock more often than anybody may."""
        self.app._app._app.state.refusals = Refusals()

    async def picture(self) -> dict[str, str]:
        """Take a digest of what every table holds, so that no change goes unseen."""
        found = await self.shop.owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in found if name not in UNTOLD]
        digests = [f"SELECT '{name}' AS name, ({DIGESTS.get(name, DIGEST).format(name)}) AS digest" for name in tables]
        return {row["name"]: row["digest"] for row in await self.shop.owner.fetch(" UNION ALL ".join(digests))}

    async def look(self, role: str, url: str) -> Any:
        """Look at a page, as far as nobody has looked at it yet: none of these tests changes what it shows."""
        if (role, url) not in self._seen:
            self._seen[role, url] = await self.visitors[role].http.get(url)
        return self._seen[role, url]


@asynccontextmanager
async def stocked(databases: Databases, folder: Path) -> AsyncIterator[Stocked]:
    """Open the shop, trade in it until everything is there, and seat everybody."""
    name = f"stocked_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        stack.callback(databases.drop, name)
        config = SandboxConfig(books=folder / "books.sqlite", public_url=url, secrets=SECRETS)
        stack.enter_context(serving(config, listener))
        line = Line(url)
        await line.open()
        stack.push_async_callback(line.close)
        till = await _till(databases.app_url(name), line)
        stack.push_async_callback(till.close)
        owner = await asyncpg.connect(databases.owner_url(name))
        stack.push_async_callback(owner.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        shop = Shop(till, line, http, owner, Intake(till))
        shop.till = merchant_of(till, owner).till
        await _trade(shop)
        made = Stocked(shop, build(shop.till), {})
        await _seat(made, stack)
        made.parts = await _parts(shop)
        yield made


async def _till(database_url: str, line: Line) -> Till:
    environment = {
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{line.port}/stripe",
    }
    settings = Settings(mode="sandbox", database_url=database_url, secret_key="stocked " * 4)
    till = await Till.open(settings, secrets=Secrets(environment))
    await offer(till, catalog.DEMO)
    return till


async def _trade(shop: Shop) -> None:
    """Let one of everything happen."""
    merchant = merchant_of(shop.till, shop.owner)
    await merchant.subscribe(NOWHERE)
    await register(shop.till, Profile(external_id="guest", email="guest@example.com"))
    await disputed(shop, user="ben")
    paid = await shop.paid()
    await shop.refund(paid, 50)
    await rule(shop, CAREFUL)
    await ask(shop, paid, 60)
    await shop.opened(user="ida")
    await shop.pay(await shop.opened(user="ida", capture_method="manual"))
    await shop.catch_up()
    await held(shop)
    await put_on_list(shop.till, Listing(side=Side.BLOCK, trait=Trait.USER, value="eve", note="stolen cards"))
    await import_file(shop.till, "stripe", (HEADER + charge("txn_a", "10.00")).encode())
    while await reconcile(shop.till):
        pass
    await issue(shop.till, "shop", scopes=["write"])
    await merchant.plan()
    await shop.owner.execute(f"UPDATE inbox_message SET status = 'dead' WHERE id = ({LAST})")


async def _seat(made: Stocked, stack: AsyncExitStack) -> None:
    """Sign somebody of each role in, somebody once more whose password was given too long ago, and nobody."""
    till = made.shop.till
    for name, minutes in {**dict.fromkeys(ROLES, 0), STALE: stale_minutes}.items():
        role = Role(name.partition(",")[0])
        async with till.db.transaction() as tx:
            member = await staff.add(tx, f"{role}-{minutes}@example.com", role=role, password=HASH, at=till.now())
            token = await staff.begin(tx, member, till.now() - timedelta(minutes=minutes))
        http = await _window(made, stack)
        http.cookies.set(cookie.NAME, token)
        made.visitors[name] = Visitor(http, cookie.form_token(await recognise(till, token), till.settings))
    made.visitors["nobody"] = Visitor(await _window(made, stack))


async def _window(made: Stocked, stack: AsyncExitStack) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=made.app, raise_app_exceptions=False)
    return await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://till.test"))


NEWEST = {
    "refund": "refund",
    "dispute": "dispute",
    "journal": "journal",
    "discrepancy": "discrepancy",
    "endpoint": "webhook_endpoint",
    "delivery": "webhook_delivery",
    "audit": "audit_entry",
    "key": "api_key",
    "refund_request": "refund_request",
    "entry": "risk_list",
}


async def _parts(shop: Shop) -> dict[str, str]:
    """Name what stands in the places of addresses."""

    async def newest(prefix: str, table: str, where: str = "true") -> str:
        query = f"SELECT id FROM {table} WHERE {where} ORDER BY id DESC LIMIT 1"
        return ids.text(prefix, await shop.owner.fetchval(query))

    found = {prefix: await newest(prefix, table) for prefix, table in NEWEST.items()}
    return found | {
        "request": found["refund_request"],
        "api_key": found["key"],
        "payment": await newest("payment", "payment", "status = 'succeeded'"),
        "message": await newest("message", "inbox_message", "status = 'dead'"),
        "customer": await newest("customer", "customer", "external_id = 'guest'"),
        "member": await newest("member", "staff_member", "email = 'viewer-0@example.com'"),
        "package": "credits_120",
        "gateway": "stripe",
        "verb": "disable",
        "rule": "amount",
    }
