"""One merchant's whole business on a database of its own: the program, the gateway that is played, and the model."""

import asyncio
import json
import pickle
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Self, cast

import asyncpg
import httpx2
from tests.machine.balances import books
from tests.machine.gateway import NAME, SIGNATURE, Fact, PlayedGateway, sign
from tests.machine.model import OK, Model, fee_of

from tillkeeper.catalog import Package
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.flows.settle import settle
from tillkeeper.flows.sweep import sweep
from tillkeeper.gateway import Gateway
from tillkeeper.kernel import clock
from tillkeeper.kernel.crypto import Box
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.egress import Egress
from tillkeeper.reports import invariants
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web.app import build

settle_rounds_max = 20
requests_per_minute_max = 10**6
"""So that how fast a run is decides nothing."""
Stage = Callable[[Model], str]

LOOK = """
SELECT json_build_object(
  'users', (SELECT coalesce(json_object_agg(id, name), '{}') FROM end_user),
  'wallets', (SELECT coalesce(json_object_agg(name, json_build_array(balance, frozen, debt)), '{}')
              FROM wallet JOIN end_user ON end_user.id = user_id),
  'payments', (SELECT coalesce(json_object_agg(id, json_build_array(status, amount_captured, amount_refunded,
                 amount_refunding, amount_disputed, amount_lost, tax_refunded)), '{}') FROM payment),
  'refunds', (SELECT coalesce(json_object_agg(payment_id, each), '{}') FROM (
                SELECT payment_id, json_agg(json_build_array(amount, status, tax, owed)
                                            ORDER BY amount, status COLLATE "C", tax, owed) AS each
                FROM (SELECT refund.*, CASE status WHEN 'failed' THEN 0 ELSE coalesce(unearned, 0) END AS owed
                      FROM refund LEFT JOIN revocation ON refund_id = refund.id) AS one
                GROUP BY payment_id) AS gone),
  'lots', (SELECT coalesce(json_object_agg(coalesce(payment_id, id), json_build_array(remaining, frozen, revoked,
             recognised, returned, lost) ORDER BY created_at, id), '{}') FROM credit_lot),
  'books', (SELECT coalesce(json_object_agg(code, amount), '{}') FROM (
              SELECT code, sum(amount) AS amount FROM (
                SELECT debit_id AS id, amount FROM posting UNION ALL SELECT credit_id, -amount FROM posting) AS side
              JOIN account USING (id) GROUP BY code HAVING sum(amount) <> 0) AS stands),
  'events', (SELECT coalesce(json_object_agg(type, number), '{}')
             FROM (SELECT type, count(*) AS number FROM outbox_event GROUP BY type) AS told),
  'inbox', (SELECT coalesce(json_object_agg(status, number), '{}')
            FROM (SELECT status, count(*) AS number FROM inbox_message GROUP BY status) AS heard),
  'due', (SELECT count(*) FROM inbox_message WHERE status = 'received' AND due_at <= clock_timestamp()),
  'broken', (SELECT coalesce(json_agg(DISTINCT name), '[]') FROM (
    SELECT 'I1: a posting is in another currency than its accounts' AS name FROM posting
      JOIN account ON account.id IN (debit_id, credit_id) WHERE account.currency <> posting.currency
    UNION ALL SELECT 'I3: goods were not handed over exactly once' FROM payment
      LEFT JOIN entitlement ON payment_id = payment.id
      LEFT JOIN late_delivery ON late_delivery.payment_id = payment.id AND late_delivery.status <> 'delivered'
      WHERE (entitlement.id IS NOT NULL) <> (amount_captured > 0 AND sale IS NOT NULL AND late_delivery IS NULL)
    UNION ALL SELECT 'I4: more went back than was captured' FROM payment
      WHERE amount_refunded + amount_refunding > amount_captured
    UNION ALL SELECT 'I5: a balance is not the sum of its postings' FROM balance
      LEFT JOIN (SELECT account_id, sum(debits - credits) AS moved FROM balance_delta GROUP BY 1) AS delta
        USING (account_id)
      LEFT JOIN (SELECT id, sum(amount) AS booked FROM (
        SELECT debit_id AS id, amount FROM posting UNION ALL SELECT credit_id, -amount FROM posting) AS side
        GROUP BY id) AS entries ON entries.id = account_id
      WHERE debits - credits + coalesce(moved, 0) <> coalesce(booked, 0)
    UNION ALL SELECT 'I5: a wallet is not the sum of its movements or of its lots, or is below zero' FROM wallet
      WHERE balance < 0 OR frozen < 0 OR debt < 0
        OR balance <> (SELECT coalesce(sum(amount), 0) FROM wallet_entry AS entry WHERE entry.user_id = wallet.user_id)
        OR balance <> (SELECT coalesce(sum(remaining), 0) FROM credit_lot AS lot WHERE lot.user_id = wallet.user_id)
        OR frozen <> (SELECT coalesce(sum(lot.frozen), 0) FROM credit_lot AS lot WHERE lot.user_id = wallet.user_id)
  ) AS wrong))
"""
FAILURE = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
CREATE TRIGGER spoil BEFORE INSERT ON credit_lot FOR EACH ROW EXECUTE FUNCTION spoil();
ALTER TABLE credit_lot DISABLE TRIGGER spoil;
"""


class Divergence(AssertionError):  # noqa: N818 (what was found, not what went wrong in the search)
    """Report that program and model do not agree, with all that was done up to then."""


@dataclass(frozen=True)
class Deed:
    """Something to do: in the program by `do`, in the model by `stages`, between which something else may come."""

    words: str
    do: Callable[[], Awaitable[str]]
    stages: tuple[Stage, ...]


@dataclass
class World:
    """Hold what a run of the machine acts on."""

    till: Till
    owner: asyncpg.Connection
    gateway: PlayedGateway
    http: httpx2.AsyncClient
    key: str
    model: Model = field(default_factory=Model)
    done: list[str] = field(default_factory=list)
    heard: list[tuple[Fact, bytes]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    async def open(cls, app_url: str, owner_url: str) -> Self:
        """Open the program on a fresh database that has a catalogue."""
        settings = Settings(
            mode="sandbox",
            database_url=app_url,
            secret_key="machine " * 4,
            amount_units_min=0,
            key_requests_per_minute_max=requests_per_minute_max,
        )
        db = await Database.connect(app_url, connections=6)
        played: dict[str, Gateway] = {}
        egress = Egress(private=False, secure=True)
        till = Till(settings=settings, db=db, gateways=played, box=Box(settings.secret_key), egress=egress)
        gateway = PlayedGateway(fee_of)
        played[NAME] = cast("Gateway", gateway)  # it has what these flows call
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=build(till)), base_url="http://till.test")
        _, key = await issue(till, "machine", scopes=["admin"])
        world = cls(till, await asyncpg.connect(owner_url), gateway, http, key)
        gateway.tell = world.hear
        return world

    async def stock(self, packages: Sequence[Package]) -> None:
        """Make a fresh database ready to be copied: with a catalogue, and with goods that can be made to fail."""
        await offer(self.till, packages)
        await self.owner.execute(FAILURE)

    async def close(self) -> None:
        """Close everything; whatever was done, the program's own proof finds nothing wrong with it."""
        try:
            await sweep(self.till)
            found = await read(self.till, lambda tx: invariants.examine(tx, recent=False))
            broken = [(finding.name, finding.sample) for finding in found if finding.violations]
        finally:
            await self.http.aclose()
            await self.owner.close()
            await self.till.close()
        if broken:
            raise Divergence(self._tell(f"its own proof finds {broken}"))

    async def happen(self, *deeds: Deed) -> None:
        """Do things at once, and compare what came of them with each order in which the model may have done them."""
        self.done.append(" ∥ ".join(deed.words for deed in deeds))
        answers = await asyncio.gather(*(deed.do() for deed in deeds))
        seen = await self._look()
        before = pickle.dumps(self.model) if len(deeds) > 1 else b""
        first = ""
        for order in orders([len(deed.stages) for deed in deeds]):
            model: Model = pickle.loads(before) if before else self.model  # noqa: S301 (our own, from above)
            wrong = _differences(model, play(model, deeds, order), answers, seen)
            if not wrong:
                self.model = model
                if before:
                    self._take_over_order(seen["lots"])
                return
            first = first or "\n".join(wrong)
        raise Divergence(self._tell(first))

    async def hear(self, fact: Fact) -> None:
        """Let the program hear of a fact by a webhook, and settle it."""
        body = json.dumps({"id": f"event_{next(self.numbers)}", "fact": fact.name, "told": fact.told}).encode()
        self.heard.append((fact, body))
        await self.send(body)

    async def send(self, body: bytes) -> None:
        """Deliver a webhook, perhaps once more."""
        answer = await self.http.post(f"/webhooks/{NAME}", content=body, headers={SIGNATURE: sign(body)})
        assert answer.is_success, answer.text
        await settle(self.till)

    async def ask(self, path: str, wanted: Mapping[str, Any], made: dict[str, Any] | None = None) -> str:
        """Ask for something, and tell how it ended: ok, or the code of the refusal; the answer goes into `made`."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"key-{next(self.numbers)}"}
        body = {name: value for name, value in wanted.items() if value is not None}
        answer = await self.http.post(f"/api/v1{path}", json=body, headers=headers)
        told = answer.json()
        if made is not None and answer.is_success:
            made |= told
        return OK if answer.is_success else str(told["code"])

    async def pass_time(self, hours: int) -> None:
        """Let the clock go on for credits, which the database's time ends."""
        await self.owner.execute("UPDATE credit_lot SET expires_at = expires_at - $1::interval", timedelta(hours=hours))

    def in_hours(self, hours: int) -> Any:
        """Tell a moment between two full hours from now, so that the time that a run takes decides nothing."""
        return clock.now() + timedelta(hours=hours, minutes=-30)

    async def spoil(self, *, on: bool) -> None:
        """Let goods fail from now on, or no more."""
        await self.owner.execute(f"ALTER TABLE credit_lot {'ENABLE' if on else 'DISABLE'} TRIGGER spoil")

    async def _look(self) -> dict[str, Any]:
        for _ in range(settle_rounds_max):
            seen: dict[str, Any] = json.loads(await self.owner.fetchval(LOOK))
            if not seen["due"]:
                break
            await settle(self.till)
        return seen

    def _take_over_order(self, lots: Sequence[str]) -> None:
        """Take over which of the lots that came at once the program counts as the older one."""
        for number, name in enumerate(lots):
            self.model.purses.lots[name].born = number

    def _tell(self, wrong: str) -> str:
        steps = "\n".join(f"{number}. {words}" for number, words in enumerate(self.done, start=1))
        return f"the program and the model differ after\n{steps}\n{wrong}"


