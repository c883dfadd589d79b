"""An installation whose customers, gateways and merchant may say anything, and where all that it answers is kept."""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from tests.canary import planting
from tests.canary.canaries import Canary
from tests.canary.mouth import Mouth, mouth, said
from tests.canary.voices import Json, Saying, Voice
from tests.cli.demo import till
from tests.crash.stage import Stage, free_ports
from tests.flows.mailbox import Mailbox, mailbox
from tests.flows.people import equip, hire
from tests.flows.receiver import Receiver, receiving
from tests.web.conftest import JWT_SECRET, token

from tillkeeper import gateways
from tillkeeper.access.staff import Role
from tillkeeper.kernel import clock
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox_kit.books import Books
from tillkeeper.sandbox_kit.stand import Desk
from tillkeeper.settings import Settings
from tillkeeper.till import Till

WORD = "harmlessword"
STANDS = {stand.name: stand for stand in gateways.stands()}
quiet_seconds_max = 120
Channels = dict[str, list[str]]


class Shown(Stage):
    """Hold the processes of an installation that show their metrics, each at a port of its own."""

    SHOWING = ("api", "worker")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.metrics = dict(zip(self.SHOWING, free_ports(len(self.SHOWING)), strict=True))

    def particulars(self, name: str) -> Mapping[str, str]:
        return {"TILL_METRICS_PORT": str(self.metrics[name])} if name in self.metrics else {}


