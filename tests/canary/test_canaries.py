"""Card numbers and secrets come in by every way there is, and are nowhere to be found afterwards.

What each kind of canary is: `canaries.py`. By which ways they come in: `planting.py`. Where they are searched: here,
and each of these places is also shown to hold a harmless word that came in beside them.
"""

import asyncio
import json
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2
import pytest
from tests.canary import planting
from tests.canary.canaries import Canary, disguises, found, hatch
from tests.canary.mouth import Mouth, mouth, said
from tests.cli.demo import till
from tests.crash.stage import WEBHOOK_SECRET, Stage, free_ports
from tests.flows.mailbox import Mailbox, mailbox
from tests.flows.people import equip, hire
from tests.flows.receiver import Receiver, receiving
from tests.web.bad_requests import signed
from tests.web.conftest import JWT_SECRET, token

from tillkeeper.kernel import clock
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.settings import Settings
from tillkeeper.till import Till

SEED = int(os.environ.get("TILL_CANARY_SEED") or random.randrange(10**6))
CANARIES = hatch(SEED)
CARDS = [each for each in CANARIES if each.name.startswith("card")]
NAMED = CANARIES if os.environ.get("TILL_TEST_FULL") else CANARIES[SEED % 4 :: 4]
"""Those that commands are given, each of which is a process: every fourth on every change, all of them in full."""
TRIAL = ("mail", "test")
COMMANDS = (("payments", "show"), ("refund", "--yes"), ("events", "show"), ("events", "replay"), TRIAL)
ADDRESSES = ("e-mail", "address of UPI")
"""These are where a trial letter may go: it is sent there and the command says so, as it was asked to."""
VARIABLES = ("DATABASE_URL", "STRIPE_API_BASE", "TILL_JWKS_URL", "TILL_MODE", "TILL_REVIEW_HOURS", "TILL_SMTP_URL")
NAME = Canary("name of a buyer", "Quxwyth Zemblanity", "Quxwyth Zemblanity")
WORD = "harmlessword"
SHOWN_SINGLY = ("/api/v1/payments?limit=100", "/api/v1/deliveries?limit=100")
SHOWN = (
    *(*SHOWN_SINGLY, "/api/v1/inbox?limit=100", "/api/v1/inbox?status=dead&limit=100", "/api/v1/events?limit=100"),
    *("/api/v1/refunds", "/api/v1/customers", "/api/v1/ledger/journals", "/api/v1/admin/audit", "/api/v1/disputes"),
)
quiet_seconds_max = 120
Channels = dict[str, list[str]]

pytestmark = pytest.mark.timeout(600)