def orders(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """List every way to do stages of deeds one after the other: each number names whose stage comes next."""
    if not any(lengths):
        yield ()
    for number, length in enumerate(lengths):
        if length:
            rest = [each - (place == number) for place, each in enumerate(lengths)]
            yield from ((number, *later) for later in orders(rest))


def play(model: Model, deeds: Sequence[Deed], order: Sequence[int]) -> list[str]:
    """Do deeds in the model in one order, and return how each ended: a refusal ends it at once."""
    ends, reached = [OK] * len(deeds), [0] * len(deeds)
    for number in order:
        if ends[number] == OK:
            ends[number] = deeds[number].stages[reached[number]](model)
            reached[number] += 1
    return ends


def _differences(model: Model, expected: list[str], answers: list[str], seen: dict[str, Any]) -> list[str]:
    wrong = [f"  it is so that {each}" for each in seen["broken"]]
    if expected != answers:
        wrong.append(f"  answers: the program says {answers}, the model {expected}")
    for name, due in _shown(model).items():
        found = _named(seen[name], seen["users"]) if name == "books" else seen[name]
        keys = sorted(key for key in due.keys() | found.keys() if due.get(key) != found.get(key))
        wrong += [f"  {name}: {key}: the program says {found.get(key)}, the model {due.get(key)}" for key in keys]
    return wrong


def _named(found: dict[str, int], users: dict[str, str]) -> dict[str, int]:
    """Put names of users for their ids."""
    ends = {code: code.rpartition(":") for code in found}
    return {f"{start}:{users[end]}" if end in users else code: found[code] for code, (start, _, end) in ends.items()}


def _shown(model: Model) -> dict[str, dict[str, Any]]:
    """Shape the model as the program is seen."""
    purses = model.purses
    users = {lot.user for lot in purses.lots.values()} | set(purses.debts)
    return {
        "wallets": {user: [purses.spendable(user), purses.frozen(user), purses.debts[user]] for user in users},
        "payments": {
            name: [
                each.status,
                each.captured,
                each.refunded("succeeded"),
                each.refunded("pending"),
                each.disputed,
                each.lost,
                each.tax_returned,
            ]
            for name, each in model.payments.items()
        },
        "refunds": {  # of two at once, which was first is seen by what each is made of alone
            name: sorted(
                [refund.amount, refund.state, refund.tax, refund.owed if each.lot and refund.state != "failed" else 0]
                for refund in each.refunds.values()
            )
            for name, each in model.payments.items()
            if each.refunds
        },
        "lots": {
            lot.name: [lot.left, lot.frozen, lot.revoked, lot.earned, lot.returned, lot.lost]
            for lot in purses.lots.values()
        },
        "books": books(model),
        "events": dict(+Counter(model.events)),
        "inbox": dict(+Counter(model.inbox)),
    }