@dataclass
class House:
    """Hold an installation, the line to its gateways, a merchant who hears of everything, and all that was answered."""

    stage: Shown
    mouth: Mouth
    merchant: Receiver
    box: Mailbox
    http: httpx2.AsyncClient
    told: Channels = field(default_factory=lambda: defaultdict(list))
    ours: list[Canary] = field(default_factory=list)
    """The secrets of this installation itself, which are used all the time and shown nowhere, or once."""
    session: str = ""

    async def send(self, request: planting.Request, *, keep: bool = True) -> httpx2.Response:
        """Send a request, and keep its answer."""
        method, target, headers, body = request
        given = {"Authorization": f"Bearer {self.stage.key}", "Idempotency-Key": f"k{os.urandom(8).hex()}"} | headers
        written = [(name.encode(), value.encode()) for name, value in given.items()]
        answer = await self.http.request(method, f"{self.stage.api}{target}", content=body, headers=written)
        where = "answers" if answer.is_success else "problems"
        if keep:
            self.told[where].append(f"{answer.headers} {answer.text}")
        return answer

    async def post(self, path: str, body: Json, *, keep: bool = True) -> Any:
        """Ask for something that is given."""
        request = ("POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode())
        answer = await self.send(request, keep=keep)
        assert answer.is_success, answer.text
        return answer.json()

    async def get(self, path: str) -> Any:
        """Read something that is there."""
        answer = await self.send(("GET", path, {}, b""))
        assert answer.is_success, answer.text
        return answer.json()

    async def show(self, path: str) -> str:
        """Look at what somebody sees who is signed in."""
        headers = {"Cookie": f"till_session={self.session}"}
        answer = await self.http.get(f"{self.stage.api}{path}", headers=headers, follow_redirects=True)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return f"{path} {answer.headers} {answer.text}"

    async def measure(self, part: str) -> str:
        """Read the metrics of a part."""
        answer = await self.http.get(f"http://127.0.0.1:{self.stage.metrics[part]}/metrics")
        assert answer.is_success, answer.text
        return answer.text

    async def execute(self, sql: str) -> None:
        """Change the database, as its owner."""
        connection = await asyncpg.connect(self.stage.owner_url)
        await connection.execute(sql)
        await connection.close()

    async def rows(self) -> str:
        """Write out every row of every table."""
        tables = await self.stage.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = [await self.stage.fetch(f"SELECT t::text FROM {name} AS t") for (name,) in tables]
        return "\n".join(row[0] for rows in found for row in rows)

    async def until(self, sql: str, urged: str = "", *, fits: Callable[[], bool] = lambda: True) -> None:
        """Wait until the database says yes, and something else is so too; it is urged on all the while."""
        waited_ms = clock.timer_ms()
        while not (await self.stage.count(sql) and fits()):
            if urged:
                await self.execute(urged)
            assert waited_ms() < quiet_seconds_max * 1000, f"it does not become true: {sql}"
            await asyncio.sleep(0.1)

    async def act(self, gateway: str, path: str) -> None:
        """Act as the customer."""
        answer = await self.http.post(f"{self.stage.sandbox}/_control/{gateway}/{path}", json={})
        assert answer.is_success, answer.text

    def run(self, *words: str, **environment: str) -> None:
        """Run a command, and keep what it prints."""
        ended = till(*words, **environment or self.stage.environment)
        self.told["commands"].append(ended.stdout + ended.stderr)

    def lend(self, voice: Voice, saying: Saying, canary: Canary) -> None:
        """Let a gateway answer with a canary from now on."""
        headers = {"Request_Id": canary.in_header, "PayPal_Debug_Id": canary.in_header}
        answer = said(saying.status, saying.body, saying.kind, **headers)
        everywhere = said(401, b"{}") if saying.at else answer
        kept = {path: answer if path == saying.at else None for path in voice.spared}
        own = {path: told for path, told in self.mouth.answers.items() if path.split("/")[1] != voice.name}
        self.mouth.answers = own | {f"/{voice.name}/": everywhere} | kept

    async def hear(self, voice: Voice, event: Json) -> None:
        """Bring a signed webhook."""
        await self.send(self.write(voice, event))

    def write(self, voice: Voice, event: Json) -> planting.Request:
        """Sign a webhook as its gateway does, whose keys stand in the sandbox's books."""
        event_id = f"evt_{os.urandom(8).hex()}"
        body = json.dumps(voice.numbered(event, event_id)).encode()
        books, stage = Books(self.stage.folder / "sandbox" / "books.sqlite"), self.stage
        desk = Desk(voice.name, books, stage.environment, "", stage.sandbox, f"{stage.api}/webhooks/{voice.name}")
        headers = STANDS[voice.name].sign(desk, event_id, body, int(clock.now().timestamp()))
        books.close()
        return "POST", f"/webhooks/{voice.name}", headers, body


@asynccontextmanager
async def housed(folder: Path) -> AsyncIterator[House]:
    """Start an installation with every gateway, all of them behind the mouth."""
    stage, (port,) = Shown(folder), free_ports(1)
    for stand in STANDS.values():
        stage.environment |= stand.invent(f"http://127.0.0.1:{port}")
    stage.environment |= {"TILL_JWT_SECRET": JWT_SECRET, "TILL_WEBHOOKS_ALLOW_PRIVATE": "1"}
    stage.environment["TILL_USER_REQUESTS_PER_MINUTE_MAX"] = "100000"  # who is signed in here looks at every page
    try:
        async with (
            mouth(stage.sandbox, port) as line,
            receiving() as merchant,
            mailbox() as box,
            httpx2.AsyncClient(trust_env=False, timeout=40) as http,
        ):
            stage.environment |= {"TILL_SMTP_URL": box.url(), "TILL_MAIL_FROM": "shop@shop.example"}
            stage.environment["TILL_MAIL_ALERTS_TO"] = "ops@shop.example"
            await stage.open()
            house = House(stage, line, merchant, box, http)
            await _bring_own_secrets(house)
            yield house
    finally:
        await asyncio.to_thread(stage.close)


async def _bring_own_secrets(house: House) -> None:
    """Use every secret that an installation has: its own, an endpoint's, those of an end user and of a person."""
    variables = house.stage.environment
    names = {name for name in variables if "SECRET" in name}
    names |= {held.name for gateway in gateways.connectors() for held in gateway.credentials}
    secrets = {name: variables[name] for name in sorted(names)} | {"key": house.stage.key}
    hook = {"url": house.merchant.url, "description": WORD}
    secrets["endpoint"] = (await house.post("/api/v1/webhook_endpoints", hook, keep=False))["secret"]
    secrets["token of a user"] = token("ana")
    bearer = {"Authorization": f"Bearer {secrets['token of a user']}"}
    assert (await house.send(("GET", planting.PAYMENTS, bearer, b""))).is_success
    till = await Till.open(Settings.model_validate(variables), secrets=Secrets(variables))
    person = await hire(till, role=Role.ADMIN)
    await equip(person)
    house.session = await person.enter(code=person.recovery.pop())
    await till.close()
    secrets |= {"password": person.password, "second factor": person.secret, "session": house.session}
    secrets["recovery code"] = person.recovery[0]
    house.ours = [Canary(f"our own {name}", secret, secret) for name, secret in secrets.items()]
