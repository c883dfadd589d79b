"""An installation of real processes to be thrown at, with some trade behind it, and what it keeps."""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx2
from starlette.routing import Route
from tests.crash.stage import Stage
from tests.fuzz.letters import Post, Sign
from tests.fuzz.menu import Json, Menu
from tests.fuzz.pages import ENDS, Form, Pages, learned, looked_at
from tests.fuzz.wire import MARK
from tests.web.conftest import JWT_SECRET, token

from tillkeeper import gateways
from tillkeeper.access import staff
from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import scenarios
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.sandbox_kit.books import Books
from tillkeeper.sandbox_kit.stand import Desk, Stand
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web import cookie, dashboard

TRADE = ("refund.partial", "refund.dashboard")
FORESEEN = {"message_failed"}
"""What is logged of a webhook that is signed rightly and says nothing that makes sense; it becomes a dead letter."""
TABLES = {
    "payment": "payment",
    "refund": "refund",
    "dispute": "dispute",
    "message": "inbox_message",
    "endpoint": "webhook_endpoint",
    "member": "staff_member",
    "key": "api_key",
}
"""Where the things stand whose dialogs ask for something."""
caretaker_seconds = 0.5


@dataclass(frozen=True)
class Seat:
    """Hold the session of an administrator, and what there is to fill in."""

    cookie: str
    form_token: str
    forms: list[Form]


