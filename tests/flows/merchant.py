"""A till whose events a merchant hears, with hands to put time forward and to look at what was written."""

import ssl
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg

from tillkeeper import outbox
from tillkeeper.flows.deliver import deliver
from tillkeeper.flows.fan_out import fan_out
from tillkeeper.flows.read import read
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.subscribe import subscribe
from tillkeeper.kernel import ids
from tillkeeper.kernel.egress import Egress
from tillkeeper.reports import webhook_delivery, webhook_endpoint
from tillkeeper.till import Till

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate: receivers of tests speak plain HTTP."""


@dataclass
class Merchant:
    """Hold a till that may call this machine, and its database as the owner sees it."""

    till: Till
    owner: asyncpg.Connection

    async def subscribe(self, url: str, *types: str) -> tuple[UUID, str]:
        return await subscribe(self.till, url=url, types=types or ("*",), description=None)

    async def announce(self, *types: str) -> list[str]:
        """Let things happen; return the ids under which they are told."""
        events = [
            outbox.Event(type=type_, subject=ids.new(), payment=None, data={"what": "é", "number": place})
            for place, type_ in enumerate(types)
        ]
        for event in events:
            async with self.till.db.transaction() as tx:
                await outbox.announce(tx, [event])
        return [ids.text("event", event.id) for event in events]

    async def plan(self) -> None:
        """Give everything that happened its number, and owe it."""
        while await sequence(self.till) + await fan_out(self.till):
            pass

    async def send(self) -> int:
        """Send what is due, again and again until nothing is."""
        await self.plan()
        total = 0
        while sent := await deliver(self.till):
            total += sent
        return total

    async def hurry(self) -> None:
        """Let the time of every next try come."""
        await self.owner.execute("UPDATE webhook_delivery SET due_at = now() WHERE status = 'pending'")

    async def deliveries(self) -> list[Any]:
        """List deliveries as they are shown, with their tries, in the order of their events."""
        rows = await self.owner.fetch("SELECT id FROM webhook_delivery ORDER BY endpoint_id, seq")
        return [await self.delivery(row["id"]) for row in rows]

    async def delivery(self, id_: UUID) -> Any:
        return await read(self.till, lambda tx: webhook_delivery.show(tx, id_))

    async def endpoint(self, id_: UUID) -> Any:
        return await read(self.till, lambda tx: webhook_endpoint.show(tx, id_))


def merchant_of(till: Till, owner: asyncpg.Connection) -> Merchant:
    """Let a till call this machine, which is where the receivers of tests are."""
    return Merchant(replace(till, egress=Egress(private=True, secure=False, trust=NOBODY)), owner)