@dataclass
class House:
    """Hold an installation, the line to its gateway, a merchant who hears of everything, and all that was answered."""

    stage: Stage
    mouth: Mouth
    merchant: Receiver
    box: Mailbox
    http: httpx2.AsyncClient
    told: Channels = field(default_factory=lambda: defaultdict(list))
    ours: list[Canary] = field(default_factory=list)
    """The secrets of this installation itself, which are used all the time and shown nowhere, or once."""

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

    async def post(self, path: str, body: planting.Json, *, keep: bool = True) -> Any:
        """Ask for something that is given."""
        request = ("POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode())
        answer = await self.send(request, keep=keep)
        assert answer.is_success, answer.text
        return answer.json()

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

    async def act(self, path: str) -> None:
        """Act as the customer."""
        answer = await self.http.post(f"{self.stage.sandbox}/_control/stripe/{path}", json={})
        assert answer.is_success, answer.text

    def run(self, *words: str, **environment: str) -> None:
        """Run a command, and keep what it prints."""
        ended = till(*words, **environment or self.stage.environment)
        self.told["commands"].append(ended.stdout + ended.stderr)

    async def get(self, path: str) -> Any:
        """Read something that is there."""
        answer = await self.send(("GET", path, {}, b""))
        assert answer.is_success, answer.text
        return answer.json()

    async def hear(self, event: planting.Json) -> None:
        """Bring a signed webhook."""
        event_id = f"evt_{os.urandom(8).hex()}"
        body = json.dumps({"id": event_id, "object": "event", "api_version": "2026-10-28.endive", **event}).encode()
        await self.send(("POST", "/webhooks/stripe", {"Stripe-Signature": signed(body, secret=WEBHOOK_SECRET)}, body))


@asynccontextmanager
async def housed(folder: Path) -> AsyncIterator[House]:
    """Start an installation whose gateway and whose merchant may say anything."""
    stage, (port,) = Stage(folder), free_ports(1)
    stage.environment |= {"STRIPE_API_BASE": f"http://127.0.0.1:{port}/stripe", "TILL_WEBHOOKS_ALLOW_PRIVATE": "1"}
    stage.environment["TILL_JWT_SECRET"] = JWT_SECRET
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
            await bring_own_secrets(house)
            yield house
    finally:
        await asyncio.to_thread(stage.close)


async def bring_own_secrets(house: House) -> None:
    """Use every secret that an installation has: its own, an endpoint's, those of an end user and of a person."""
    variables = house.stage.environment
    secrets = {name: variables[name] for name in variables if "SECRET" in name} | {"key": house.stage.key}
    hook = {"url": house.merchant.url, "description": WORD}
    secrets["endpoint"] = (await house.post("/api/v1/webhook_endpoints", hook, keep=False))["secret"]
    secrets["token of a user"] = token("ana")
    bearer = {"Authorization": f"Bearer {secrets['token of a user']}"}
    assert (await house.send(("GET", planting.PAYMENTS, bearer, b""))).is_success
    till = await Till.open(Settings.model_validate(variables), secrets=Secrets(variables))
    person = await hire(till)
    await equip(person)
    session = await person.enter(code=person.recovery.pop())
    await till.close()
    secrets |= {"password": person.password, "second factor": person.secret, "session": session}
    secrets["recovery code"] = person.recovery[0]
    house.ours = [Canary(f"our own {name}", secret, secret) for name, secret in secrets.items()]


async def test_what_must_stay_secret_is_nowhere_by_whatever_way_it_came_in(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    async with housed(tmp_path) as house:
        words = await plant(house)
        channels = await search(house)
    tell(f"seed {SEED}, {len(CANARIES)} canaries, {len(channels)} places: {[*channels]}")
    assert {where: word for where, word in words.items() if word not in channels[where]} == {}
    assert words.keys() == channels.keys()
    secrets = [*CANARIES, NAME, *house.ours]
    leaks = [
        f"{where}: {name}: {text}" for where, held in channels.items() for name, text in found(held, secrets).items()
    ]
    assert leaks == [], "\n".join(leaks)


async def plant(house: House) -> dict[str, str]:
    """Bring every canary in by every way; return a harmless word for each place that it must hold."""
    payment = await house.post(planting.PAYMENTS, {**planting.WISH, "metadata": {"note": WORD}})
    await house.send(("GET", f"/{WORD}", {}, b""))
    for canary in CANARIES:
        for request in planting.requests(canary):
            await house.send(request)
        for event in planting.events(canary, payment):
            await house.hear(event)
    for card in CARDS:
        for request in planting.taken(card):
            assert (await house.send(request)).status_code == 422
    await let_the_gateway_say_it(house, payment)
    await let_the_merchant_say_it(house)
    await let_the_database_say_it(house)
    await asyncio.to_thread(say_it_to_commands, house, payment)
    ready = "database system is ready"
    logs = {"log of api": WORD, "log of worker": "message_failed", "log of postgres": ready}
    told = {"events": payment["id"], "letters": "A webhook was given up"}
    return {"answers": WORD, "problems": WORD, "database": WORD, "commands": WORD, **told, **logs}


async def let_the_gateway_say_it(house: House, payment: planting.Json) -> None:
    """Answer our calls with canaries: those that a customer waits for, and those that the worker makes."""
    await house.act(f"sessions/{payment['gateway_reference']}/pay")
    await house.until("SELECT count(*) > 0 FROM payment WHERE status = 'succeeded'")
    for canary in CANARIES:
        for status, body, kind in planting.answers(canary):
            house.mouth.answer = said(status, body, kind, Request_Id=canary.in_header)
            await ask_the_gateway(house)
    await house.send(("POST", f"{planting.PAYMENTS}/{payment['id']}/sync", {}, b""))
    refund = json.dumps({"payment": payment["id"], "amount": 1, "reason": WORD}).encode()
    await house.send(("POST", "/api/v1/refunds", {"Content-Type": "application/json"}, refund))
    await house.until("SELECT count(*) > 0 FROM operation WHERE kind = 'refund' AND tries > 0")
    house.mouth.answer = None


async def ask_the_gateway(house: House) -> None:
    """Try to buy until the gateway is asked; after failures it is left alone for a while, and that is cut short."""
    asked, wish = house.mouth.asked, json.dumps(planting.WISH).encode()
    while house.mouth.asked == asked:
        await house.execute("UPDATE gateway_state SET breaker = 'closed', failures = 0, retry_at = NULL")
        await house.send(("POST", planting.PAYMENTS, {"Content-Type": "application/json"}, wish))


async def let_the_merchant_say_it(house: House) -> None:
    """Answer the next deliveries with canaries: as many at once as are kept of an answer, and some beyond its end."""
    house.merchant.status = 500
    for part in batched(CANARIES, 12):
        house.merchant.body = " | ".join(each.written for each in part).encode()
        await tell_the_merchant(house)
    for card, short in zip(CARDS, (3, 9, 14), strict=False):
        house.merchant.body = (b"word " * 205)[: 1024 - short] + f" {card.written} and more".encode()
        await tell_the_merchant(house)


def batched(canaries: Iterable[Canary], size: int) -> Iterator[list[Canary]]:
    """Go through canaries by so many."""
    rest = iter(canaries)
    while part := list(islice(rest, size)):
        yield part


async def tell_the_merchant(house: House) -> None:
    """Let something happen, and wait until the merchant was told of it."""
    taken = len(house.merchant.taken)
    await ask_the_gateway(house)
    await house.until("SELECT true", fits=lambda: len(house.merchant.taken) > taken)


async def let_the_database_say_it(house: House) -> None:
    """Let PostgreSQL refuse a row and show it: its errors quote what they refuse."""
    person = next(each for each in CANARIES if each.name == "e-mail")
    customer = json.dumps({"email": person.written, "name": NAME.written}).encode()
    for spoil, mend in (
        ("ADD CONSTRAINT spoilt CHECK (false) NOT VALID", "DROP CONSTRAINT spoilt"),
        ("RENAME COLUMN email TO away", "RENAME COLUMN away TO email"),
    ):
        await house.execute(f"ALTER TABLE customer {spoil}")
        answer = await house.send(("POST", "/api/v1/customers", {"Content-Type": "application/json"}, customer))
        assert answer.status_code == 500
        await house.execute(f"ALTER TABLE customer {mend}")


def say_it_to_commands(house: House, payment: planting.Json) -> None:
    """Name canaries to commands, in their words and in their environment."""
    own = house.stage.environment
    house.run("payments", "show", payment["id"], "--json")
    for canary, words, name in zip(NAMED, cycle(COMMANDS), cycle(VARIABLES)):
        if words != TRIAL or canary.name not in ADDRESSES:
            house.run(*words, "--json", "--", canary.written)
        house.run("payments", "ls", "--json", **own | {name: canary.in_header})
        house.run("payments", "ls", **own | {"DATABASE_URL": f"postgresql://u:{quote(canary.core)}@127.0.0.1:1/x"})


async def search(house: House) -> dict[str, str]:
    """Read every place, once webhooks that make no sense were given up, and operators were told."""
    hurried = "UPDATE inbox_message SET attempts = 5, due_at = now() WHERE status = 'received' AND due_at > now()"
    await house.until("SELECT count(*) = 0 FROM inbox_message WHERE status = 'received'", hurried)
    await house.until("SELECT count(*) > 0 FROM mail_letter WHERE kind = 'digest' AND status = 'sent'")
    for path in SHOWN:
        for each in (await house.get(path))["data"]:
            if path in SHOWN_SINGLY:
                await house.get(f"{path.partition('?')[0]}/{each['id']}")
    events = [f"{each.path} {each.headers} {each.body.decode()}" for each in house.merchant.taken]
    logs = {f"log of {name}": house.stage.log(name).read_text() for name in ("api", "worker")}
    places = {name: "\n".join(texts) for name, texts in house.told.items()}
    places |= {"events": "\n".join(events), "letters": "\n".join(each.raw.decode() for each in house.box.letters)}
    postgres = house.stage.postgres.log.read_text()
    return {**places, **logs, "log of postgres": postgres, "database": await house.rows()}


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_the_search_finds_each_canary_in_each_disguise(canary: Canary) -> None:
    for disguise, text in disguises(canary).items():
        assert [*found(text, CANARIES)] == [canary.name], disguise
    assert found(f"{WORD} 4111 2222 3333 4444", CANARIES) == {}