@dataclass
class Arena:
    """Hold the processes, a till beside them, and the words with which to call."""

    stage: Stage
    till: Till
    keys: dict[str, str]
    spared: frozenset[str]
    spec: Json
    letters: list[tuple[str, bytes]]
    signs: dict[str, Sign]
    seat: Seat

    def menu(self, seed: int) -> Menu:
        """Make requests to the API."""
        return Menu(self.spec, self.keys, seed, self.spared)

    def post(self, seed: int) -> Post:
        """Make webhooks."""
        return Post(self.letters, self.signs, seed)

    def pages(self, seed: int, told: defaultdict[str, list[str]]) -> Pages:
        """Make requests to the dashboard, about the things that others have told of."""
        return Pages(self.seat.forms, self.seat.cookie, self.seat.form_token, seed, told, self.spared)

    def memory_kib(self) -> int:
        """Tell how much memory the server holds."""
        pages = Path(f"/proc/{self.stage.processes['api'].pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024

    def unexpected(self) -> list[str]:
        """List what any of the processes logged as an exception that nobody had foreseen."""
        lines = [line for name in self.stage.processes for line in self.stage.log(name).read_text().splitlines()]
        said = [json.loads(line) if line.startswith("{") else {"event": line} for line in lines]
        return [
            f"{each['event']} {each.get('error', '')}: {line[-1500:]}"
            for each, line in zip(said, lines, strict=True)
            if ("exception" in each or "Traceback" in line) and each["event"] not in FORESEEN
        ]

    async def marks_kept(self) -> set[str]:
        """Find the marks of all inputs of which the database keeps anything."""
        kept: set[str] = set()
        connection = await asyncpg.connect(self.stage.owner_url)
        for (table,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            async with connection.transaction():
                async for row in connection.cursor(f"SELECT t::text FROM {table} AS t WHERE t::text ~ 'z[qwp][0-9]'"):
                    kept |= set(MARK.findall(row[0]))
        await connection.close()
        return kept

    async def webhooks_kept(self) -> set[str]:
        """Find the checksums of all webhooks that are stored."""
        rows = await self.stage.fetch("SELECT encode(content_sha, 'hex') FROM inbox_message")
        return {row[0] for row in rows}

    @asynccontextmanager
    async def cared_for(self) -> AsyncIterator[None]:
        """Undo again and again what would turn other inputs away: maintenance, gateways off, an old password."""
        caring = asyncio.create_task(self._care())
        try:
            yield
        finally:
            caring.cancel()

    async def _care(self) -> None:
        api = f"{self.stage.api}/api/v1/admin"
        bearer = {"Authorization": f"Bearer {self.stage.key}"}
        async with httpx2.AsyncClient(trust_env=False, timeout=60, headers=bearer) as http:
            while True:
                await http.put(f"{api}/maintenance", json={"on": False, "reason": "fuzz"})
                for name in self.stage.gateways:
                    await http.post(f"{api}/gateways/{name}/enable")
                await self.stage.fetch("UPDATE staff_session SET proved_at = now()")
                await asyncio.sleep(caretaker_seconds)


def checksum(body: bytes) -> str:
    """Name a body as the inbox does."""
    return sha256(body).hexdigest()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Arena]:
    """Start everything, trade a little at each gateway, and end all of it whatever happens."""
    stage = Stage(folder, [connector.name for connector in gateways.connectors()])
    stage.environment |= {
        "TILL_JWT_SECRET": JWT_SECRET,
        "TILL_WEBHOOKS_ALLOW_PRIVATE": "1",  # where merchants' addresses lead in these tests: nowhere
        "TILL_KEY_REQUESTS_PER_MINUTE_MAX": "10000000",
        "TILL_USER_REQUESTS_PER_MINUTE_MAX": "10000000",
    }
    till: Till | None = None
    try:
        await stage.open()
        till = await Till.open(Settings.model_validate(stage.environment), secrets=Secrets(stage.environment))
        await asyncio.to_thread(_trade, stage)
        keys = await _keys(till)
        ours = await stage.fetch("SELECT id FROM api_key")
        yield Arena(
            stage=stage,
            till=till,
            keys=keys,
            spared=frozenset(ids.text("key", row["id"]) for row in ours),
            spec=httpx2.get(f"{stage.api}/openapi.json", trust_env=False).json(),
            letters=await _letters(stage, till),
            seat=await _sit(stage, till),
            signs=dict(_signs(stage)),
        )
    finally:
        for door in stage.doors.values():
            await door.shut()
        if till is not None:
            await till.close()
        await asyncio.to_thread(stage.close)


def _trade(stage: Stage) -> None:
    for gateway in stage.gateways:
        target = scenarios.Target(api=stage.api, sandbox=stage.sandbox, key=stage.key, gateway=gateway)
        for name in TRADE:
            scenarios.SCENARIOS[name][1](target, None)
        paid = scenarios.pay(target, user="ben")
        target.act("/disputes", {target.stand.money: paid["gateway_reference"]})
    target.call("/api/v1/webhook_endpoints", {"url": "http://127.0.0.1:1024/hook"})


async def _keys(till: Till) -> dict[str, str]:
    made = {name: (await issue(till, f"fuzz {name}", scopes=[name]))[1] for name in ("admin", "write", "read")}
    return made | {"user": token("ana", exp=int(clock.now().timestamp()) + 86_400), "nobody": "till_sk_sandbox_nobody"}


async def _letters(stage: Stage, till: Till) -> list[tuple[str, bytes]]:
    rows = await stage.fetch(
        "SELECT DISTINCT ON (gateway, type) gateway, sealed AS body "
        "FROM inbox_message JOIN inbox_body ON message_id = id ORDER BY 1, type"
    )
    return [(row["gateway"], till.box.open(row["body"])) for row in rows]


async def _sit(stage: Stage, till: Till) -> Seat:
    """Sign an administrator in, and learn the forms of the dashboard by looking at each page that is there."""
    async with till.db.transaction() as tx:
        member = await staff.add(tx, "fuzz@example.com", role=Role.ADMIN, password="", at=till.now())
        token = await staff.begin(tx, member, till.now())
    form_token = cookie.form_token(await recognise(till, token), till.settings)
    parts = {name: ids.text(name, row["id"]) for name, row in (await _newest(stage)).items()}
    forms = []
    async with httpx2.AsyncClient(trust_env=False, timeout=60, cookies={cookie.NAME: token}) as http:
        for route in dashboard.routes(till):
            assert isinstance(route, Route)
            if route.path not in ENDS:
                [method] = (route.methods or set()) - {"HEAD"}
                text = (await http.get(f"{stage.api}{looked_at(route.path, parts)}")).text
                forms.append(learned(method, route.path, text))
    return Seat(f"{cookie.NAME}={token}", form_token, forms)


async def _newest(stage: Stage) -> dict[str, asyncpg.Record]:
    """Find one of each thing whose page has a form."""
    return {name: (await stage.fetch(f"SELECT id FROM {table} LIMIT 1"))[0] for name, table in TABLES.items()}


def _signs(stage: Stage) -> Iterator[tuple[str, Sign]]:
    """Sign as each sandbox does, out of its own books."""
    config = SandboxConfig(stage.folder / "sandbox" / "books.sqlite", stage.sandbox, stage.environment)
    books = Books(config.books)
    for stand in gateways.stands():
        secrets = {name: stage.environment[name] for name in stand.variables}
        hook = f"{stage.api}/webhooks/{stand.name}"
        yield (
            stand.name,
            partial(_sign, stand, Desk(stand.name, books, secrets, config.merchant, config.public_url, hook)),
        )


def _sign(stand: Stand, desk: Desk, event: str, body: bytes) -> dict[str, str]:
    return stand.sign(desk, event, body, desk.now())
